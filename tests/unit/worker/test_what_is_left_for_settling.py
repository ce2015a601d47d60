"""Near the end of the function's time, no call that hangs takes what settling needs."""

from __future__ import annotations

import asyncio
import contextlib
import math
import threading
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from tests.support import NOW, WatchedRecords, World, body_of
from tests.unit.worker.conftest import Bench

from shared.aws.dynamodb_gates import TOLD_SECONDS, DynamoDbGates
from shared.aws.dynamodb_records import LEFT_SECONDS, DynamoDbRecords
from shared.aws.transport import Answered, Service
from shared.ports.records import Counted, RecordsError
from worker import on_aws
from worker.deadline import HARD_SECONDS
from worker.host import Sleep
from worker.process import LambdaProcess
from zigzag import aws
from zigzag.in_place import run_in_place
from zigzag_testing.faults import Crash

SOON = 0.05


@pytest.mark.parametrize("left", [HARD_SECONDS, HARD_SECONDS + SOON])
def test_a_beat_that_hangs_is_not_waited_for(process: LambdaProcess, left: float) -> None:
    began, ended = threading.Event(), threading.Event()

    async def hangs(sleep: Sleep) -> None:
        await sleep(0)
        began.set()
        ended.wait(20 * SOON)

    async def block() -> None:
        async with process.beside(hangs):
            began.wait()

    process.begin(lambda: left)
    run_in_place(block())

    ended.set()
    assert process.exit_reason == "a heartbeat hangs"


class SilentRecords(WatchedRecords):
    """A table that takes each call, and answers none."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self._world = world

    async def count(self, key: str, owner: str, now: float) -> Counted:
        await self._world.clock.sleep(25)
        raise RecordsError("it is silent")


def test_a_failure_that_can_not_be_counted_is_settled_with_its_own_reason(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    bench.records = SilentRecords(bench)
    delivery = bench.delivered(body_of("plain", {"raises": True}))

    with caplog.at_level("INFO"), contextlib.suppress(Crash, asyncio.CancelledError):
        bench.work(delivery, seconds_left=18)

    assert bench.records.calls == ["count"]
    assert bench.seconds() == 18 - HARD_SECONDS
    (line,) = [vars(record)["fields"] for record in caplog.records if record.message == "delivery"]
    assert (line["outcome"], line["settled"], line["reason"]) == ("retry later", True, "ValueError: broken")


class TestRecords:
    """On DynamoDB, no call takes the last second of the function, which settling needs."""

    def test_none_is_sent_then(self) -> None:
        transport = Asked()
        records = DynamoDbRecords(transport, "records", lambda: 100.0)

        run_in_place(records.disown("run#1", "me"))

        assert transport.until == [100.0 - LEFT_SECONDS]


class TestGates:
    """Nor does a call to the gates. The breaker is told within a few seconds, or not at all."""

    @pytest.mark.parametrize(
        ("left", "until"),
        [(900.0, TOLD_SECONDS), (3.0, 3.0 - LEFT_SECONDS)],
        ids=["with time left", "near the end"],
    )
    def test_none_is_sent_later(self, left: float, until: float) -> None:
        transport = Asked()
        gates = DynamoDbGates(transport, "records", lambda: NOW + left)

        run_in_place(gates.unavailable("default", "0a", NOW, None))
        run_in_place(gates.succeeded("default", NOW, NOW))

        assert transport.until == [NOW + until] * 2

    def test_none_is_sent_then(self) -> None:
        transport = Asked()
        gates = DynamoDbGates(transport, "records", lambda: 100.0)

        run_in_place(gates.release("default", ["a1b2"]))

        assert transport.until == [100.0 - LEFT_SECONDS]


def test_a_beat_ends_before_its_attempt_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Callable[[], float]] = []

    def note(*_: object, ends_at: Callable[[], float], **__: object) -> Asked:
        made.append(ends_at)
        return Asked()

    monkeypatch.setattr(on_aws, "transport_in_place", note)
    monkeypatch.setattr(aws, "_identity", None)

    on_aws.transports_by_now("lean", lambda: 100.0)

    assert [ends_at() for ends_at in made] == [100.0, 97.0]


class Asked:
    """A transport that remembers until when a call may be sent."""

    def __init__(self) -> None:
        self.until: list[float] = []

    async def call(
        self, service: Service, operation: str, parameters: Mapping[str, Any], until: float = math.inf
    ) -> Answered:
        self.until.append(until)
        return Answered({"Attributes": {}})

    def prepare(self, *services: Service) -> None: ...

    async def invoke(self, function: str, event: bytes) -> None: ...

    def close(self) -> None: ...
