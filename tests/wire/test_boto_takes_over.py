"""A lean client that AWS refuses, or that does not understand AWS: in a sandbox, to each message's end.

In boto's place is another lean client, whom AWS knows by its key. That boto itself takes over is seen in
`tests/unit/shared/aws/test_boto_takes_over.py`.
"""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
from tests.wire.aws import FUNCTION, Aws, Request, Response
from tests.wire.lean import lean_consumer, lean_worker
from tests.wire.sandbox import SandboxOnTheWire

from shared.aws.doubt import Doubt, LeanFirst
from shared.aws.dynamodb_records import DynamoDbRecords
from shared.aws.lambda_workers import LambdaWorkers
from shared.aws.sqs_queue import SqsQueue
from zigzag import task
from zigzag_testing.process_ports import ConsumerPorts, WorkerPorts

NOT_SIGNED_WELL = "InvalidSignatureException"
GARBLED = "an answer that nobody understands"

ran: Counter[int] = Counter()


@task()
def count(payload: dict[str, int]) -> None:
    ran[payload["number"]] += 1


@task(idempotent=True)
def count_once(payload: dict[str, int]) -> None:
    ran[payload["number"]] += 1


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


class Garbled(Response):
    def to_bytes(self, *, chunked: bool) -> bytes:
        return b"SSH-2.0-OpenSSH_9.9\r\n\r\n"


class SandboxInDoubt(SandboxOnTheWire):
    """One process of the consumer, and one of the worker, that begin with the lean client."""

    def __init__(self, *arguments: Any, how: str = NOT_SIGNED_WELL, after: int = 0, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.aws = Wary(
            self.clock, self.faults, (self.queue, self.dead_letter_queue), self.workers, self.records
        )
        self.aws.how, self.aws.after = how, after
        self.wire.aws = self.aws
        of_worker = Doubt()
        self._consumer = LeanFirst(
            lean_consumer(self.wire),
            lambda: lean_consumer(self.wire, key="boto"),
            Doubt(),
            calls_again=False,
        )
        self._worker, self._beats = (
            LeanFirst(
                lean_worker(self.wire, attempts),
                lambda attempts=attempts: lean_worker(self.wire, attempts, key="boto"),
                of_worker,
                calls_again=attempts > 1,
            )
            for attempts in (4, 1)
        )

    @contextmanager
    def _consumer_ports(self) -> Iterator[ConsumerPorts]:
        queues = (SqsQueue(self._consumer, queue.url) for queue in (self.queue, self.dead_letter_queue))
        yield ConsumerPorts(*queues, LambdaWorkers(self._consumer, FUNCTION))

    @contextmanager
    def _worker_ports(self) -> Iterator[WorkerPorts]:
        yield WorkerPorts(
            SqsQueue(self._worker, self.queue.url),
            SqsQueue(self._beats, self.queue.url),
            SqsQueue(self._worker, self.dead_letter_queue.url),
            DynamoDbRecords(self._worker, "records"),
            lambda: None,
        )


@pytest.fixture
def worlds(caplog: pytest.LogCaptureFixture) -> Iterator[ExitStack]:
    caplog.set_level(logging.WARNING)
    ran.clear()
    with ExitStack() as worlds:
        yield worlds


@pytest.mark.parametrize("how", [NOT_SIGNED_WELL, GARBLED])
@pytest.mark.parametrize("after", [0, 1, 5, 13])
@pytest.mark.parametrize("name", ["count", "count_once"])
def test_all_is_dispatched_and_settled_whenever_it_begins(
    worlds: ExitStack, caplog: pytest.LogCaptureFixture, how: str, after: int, name: str
) -> None:
    # Given thirty messages, and an AWS that the lean client no longer gets along with after some calls
    sandbox = worlds.enter_context(
        SandboxInDoubt({"count": count, "count_once": count_once}, how=how, after=after)
    )
    for number in range(30):
        sandbox.send_message(json.dumps({"task": name, "id": str(number), "payload": {"number": number}}))

    # When the queue runs empty
    sandbox.run()

    # Then each was dispatched and ran, and no event was accepted twice
    assert set(ran) == set(range(30))
    assert max(sandbox.aws.taken.values()) == 1
    assert sandbox.dead_letters == []
    # And the two processes have said once each that boto is used, and used nothing else
    assert [record.message for record in caplog.records].count("boto is used") == 2


def test_what_was_refused_runs_once_and_within_its_tick(worlds: ExitStack) -> None:
    """Nothing was done: the same call is boto's, at once."""
    sandbox = worlds.enter_context(SandboxInDoubt({"count": count}, after=2))
    for number in range(5):
        sandbox.send_message(json.dumps({"task": "count", "payload": {"number": number}}))

    summary = sandbox.tick()

    assert (summary.dispatched, summary.went_well) == (5, True)
    assert set(ran.values()) == {1}
    assert sandbox.aws.by[0] == ("lean", "ReceiveMessage")
