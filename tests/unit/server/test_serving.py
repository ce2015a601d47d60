"""A process of a server: one message at a time, with the worker's promises, for as long as it takes."""

from __future__ import annotations

import logging
from itertools import pairwise

import pytest
from tests.support import body_of, delay, watch
from tests.unit.server.conftest import Served

from consumer.batches import WORN_RECEIVES
from server.serving import CLOSED_AGAIN_SECONDS
from shared.lease import DROP_MARGIN_SECONDS, KEPT_SECONDS, LEASE_SECONDS, MAX_RUN_SECONDS
from shared.ports.breaker import DEFAULT_TRIP
from shared.ports.gates import Rate
from shared.ports.queue import MAX_VISIBILITY_SECONDS
from shared.queues import DEFAULT
from zigzag_testing.memory_gates import MemoryGates
from zigzag_testing.virtual_time import SkewedClock

TWENTY_MINUTES = 20 * 60


def test_a_task_starts_as_soon_as_its_message_is_there(served: Served) -> None:
    served.serve(7, served.process())

    served.put("late")
    served.serve(2)

    assert served.ended == [("late", pytest.approx(7, abs=1.5))]
    assert served.queue.messages == []


def test_an_idle_process_receives_every_20_seconds(served: Served) -> None:
    served.serve(600, served.process())

    polls = served.queue.asked("receive")
    assert len(polls) == pytest.approx(600 / 20, abs=1)
    assert {(most, wait, lease) for most, wait, lease, _ in polls} == {(1, 20, LEASE_SECONDS)}


def test_a_process_takes_one_message_at_a_time_and_leaves_the_others_to_others(served: Served) -> None:
    served.put(*range(3), seconds=100)

    served.serve(150, served.process())

    assert [name for name, _ in served.began] == [0, 1]
    assert [delivery.receive_count for delivery in served.receive()] == [1]
    assert served.most == 1


def test_as_many_tasks_run_at_once_as_there_are_processes(served: Served) -> None:
    served.put(*range(9), seconds=100)

    served.serve(350, *(served.process() for _ in range(3)))

    assert served.most == 3
    assert sorted(name for name, _ in served.ended) == list(range(9))


def test_a_task_of_20_minutes_runs_once_and_its_message_is_nobody_elses_meanwhile(served: Served) -> None:
    served.put("long", seconds=TWENTY_MINUTES)
    served.serve(60, served.process())

    for _ in range(TWENTY_MINUTES // 60 - 2):
        served.serve(60)
        assert served.receive() == []
    served.serve(120)

    assert served.ended == [("long", pytest.approx(TWENTY_MINUTES, abs=1))]
    assert (served.outcomes(), served.queue.messages) == (["succeeded"], [])


@pytest.mark.parametrize("seconds", [3600, MAX_RUN_SECONDS])
def test_a_task_that_takes_longer_than_its_time_is_interrupted_and_postponed(
    served: Served, seconds: float
) -> None:
    """Also near the 12 hours for which SQS hides a message: it can still be postponed then."""
    served.put("endless", seconds=2 * MAX_VISIBILITY_SECONDS)

    served.serve(seconds - 4, served.process(seconds))

    (report,) = served.reports
    assert (report.outcome, report.settled, report.attempt) == ("retry later", True, 1)
    assert served.began == [("endless", pytest.approx(0, abs=1))]


def test_the_time_of_a_task_counts_from_its_receive(gated: Served) -> None:
    """A process that waited for the flow since has less of it. The receive's own wait is no part of it."""
    delay(gated, gated.gates, "read", before=10)
    gated.serve(35, gated.process(seconds=100))
    gated.put("endless", seconds=3600)

    gated.serve(92)
    assert gated.began == [("endless", pytest.approx(35 + 20, abs=1))]
    assert gated.reports == []
    gated.serve(6)

    assert gated.outcomes() == ["retry later"]


@pytest.mark.parametrize(
    ("ahead", "stands_still", "outcome"),
    [
        pytest.param(100, 0, "succeeded", id="a clock ahead makes no message late"),
        pytest.param(-100, 100, "left alone", id="a clock behind makes no late message one in time"),
    ],
)
def test_the_clock_of_a_server_may_differ_from_that_of_sqs(
    served: Served, ahead: float, stands_still: float, outcome: str
) -> None:
    served.clock = SkewedClock(served.clock, ahead)  # type: ignore[assignment]
    delay(served, served.queue, "receive", after=stands_still)
    served.put("one")

    served.serve(stands_still + 5, served.process())

    assert served.outcomes() == [outcome]


def test_a_timeout_that_asks_for_more_than_the_process_has_is_said_when_its_task_starts(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    served.put("long", task="takes_an_hour_at_most", seconds=600)

    served.serve(5, served.process(seconds=1800))

    assert [line.getMessage() for line in caplog.records] == ["its timeout is longer than its worker's time"]
    (line,) = caplog.records
    assert (line.__dict__["fields"]["timeout"], line.__dict__["fields"]["seconds"]) == (3600, 1795)


def test_nothing_is_said_of_a_timeout_for_which_the_process_has_the_time(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    served.put("long", task="takes_an_hour_at_most", seconds=600)

    served.serve(5, served.process(seconds=3600))

    assert caplog.records == []


def test_a_failed_task_is_tried_again_after_its_backoff(served: Served) -> None:
    served.put("bad", raises=True)

    served.serve(300, served.process())

    assert served.outcomes() == ["retry later", "retry later", "dead-letter"]
    assert len(served.dead_letters.messages) == 1


def test_messages_of_a_group_run_in_their_order(fifo: Served) -> None:
    fifo.put(*range(6), seconds=10)

    fifo.serve(100, *(fifo.process() for _ in range(3)))

    assert [name for name, _ in fifo.ended] == list(range(6))
    assert fifo.most == 1


# ---- Its end ----


def test_a_process_that_is_asked_to_stop_ends_its_task_and_receives_nothing_more(served: Served) -> None:
    served.put("runs", "waits", seconds=100)
    served.serve(30, served.process())

    assert served.end() == pytest.approx(70, abs=1)

    assert [name for name, _ in served.ended] == ["runs"]
    assert [delivery.receive_count for delivery in served.receive()] == [1]


def test_a_message_that_comes_while_the_process_stops_is_visible_again_at_once(served: Served) -> None:
    """The receive that was under way may bring one. It is no attempt."""
    served.serve(5, served.process())

    served.stop.asked = True
    served.put("late")
    served.end()

    assert served.began == []
    (delivery,) = served.receive()
    assert delivery.receive_count == 2
    assert served.records.calls == []


def test_an_idle_process_ends_when_its_receive_does(served: Served) -> None:
    served.serve(5, served.process(poll_seconds=8))

    assert served.end() <= 8


@pytest.mark.parametrize("task", ["takes", "takes_once", "takes_an_hour_at_most"])
def test_an_interrupt_because_the_server_stops_is_no_attempt(served: Served, task: str) -> None:
    """A task of hours may be interrupted by more new versions than it has attempts."""
    served.stop_reason = "its server stops"
    served.put("long", task=task, seconds=600)

    served.serve(2000, served.process(seconds=100))

    assert len(served.reports) > 5
    assert {report.outcome for report in served.reports} == {"retry later"}
    served.stop_reason = None
    served.serve(1)
    served.end()
    assert served.dead_letters.messages == []


# ---- Errors ----


def test_a_process_goes_on_after_receives_that_failed_and_waits_a_minute_at_most(served: Served) -> None:
    served.queue.broken = {"receive"}
    served.put("waits")
    served.serve(600, served.process())
    tries = [at for *_, at in served.queue.asked("receive")]
    waits = [later - at for at, later in pairwise(tries)]
    assert max(waits) <= 60
    assert waits[0] <= 2

    served.queue.broken = set()
    served.serve(61)

    assert [name for name, _ in served.ended] == ["waits"]


def test_a_message_that_was_received_almost_as_often_as_sqs_allows_is_a_dead_letter_with_a_line(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    served.delivered_often(WORN_RECEIVES - 1, body_of("takes", {"name": "worn"}))
    served.pass_time(LEASE_SECONDS)

    served.serve(5, served.process())

    assert served.began == []
    assert len(served.dead_letters.messages) == 1
    (line,) = (line.__dict__["fields"] for line in caplog.records if line.getMessage() == "dead-letter")
    assert (line["receives"], line["settled"]) == (WORN_RECEIVES, True)


def test_a_message_that_sqs_may_drop_before_it_comes_again_is_a_dead_letter(gated: Served) -> None:
    """A pause that begins while a receive waits would release it."""
    gated.put("old")
    gated.receive(lease_seconds=LEASE_SECONDS)
    gated.pass_time(KEPT_SECONDS - DROP_MARGIN_SECONDS + 1)
    gated.receive(lease_seconds=5)
    gated.serve(3, gated.process())

    gated.operate(lambda gates: gates.pause(DEFAULT, gated.clock.now()))
    gated.serve(20)

    assert gated.began == []
    assert (len(gated.queue.messages), len(gated.dead_letters.messages)) == (0, 1)


# ---- The gate ----


def test_nothing_is_received_while_the_queue_is_paused(gated: Served) -> None:
    gated.operate(lambda gates: gates.pause(DEFAULT, gated.clock.now()))
    gated.put("waits")
    gated.serve(100, gated.process())
    assert gated.queue.asked("receive") == []

    gated.operate(lambda gates: gates.resume(DEFAULT, gated.clock.now()))
    gated.serve(CLOSED_AGAIN_SECONDS + 1)

    assert [name for name, _ in gated.ended] == ["waits"]


def test_a_pause_is_said_once_and_so_is_its_end(gated: Served, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    gated.operate(lambda gates: gates.pause(DEFAULT, gated.clock.now()))
    gated.serve(60, gated.process())
    gated.operate(lambda gates: gates.resume(DEFAULT, gated.clock.now()))
    gated.serve(60)

    said = [(line.getMessage(), line.__dict__["fields"].get("reason")) for line in caplog.records]
    assert said == [("nothing is received", "paused"), ("receives again", None)]


def test_a_limit_that_is_used_up_is_not_worth_a_line(gated: Served, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    gated.operate(lambda gates: gates.cap(DEFAULT, 1))
    gated.put(*range(2), seconds=100)

    gated.serve(250, *(gated.process() for _ in range(2)))

    assert {line.getMessage() for line in caplog.records} == {"delivery"}


def test_a_pause_holds_for_a_message_that_a_waiting_receive_brings(gated: Served) -> None:
    gated.serve(5, gated.process())

    gated.operate(lambda gates: gates.pause(DEFAULT, gated.clock.now()))
    gated.put("waits")
    gated.serve(200)

    assert gated.began == []
    assert len(gated.receive()) == 1  # it is visible again


def test_an_exact_cap_holds_over_all_processes_and_an_end_lets_the_next_task_start(gated: Served) -> None:
    gated.operate(lambda gates: gates.cap(DEFAULT, 2))
    gated.put(*range(6), seconds=20)

    gated.serve(70, *(gated.process() for _ in range(4)))

    assert gated.most == 2
    assert sorted(name for name, _ in gated.ended) == list(range(6))


def test_a_process_without_a_message_keeps_no_permit_after_its_end(gated: Served) -> None:
    gated.operate(lambda gates: gates.cap(DEFAULT, 2))
    gated.serve(30, gated.process())

    gated.end()

    assert gated.gates is not None
    assert gated.gates.attributes[DEFAULT]["held"] == {}


def test_a_rate_holds_over_all_processes(gated: Served) -> None:
    gated.operate(lambda gates: gates.limit(DEFAULT, Rate(10, 1)))
    gated.put(*range(6))

    gated.serve(100, *(gated.process() for _ in range(3)))

    starts = [at for _, at in gated.began]
    assert len(starts) == 6
    assert min(later - at for at, later in pairwise(starts)) >= 9.9


def test_a_queue_whose_breaker_has_just_opened_begins_slowly_in_each_process(gated: Served) -> None:
    async def has_just_opened(gates: MemoryGates) -> None:
        now = gated.clock.now()
        for name in range(DEFAULT_TRIP):
            await gates.unavailable(DEFAULT, str(name), now - 100, now - 40)
        await gates.succeeded(DEFAULT, now, now)

    gated.operate(has_just_opened)
    gated.put(*range(500), seconds=0.01)

    gated.serve(5, gated.process())

    begun = [sum(second <= at < second + 1 for _, at in gated.began) for second in range(5)]
    assert begun == [1, 2, 4, 8, 16]


def test_idle_processes_leave_the_slots_of_a_rate_alone_and_start_the_next_message_at_once(
    gated: Served,
) -> None:
    """All would race for each slot by writes, of which one is made, and nobody would use it."""
    gated.operate(lambda gates: gates.limit(DEFAULT, Rate(0.5, 1)))
    writes: list[object] = []
    watch(gated.gates, "swap", lambda *_: writes.append(gated.seconds()))
    processes = [gated.process() for _ in range(8)]
    gated.serve(10, *processes)
    writes.clear()

    gated.serve(60)
    idle = len(writes)
    gated.put("comes")
    gated.serve(2)

    assert idle <= len(processes) * 60 / 20
    assert [name for name, _ in gated.ended] == ["comes"]


@pytest.mark.parametrize("counts", ["in vain", "not at all"])
def test_a_message_that_sqs_has_not_counted_yet_starts_soon(gated: Served, counts: str) -> None:
    gated.operate(lambda gates: gates.limit(DEFAULT, Rate(0.5, 1)))
    gated.queue.waits = 0
    gated.queue.broken = {"waiting"} if counts == "not at all" else set()
    gated.serve(10, gated.process())
    gated.put("comes")

    gated.serve(42)

    assert [name for name, _ in gated.ended] == ["comes"]


def test_a_limit_that_is_set_while_a_receive_waits_holds_for_what_it_brings(gated: Served) -> None:
    gated.serve(5, *(gated.process() for _ in range(3)))

    gated.operate(lambda gates: gates.cap(DEFAULT, 1))
    gated.put(*range(3), seconds=50)
    gated.serve(400)

    assert gated.most == 1
    assert len(gated.ended) == 3
