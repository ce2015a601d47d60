"""The gates: what an operator says of a queue holds from the next receive on, and none is wasted."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from tests.support import NOW, WatchedGates, World, delay
from tests.unit.consumer.conftest import Tick, ticking

from consumer.consumer import PolledQueue
from consumer.flow.gate import LOOK_AGAIN_SECONDS
from consumer.summary import Summary
from shared.lease import DROP_MARGIN_SECONDS, KEPT_SECONDS
from shared.ports.gates import Rate
from shared.ports.queue import MAX_POLL_SECONDS, Outgoing
from shared.ports.workers import Meaning
from shared.queues import DEFAULT, TaskQueue
from zigzag_testing.memory_queue import MemoryQueue

DAY = 24 * 3600


def paused_in(seconds: float, world: World, gates: WatchedGates, **options: Any) -> Summary:
    """Runs one tick, in which an operator pauses the queue after so many seconds."""
    world.do_in(seconds, lambda: gates.pause(DEFAULT, world.clock.now()))
    return world.run(ticking(world, gates, **options))


def polled(world: World, queue: MemoryQueue) -> PolledQueue:
    """Returns a further queue, `mails`."""
    return PolledQueue(TaskQueue("mails", queue.url, world.dead_letters.url), queue, world.dead_letters)


def receives(world: World) -> list[float]:
    """Returns when each began, in seconds from the start."""
    return [began - NOW for *_, began in world.queue.asked("receive")]


class TestPause:
    def test_a_queue_that_is_paused_receives_nothing_and_the_summary_says_so(
        self, world: World, gates: WatchedGates, tick: Tick
    ) -> None:
        world.send("one")
        world.run(gates.pause(DEFAULT, NOW))

        summary = tick()

        assert summary == Summary(stopped="paused")
        assert summary.went_well
        assert world.queue.calls[1:] == [], "nothing but the send: SQS is not even asked what is in flight"

    def test_a_queue_that_is_resumed_is_polled_by_the_next_tick(
        self, world: World, gates: WatchedGates, tick: Tick
    ) -> None:
        world.send("one")
        world.run(gates.pause(DEFAULT, NOW))
        tick()
        world.run(gates.resume(DEFAULT, world.clock.now()))

        assert tick().dispatched == 1

    @pytest.mark.parametrize("paused_at", [0.5, 1.0, 7.3])
    def test_a_tick_under_way_receives_nothing_a_second_after_the_pause(
        self, world: World, gates: WatchedGates, paused_at: float
    ) -> None:
        # Given a queue that never runs empty
        delay(world, world.queue, "receive", before=0.3)
        world.send(*(str(number) for number in range(2000)))

        summary = paused_in(paused_at, world, gates)

        assert summary.stopped == "paused"
        assert paused_at - 1 < max(receives(world)) - 0.3 <= paused_at + LOOK_AGAIN_SECONDS

    def test_a_poll_under_way_may_still_bring_something(self, world: World, gates: WatchedGates) -> None:
        world.send_in(6, "while it waits")

        summary = paused_in(5, world, gates, watch_always=True)

        assert (summary.dispatched, summary.stopped) == (1, "paused")
        assert world.seconds() <= 5 + LOOK_AGAIN_SECONDS + MAX_POLL_SECONDS

    def test_a_count_of_sqs_that_takes_long_does_not_let_a_receive_through(
        self, world: World, gates: WatchedGates
    ) -> None:
        world.queue.count_takes_seconds = 5
        world.send("one")

        assert paused_in(2, world, gates, in_flight_cap=100).stopped == "paused"
        assert receives(world) == []

    def test_the_others_get_a_paused_queues_part_of_the_cap(self, world: World, gates: WatchedGates) -> None:
        # Given two queues with more messages than the cap, and a count that takes five seconds
        other = MemoryQueue(world.clock, "https://sqs.test/mails")
        world.queue.count_takes_seconds = 5
        for queue in (world.queue, other):
            for _ in range(100):
                world.run(queue.send(Outgoing("{}")))

        # When one is paused meanwhile
        summary = paused_in(0.5, world, gates, others=[polled(world, other)], in_flight_cap=40)

        assert (summary.received, summary.stopped) == (40, "paused; out of time")

    @pytest.mark.parametrize(
        ("sent", "dispatched", "stopped"), [(200, 25, "in-flight cap reached"), (3, 3, "queue empty")]
    )
    def test_an_open_gate_leaves_the_cap_as_it_is(
        self, world: World, tick: Tick, sent: int, dispatched: int, stopped: str
    ) -> None:
        world.send(*(str(number) for number in range(sent)))

        summary = tick(in_flight_cap=25)

        assert (summary.dispatched, summary.stopped) == (dispatched, stopped)

    def test_a_pause_of_one_queue_is_not_another_ones(
        self, world: World, gates: WatchedGates, tick: Tick
    ) -> None:
        other = MemoryQueue(world.clock, "https://sqs.test/mails")
        world.send("one")
        world.run(gates.pause("mails", NOW))

        summary = tick(others=[polled(world, other)])

        assert (summary.dispatched, summary.stopped) == (1, "queue empty; paused")

    @pytest.mark.parametrize(
        ("days", "stopped", "went_well"),
        [
            (9.9, "paused", True),
            (10, "paused for 10 days: SQS drops what is older than 14", False),
            (13.5, "paused for 13 days: SQS drops what is older than 14", False),
        ],
    )
    def test_a_pause_that_may_lose_messages_did_not_go_well(
        self, world: World, gates: WatchedGates, tick: Tick, days: float, stopped: str, went_well: bool
    ) -> None:
        world.run(gates.pause(DEFAULT, NOW - days * DAY))

        summary = tick()

        assert (summary.stopped, summary.went_well) == (stopped, went_well)
        assert (KEPT_SECONDS - DROP_MARGIN_SECONDS, KEPT_SECONDS) == (10 * DAY, 14 * DAY)

    def test_a_pause_that_was_written_by_hand_holds_though_nobody_knows_since_when(
        self, gates: WatchedGates, tick: Tick
    ) -> None:
        gates.attributes[DEFAULT]["paused"] = {"BOOL": True}

        assert tick().stopped == "paused"


class TestWhatCannotBeUnderstood:
    def test_it_closes_its_queue_and_says_what_it_is(
        self, world: World, gates: WatchedGates, tick: Tick
    ) -> None:
        world.send("one")
        gates.attributes[DEFAULT] |= {"puased": 1.0, "Every": 7.0}

        summary = tick()

        assert receives(world) == []
        assert summary.stopped == "the gate of default says what nobody understands: Every, puased"
        assert not summary.went_well

    def test_a_next_slot_that_the_rate_cannot_have_made_closes_the_queue_and_is_told(
        self, world: World, gates: WatchedGates, tick: Tick
    ) -> None:
        world.send("one")
        world.run(gates.limit(DEFAULT, Rate(0.2)))
        gates.attributes[DEFAULT]["next"] = NOW * 1000  # milliseconds

        summary = tick()

        assert receives(world) == []
        assert "its rate has one each 0.2 s: set the rate again with `zigzag limit`" in summary.stopped
        assert not summary.went_well


class TestReads:
    """Reads of the gates: their cost, and a tick without one."""

    def test_a_tick_that_finds_nothing_reads_all_gates_once(
        self, world: World, gates: WatchedGates, tick: Tick
    ) -> None:
        tick()

        assert gates.asked("read") == [(0.0, [DEFAULT])]
        assert len(receives(world)) == 3

    def test_without_flow_control_there_is_none(self, world: World) -> None:
        assert world.run(ticking(world, None)).stopped == "queue empty"

    def test_pollers_side_by_side_share_one_read_a_second(
        self, world: World, gates: WatchedGates, tick: Tick
    ) -> None:
        delay(world, world.queue, "receive", before=0.1)
        world.send(*(str(number) for number in range(1500)))

        tick()

        assert len(receives(world)) > 3 * gates.calls.count("read")
        began = [at for at, _ in gates.asked("read")]
        assert [later for one, later in pairwise(began) if later - one < 1] == []

    def test_a_tick_that_lingers_reads_once_for_each_long_poll(self, gates: WatchedGates, tick: Tick) -> None:
        tick(watch_always=True)

        assert gates.calls.count("read") <= 1 + 70 / MAX_POLL_SECONDS + 1

    def test_a_read_that_takes_longer_than_it_holds_is_not_read_again_and_again(
        self, world: World, gates: WatchedGates, tick: Tick
    ) -> None:
        delay(world, gates, "read", after=3)
        world.send(*(str(number) for number in range(30)))

        assert tick().dispatched == 30
        assert gates.calls.count("read") < 10

    @pytest.mark.parametrize(
        ("meaning", "reads", "stopped"),
        [
            (Meaning.DEFINITE, 1, "reads of the gates refused: AccessDenied: in a test"),
            (Meaning.TRANSIENT, 3, "reads of the gates transient 3 times in a row: AccessDenied: in a test"),
            (Meaning.AMBIGUOUS, 3, "reads of the gates ambiguous 3 times in a row: AccessDenied: in a test"),
        ],
    )
    def test_all_gates_are_closed_if_they_cannot_be_read_and_it_is_said_once(
        self,
        world: World,
        gates: WatchedGates,
        tick: Tick,
        caplog: pytest.LogCaptureFixture,
        meaning: Meaning,
        reads: int,
        stopped: str,
    ) -> None:
        other = MemoryQueue(world.clock, "https://sqs.test/mails")
        world.send("one")
        gates.broken["read"] = meaning

        summary = tick(others=[polled(world, other)])

        assert receives(world) == []
        assert gates.calls.count("read") == reads
        assert summary == Summary(stopped=stopped)
        assert not summary.went_well
        assert caplog.text == ""

    @pytest.mark.parametrize("meaning", [Meaning.TRANSIENT, Meaning.AMBIGUOUS])
    def test_a_read_that_fails_now_and_then_ends_no_turn(
        self, world: World, gates: WatchedGates, tick: Tick, meaning: Meaning
    ) -> None:
        world.send("one")
        gates.broken["read"] = [meaning, meaning]

        assert tick().dispatched == 1
