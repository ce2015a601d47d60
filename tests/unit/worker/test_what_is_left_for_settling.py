"""Near the end of the function's time, no call that hangs takes what settling needs."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from types import SimpleNamespace

import pytest
from tests.support import WatchedRecords, World, body_of
from tests.unit.worker.conftest import Bench

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


def test_a_beat_ends_before_its_attempt_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Callable[[], float]] = []

    def note(*_: object, ends_at: Callable[[], float], **__: object) -> SimpleNamespace:
        made.append(ends_at)
        return SimpleNamespace(prepare=lambda service: None)

    monkeypatch.setattr(on_aws, "transport_in_place", note)
    monkeypatch.setattr(aws, "_identity", None)

    on_aws.transports_by_now("lean", lambda: 100.0)

    assert [ends_at() for ends_at in made] == [100.0, 97.0]
