"""What every implementation of the `Workers` port does: the one on Lambda, and the one in the sandbox;
and the first, when the second answers it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from tests.http_endpoint import HttpEndpoint
from tests.noise import noise
from tests.support import a_delivery, body_of
from tests.transports import InALoop, as_on_lambda
from tests.wire.sandbox import SandboxOnTheWire, consumer_transport

from shared.aws.choice import BOTO, LEAN
from shared.aws.lambda_workers import LambdaWorkers
from shared.delivery import MAX_EVENT_BYTES, Batch, to_event
from shared.ports.workers import Answer, Reply
from zigzag_testing import Sandbox

Dispatch = Callable[[list[bytes]], list[Answer]]

SMALL = to_event(Batch((a_delivery(body_of("greet")),)))
LARGE = to_event(Batch((a_delivery(body_of("greet", {"text": noise(MAX_EVENT_BYTES)})),)))


def on_lambda(monkeypatch: pytest.MonkeyPatch, wanted: str) -> Iterator[Dispatch]:
    with HttpEndpoint(lambda event: 413 if len(event) > MAX_EVENT_BYTES else 202) as endpoint:
        as_on_lambda(monkeypatch, endpoint.url)
        loop = InALoop(wanted)
        yield lambda events: loop.run(LambdaWorkers(loop.transport, "worker").dispatch(events))
        loop.close()


def by_boto(monkeypatch: pytest.MonkeyPatch) -> Iterator[Dispatch]:
    yield from on_lambda(monkeypatch, BOTO)


def by_the_lean_transport(monkeypatch: pytest.MonkeyPatch) -> Iterator[Dispatch]:
    yield from on_lambda(monkeypatch, LEAN)


def in_the_sandbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[Dispatch]:
    with Sandbox({}) as sandbox:

        async def dispatch(events: list[bytes]) -> list[Answer]:
            answers = await sandbox.workers.dispatch(events)
            await sandbox.workers.finish()
            return answers

        yield lambda events: sandbox._do(dispatch(events))


def over_the_wire(wanted: str) -> Iterator[Dispatch]:
    with SandboxOnTheWire({}, wanted=wanted) as sandbox:
        workers = LambdaWorkers(consumer_transport(wanted, sandbox.wire), "worker")

        async def dispatch(events: list[bytes]) -> list[Answer]:
            answers = await workers.dispatch(events)
            await sandbox.workers.finish()
            return answers

        yield lambda events: sandbox._do(dispatch(events))


def over_the_wire_by_boto(monkeypatch: pytest.MonkeyPatch) -> Iterator[Dispatch]:
    yield from over_the_wire(BOTO)


def over_the_wire_by_the_lean_transport(monkeypatch: pytest.MonkeyPatch) -> Iterator[Dispatch]:
    yield from over_the_wire(LEAN)


@pytest.fixture(
    params=[
        by_boto,
        by_the_lean_transport,
        in_the_sandbox,
        over_the_wire_by_boto,
        over_the_wire_by_the_lean_transport,
    ],
    ids=lambda made: made.__name__,
)
def dispatch(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Dispatch]:
    yield from request.param(monkeypatch)


def test_what_is_taken_is_sent(dispatch: Dispatch) -> None:
    assert [answer.reply for answer in dispatch([SMALL])] == [Reply.SENT]


def test_each_event_has_its_own_answer_in_their_order(dispatch: Dispatch) -> None:
    replies = [answer.reply for answer in dispatch([SMALL, LARGE, SMALL])]

    assert replies == [Reply.SENT, Reply.TOO_LARGE, Reply.SENT]


def test_no_event_has_no_answer(dispatch: Dispatch) -> None:
    assert dispatch([]) == []
