"""The permit of a batch: who has none starts nothing, and who loses it ends."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any, NoReturn

import pytest
from tests.support import NOW, WatchedGates, body_of, delay, watch
from tests.unit.worker.conftest import Bench

from shared.delivery import Batch, Delivery
from shared.lease import BEAT_EVERY_SECONDS, PERMIT_SECONDS, Lease
from shared.ports.workers import Meaning
from shared.queues import DEFAULT
from worker.flow.permit import ENDING_SECONDS, OWN_SECONDS
from worker.result import Report
from zigzag_testing.faults import Crash

PERMIT = "a1b2c3d4"


class Desk(Bench):
    """A worker's bench with gates, of whose one permit the message has one."""

    def __init__(self) -> None:
        super().__init__()
        self.gates = WatchedGates(self.clock)
        self.run(self.gates.cap(DEFAULT, 1))
        self.gates.held[PERMIT] = NOW + PERMIT_SECONDS

    def delivery(self, *, start_by: float = 90, permit: str = PERMIT, **does: Any) -> Delivery:
        """Returns a message that was received with that permit, and whose task does that."""
        one = self.delivered(body_of("plain", does))
        return Delivery(one.message, one.queue_url, Lease(NOW, NOW + start_by, NOW + 120, permit))

    def works(self, one: Delivery, *, controlled: bool = True) -> Report:
        return self.run(self.working_with_gates(one, controlled=controlled))

    async def working_with_gates(self, one: Delivery, *, controlled: bool = True) -> Report:
        gates = (self.gates, self.gates) if controlled else None
        worker = self.worker(self.table, host=self.host, gates=gates)
        ends_at = self.clock.now() + 900
        (report,) = await worker.work(Batch((one,)), lambda: ends_at - self.clock.now())
        return report


@pytest.fixture
def desk() -> Iterator[Desk]:
    desk = Desk()
    yield desk
    desk.close()


def test_it_is_claimed_before_a_task_starts_and_given_back_once_all_is_settled(desk: Desk) -> None:
    report = desk.works(desk.delivery(seconds=4))

    assert (report.outcome, report.settled) == ("succeeded", True)
    assert desk.gates.calls == ["claim", "release"]
    assert [at for at, *_ in desk.gates.asked("release")] == [4.0]
    assert desk.gates.held == {}
    assert len(desk.queue) == 0


def test_it_is_renewed_as_long_as_the_task_runs(desk: Desk) -> None:
    report = desk.works(desk.delivery(seconds=300))

    assert report.outcome == "succeeded"
    renewed = [at for at, *_ in desk.gates.asked("renew")]
    assert renewed == [BEAT_EVERY_SECONDS * number for number in range(1, 8)]


def test_of_two_workers_of_one_event_one_starts_its_task(desk: Desk) -> None:
    one = desk.delivery(seconds=4)

    async def both() -> list[Report]:
        return await asyncio.gather(desk.working_with_gates(one), desk.working_with_gates(one))

    reports = desk.run(both())

    assert sorted(report.outcome for report in reports) == ["left alone", "succeeded"]
    assert len(desk.began) == 1
    assert desk.gates.held == {}


@pytest.mark.parametrize("later", [0, 4])
def test_one_that_is_not_held_any_more_starts_nothing(desk: Desk, later: float) -> None:
    one = desk.delivery()
    if later:
        desk.run(desk.gates.release(DEFAULT, [PERMIT]))
        desk.pass_time(later)
    else:
        desk.gates.held[PERMIT] = NOW - 1

    report = desk.works(one)

    assert (report.outcome, report.settled, desk.began) == ("left alone", False, [])
    assert report.reason == "not started: its permit has ended, or another worker has it"
    assert len(desk.queue) == 1


def test_nothing_starts_if_it_cannot_be_had(desk: Desk) -> None:
    desk.gates.broken["claim"] = Meaning.TRANSIENT

    report = desk.works(desk.delivery())

    assert (report.outcome, desk.began) == ("left alone", [])
    assert report.reason == "not started: its permit can't be had: AccessDenied: in a test"
    assert desk.gates.held == {}, "it may have been claimed all the same"


def test_a_worker_that_starts_too_late_gives_it_back(desk: Desk) -> None:
    one = desk.delivery(start_by=2)
    desk.pass_time(3)

    report = desk.works(one)

    assert (report.outcome, desk.began, desk.gates.held) == ("left alone", [], {})


@pytest.mark.parametrize("how", ["it can't be renewed", "it was taken off the gate"])
def test_the_process_ends_before_another_one_may_have_it(desk: Desk, how: str) -> None:
    one = desk.delivery(seconds=300)
    if how == "it can't be renewed":
        desk.gates.broken["renew"] = Meaning.TRANSIENT
        ends = OWN_SECONDS
    else:
        ends = BEAT_EVERY_SECONDS
        watch(desk.gates, "claim", lambda *_: desk.gates.held.clear())

    with pytest.raises((Crash, asyncio.CancelledError)):
        desk.works(one)

    assert desk.seconds() == pytest.approx(ends, abs=0.1)
    assert ends < PERMIT_SECONDS
    assert desk.queue.asked("delete") == []


def test_a_renewal_that_hangs_does_not_put_that_off(desk: Desk) -> None:
    delay(desk, desk.gates, "renew", before=1000)
    ended: list[float] = []
    exit_of = desk.host.exit

    async def noted(reason: str) -> NoReturn:
        ended.append(desk.seconds())
        await exit_of(reason)

    desk.host.exit = noted  # type: ignore[method-assign]

    with pytest.raises((Crash, asyncio.CancelledError)):
        desk.works(desk.delivery(seconds=300))

    assert ended == [OWN_SECONDS]


def test_it_ends_by_itself_once_a_process_whose_code_may_still_run_has_ended(desk: Desk) -> None:
    report = desk.works(desk.delivery(**{"must exit": True}))

    assert report.outcome == "succeeded"
    assert list(desk.gates.held.values()) == [NOW + ENDING_SECONDS]


def test_a_renewal_that_fails_is_made_again_soon(desk: Desk) -> None:
    desk.gates.broken["renew"] = [Meaning.TRANSIENT]

    report = desk.works(desk.delivery(seconds=60))

    assert report.outcome == "succeeded"
    assert [at for at, *_ in desk.gates.asked("renew")] == [40.0, 45.0]


def test_a_task_that_fails_gives_it_back_while_it_waits(desk: Desk) -> None:
    report = desk.works(desk.delivery(raises=1))

    assert (report.outcome, desk.gates.held) == ("retry later", {})


def test_it_is_not_asked_for_without_flow_control(desk: Desk) -> None:
    report = desk.works(desk.delivery(), controlled=False)

    assert (report.outcome, desk.gates.calls) == ("succeeded", [])


def test_a_message_without_one_asks_for_none(desk: Desk) -> None:
    report = desk.works(desk.delivery(permit=""))

    assert (report.outcome, desk.gates.calls) == ("succeeded", [])
