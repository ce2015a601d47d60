"""A lean client that AWS refuses, or that does not understand AWS: in a sandbox, to each message's end.

In boto's place is another lean client, which AWS knows by its key. The test that boto itself takes over is
`tests/unit/shared/aws/test_boto_takes_over.py`.
"""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from tests.promises.wire.aws import Aws, Request, Response
from tests.promises.wire.lean import lean_consumer, lean_worker
from tests.promises.wire.sandbox import SandboxOnTheWire

from shared.aws.doubt import Doubt, LeanFirst
from shared.aws.transport import Transport
from zigzag import task

NOT_SIGNED_WELL = "InvalidSignatureException"
GARBLED = "an answer that nobody understands"

ran: Counter[int] = Counter()


@task()
def count(payload: dict[str, int]) -> None:
    ran[payload["number"]] += 1


@task(idempotent=True)
def count_once(payload: dict[str, int]) -> None:
    ran[payload["number"]] += 1


class Garbled(Response):
    def to_bytes(self, *, chunked: bool) -> bytes:
        return b"SSH-2.0-OpenSSH_9.9\r\n\r\n"


class Wary(Aws):
    """Has an answer of its own for the lean client, after so many calls.

    how -- a code to refuse it with, or GARBLED: the call is done, and its answer is not HTTP.
    by  -- who made each call, and which.
    """

    how = NOT_SIGNED_WELL
    after = 0

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.by: list[tuple[str, str]] = []

    async def answer(self, request: Request) -> Response:
        client = "boto" if "Credential=boto/" in request.headers["authorization"] else "lean"
        self.by.append((client, request.operation))
        if client == "boto" or len(self.by) <= self.after:
            return await super().answer(request)
        if self.how != GARBLED:
            return self.error(403, self.how, "a fault")
        await super().answer(request)
        return Garbled(200, b"", {})


class SandboxInDoubt(SandboxOnTheWire):
    """Its processes begin with the lean client."""

    def __init__(self, **of_its_aws: Any) -> None:
        super().__init__({"count": count, "count_once": count_once})
        queues = self.queue, self.dead_letter_queue
        self.aws = self.wire.aws = Wary(self.clock, self.faults, queues, self.workers, self.records)
        vars(self.aws).update(of_its_aws)

    def new_consumer(self) -> Transport:
        boto = lambda: lean_consumer(self.wire, key="boto")  # noqa: E731
        return LeanFirst(lean_consumer(self.wire), boto, Doubt(), calls_again=False)

    def new_worker(self) -> tuple[Transport, Transport]:
        doubt = Doubt()

        def made(attempts: int) -> Transport:
            boto = lambda: lean_worker(self.wire, attempts, key="boto")  # noqa: E731
            return LeanFirst(lean_worker(self.wire, attempts), boto, doubt, calls_again=attempts > 1)

        return made(4), made(1)

    def send(self, number: int, name: str) -> None:
        for each in range(number):
            self.send_message(json.dumps({"task": name, "id": str(each), "payload": {"number": each}}))


@pytest.fixture
def in_doubt() -> Iterator[Callable[..., SandboxInDoubt]]:
    """Makes a sandbox of what is said of its AWS."""
    logging.disable(logging.CRITICAL)
    ran.clear()
    with ExitStack() as made:
        yield lambda **of_its_aws: made.enter_context(SandboxInDoubt(**of_its_aws))
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize("how", [NOT_SIGNED_WELL, GARBLED])
@pytest.mark.parametrize("after", [0, 1, 5, 13])
@pytest.mark.parametrize("name", ["count", "count_once"])
def test_all_is_dispatched_and_settled_whenever_it_begins(
    in_doubt: Callable[..., SandboxInDoubt], how: str, after: int, name: str
) -> None:
    # Given thirty messages, and an AWS that the lean client no longer gets along with after some calls
    sandbox = in_doubt(how=how, after=after)
    sandbox.send(30, name)

    # When the queue runs empty
    sandbox.run()

    # Then each was dispatched and ran, and no event was accepted twice
    assert set(ran) == set(range(30))
    assert max(sandbox.aws.taken.values()) == 1
    assert sandbox.dead_letters == []


def test_what_was_refused_runs_once_and_within_its_tick(in_doubt: Callable[..., SandboxInDoubt]) -> None:
    """Nothing was done: the same call is boto's, at once."""
    sandbox = in_doubt(after=2)
    sandbox.send(5, "count")

    summary = sandbox.tick()

    assert (summary.dispatched, summary.went_well) == (5, True)
    assert set(ran.values()) == {1}
    assert sandbox.aws.by[0] == ("lean", "ReceiveMessage")
