"""More consumers: a scheduled tick that has more to do than it can starts others, each with its part."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import pytest
from tests.support import ScriptedWorkers, WatchedQueue, World

from consumer.consumer import Consumer, PolledQueue
from consumer.linger import Lingering
from consumer.others import LOOK_SECONDS, MIN_SECONDS, START_SECONDS, WINDOW_SECONDS, Others, Part
from consumer.source import LAST_RECEIVE_SECONDS
from consumer.summary import NOT_STARTED, OUT_OF_TIME, QUEUE_EMPTY, Summary
from shared.ports.gates import Rate
from shared.ports.records import record_key
from shared.ports.workers import Meaning
from shared.queues import DEFAULT, TaskQueue
from zigzag_testing.consumers import SCHEDULED, Paced, Processor
from zigzag_testing.memory_gates import MemoryGates

SPEED = 9.0
"""Messages a second that a consumer of these tests dispatches."""

MOVES = SPEED * (WINDOW_SECONDS - LOOK_SECONDS)
"""Messages that one of them moves after its look."""

TAKEN = 80
"""Messages that a tick has received at its look: those dispatched, and those that its four polls hold."""

SECONDS = 90.0


@dataclass
class Consuming:
    """A consumer whose workers answer, and nobody works. `asked` has the consumers that it invokes.

    idle -- how many more queues it has, with one message each.
    """

    world: World
    cap: int = 0
    most: int = 4
    gates: MemoryGates | None = None
    watch_always: bool = False
    idle: int = 0
    asked: ScriptedWorkers = field(default_factory=ScriptedWorkers)

    def tick(self, event: object = SCHEDULED) -> Summary:
        world = self.world
        queue = TaskQueue(DEFAULT, world.queue.url, world.dead_letters.url)
        polled = [PolledQueue(queue, world.queue, world.dead_letters)]
        for number in range(self.idle):
            port = WatchedQueue(world.clock, f"{world.queue.url}-{number}")
            world.send_to(port, "{}")
            polled.append(PolledQueue(TaskQueue(f"{number}", port.url, ""), port, world.dead_letters))
        consumer = Consumer(
            polled,
            Paced(ScriptedWorkers(), Processor(world.clock, SPEED)),
            world.clock,
            world.random,
            lingering=Lingering(watch_always=self.watch_always),
            in_flight_cap=self.cap,
            gates=self.gates,
            others=None
            if self.most == 1
            else Others(self.asked, world.records, world.clock, world.random, most=self.most),
        )
        return world.run(consumer.tick(SECONDS, event))

    def part(self, number: int = 2, **more: Any) -> dict[str, Any]:
        """Returns the event of a started consumer."""
        now = self.world.clock.now()
        event = {"Consumer": number, "Share": 0, "StartBy": now + START_SECONDS, "Until": now + 60}
        return event | more


@pytest.fixture
def consumer(world: World) -> Consuming:
    return Consuming(world)


def backlog(world: World, messages: float) -> None:
    world.send(*["{}"] * int(messages))
    world.queue.calls.clear()


class TestScheduledTick:
    @pytest.mark.parametrize(
        ("more", "others"),
        [
            pytest.param(0.8, 0, id="less than it can move itself"),
            pytest.param(1.3, 1, id="more than that: one"),
            pytest.param(1.7, 1, id="less than two can move: one"),
            pytest.param(2.3, 2, id="more than two can move: two"),
            pytest.param(9, 3, id="more than all may move: three, with itself four"),
        ],
    )
    def test_starts_as_many_others_as_the_backlog_needs(
        self, world: World, consumer: Consuming, more: float, others: int
    ) -> None:
        backlog(world, TAKEN + more * MOVES)

        consumer.tick()

        assert [event["Consumer"] for event in consumer.asked.events] == [*range(2, others + 2)]

    @pytest.mark.parametrize(
        "event", [None, {}, {"source": "aws.sqs"}, ["aws.events"], "aws.events"], ids=repr
    )
    def test_no_other_tick_starts_any(self, world: World, consumer: Consuming, event: object) -> None:
        backlog(world, 5 * MOVES)

        summary = consumer.tick(event)

        assert consumer.asked.events == []
        assert summary.received > MOVES

    def test_where_there_is_one_consumer_only_the_backlog_is_not_asked_for(self, world: World) -> None:
        backlog(world, 5 * MOVES)

        Consuming(world, most=1).tick()

        assert world.queue.asked("waiting") == []

    def test_the_backlog_is_asked_for_once_and_only_by_a_tick_that_is_still_busy(
        self, world: World, consumer: Consuming
    ) -> None:
        consumer.tick()
        assert world.queue.asked("waiting") == []
        backlog(world, 1.5 * MOVES)
        consumer.tick()
        assert len(world.queue.asked("waiting")) == 1

    def test_if_sqs_counts_none_yet_it_goes_on_alone(self, world: World, consumer: Consuming) -> None:
        # Given a count of a minute ago, when there was no backlog
        backlog(world, 5 * MOVES)
        world.queue.waits = 0

        summary = consumer.tick()

        assert consumer.asked.events == []
        assert summary.stopped == OUT_OF_TIME

    def test_if_sqs_does_not_say_how_long_the_backlog_is_it_goes_on_alone(
        self, world: World, consumer: Consuming
    ) -> None:
        backlog(world, 5 * MOVES)
        world.queue.broken.add("waiting")

        summary = consumer.tick()

        assert consumer.asked.events == []
        assert summary.stopped == OUT_OF_TIME

    def test_they_have_some_time_to_start_and_end_before_it_does(
        self, world: World, consumer: Consuming
    ) -> None:
        backlog(world, 5 * MOVES)
        began = world.clock.now()

        consumer.tick()

        for event in consumer.asked.events:
            assert event["StartBy"] == pytest.approx(began + LOOK_SECONDS + START_SECONDS)
            assert event["Until"] == pytest.approx(began + WINDOW_SECONDS)
        assert began + WINDOW_SECONDS <= began + SECONDS - LAST_RECEIVE_SECONDS
        assert START_SECONDS < MIN_SECONDS <= WINDOW_SECONDS - LOOK_SECONDS

    def test_a_rate_is_no_reason_to_start_any(self, world: World) -> None:
        gates = MemoryGates()
        world.run(gates.limit(DEFAULT, Rate(0.5)))
        consumer = Consuming(world, gates=gates)
        backlog(world, 5 * MOVES)

        consumer.tick()

        assert consumer.asked.events == []

    def test_while_the_queue_opens_slowly_none_is_started(self, world: World) -> None:
        gates = MemoryGates()
        gates.attributes[DEFAULT]["opened"] = world.clock.now()
        consumer = Consuming(world, gates=gates)
        backlog(world, 5 * MOVES)
        began = world.clock.now()

        consumer.tick()

        assert consumer.asked.events[0]["StartBy"] >= began + 10 + START_SECONDS


class TestCap:
    CAP = int(6 * MOVES)

    def test_each_has_an_equal_part_of_what_is_left_of_it(self, world: World) -> None:
        consumer = Consuming(world, cap=self.CAP)
        backlog(world, 9 * MOVES)

        received = consumer.tick().received

        shares = [event["Share"] for event in consumer.asked.events]
        assert len(set(shares)) == 1
        assert sum(shares) == pytest.approx(3 / 4 * (self.CAP - TAKEN), rel=0.02)
        assert received + sum(shares) <= self.CAP

    def test_the_tick_itself_keeps_to_its_part(self, world: World) -> None:
        # Given a cap that the tick would use up alone, were it twice as fast as it seemed
        consumer = Consuming(world, cap=int(1.1 * MOVES + TAKEN))
        backlog(world, 9 * MOVES)

        received = consumer.tick().received

        (share,) = [event["Share"] for event in consumer.asked.events]
        assert received == consumer.cap - share

    def test_if_the_cap_is_less_than_one_can_move_none_is_started(self, world: World) -> None:
        consumer = Consuming(world, cap=int(0.9 * MOVES))
        backlog(world, 9 * MOVES)

        consumer.tick()

        assert consumer.asked.events == []

    @pytest.mark.parametrize(
        ("meaning", "kept"),
        [
            (Meaning.DEFINITE, True),
            (Meaning.TRANSIENT, True),
            (Meaning.SENT, False),
            (Meaning.AMBIGUOUS, False),
        ],
    )
    def test_the_part_of_one_that_surely_did_not_start_comes_back(
        self, world: World, meaning: Meaning, kept: bool
    ) -> None:
        consumer = Consuming(world, cap=int(1.1 * MOVES + TAKEN), asked=ScriptedWorkers(meaning))
        backlog(world, 9 * MOVES)

        received = consumer.tick().received

        (share,) = [event["Share"] for event in consumer.asked.events]
        assert received == consumer.cap - (0 if kept else share)


class TestStartedConsumer:
    def test_polls_until_its_time(self, world: World, consumer: Consuming) -> None:
        backlog(world, 5 * MOVES)

        summary = consumer.tick(consumer.part(Until=world.clock.now() + 40))

        assert summary.stopped == OUT_OF_TIME
        assert world.seconds() == pytest.approx(40, abs=10)

    def test_receives_its_part_of_the_cap_and_counts_nothing(self, world: World) -> None:
        consumer = Consuming(world, cap=100)
        backlog(world, 200)
        world.queue.counts = 100

        summary = consumer.tick(consumer.part(Share=33))

        assert summary.received == 33
        assert world.queue.asked("in_flight") == []

    def test_polls_of_empty_queues_hold_no_place_of_a_small_part(self, world: World) -> None:
        consumer = Consuming(world, cap=900, idle=2)
        backlog(world, 900)

        summary = consumer.tick(consumer.part(Share=60))

        assert summary.received >= 0.8 * 60

    def test_does_not_linger(self, world: World) -> None:
        # Given that the schedule's ticks watch the queue all the time
        consumer = Consuming(world, watch_always=True)
        backlog(world, 5)

        assert consumer.tick(consumer.part()).stopped == QUEUE_EMPTY
        assert world.seconds() < 10

    def test_starts_no_others(self, world: World, consumer: Consuming) -> None:
        backlog(world, 9 * MOVES)

        consumer.tick(consumer.part(**SCHEDULED))

        assert consumer.asked.events == []

    def test_a_second_one_of_its_number_does_nothing(self, world: World, consumer: Consuming) -> None:
        backlog(world, 5)
        event = consumer.part()

        assert consumer.tick(event).received == 5
        backlog(world, 5)
        summary = consumer.tick(event)

        assert summary == Summary(stopped=NOT_STARTED)
        assert summary.went_well

    def test_one_of_another_number_does_its_part(self, world: World, consumer: Consuming) -> None:
        backlog(world, 5)
        consumer.tick(consumer.part(2))
        backlog(world, 5)

        assert consumer.tick(consumer.part(3)).received == 5

    def test_waits_for_the_one_of_its_number_that_soon_ends(self, world: World, consumer: Consuming) -> None:
        backlog(world, 5)
        consumer.tick(consumer.part(Until=world.clock.now() + 50))
        world.pass_time(45 - world.seconds())
        backlog(world, 5)

        assert consumer.tick(consumer.part()).received == 5
        assert world.queue.asked("receive")[0][3] >= world.clock.now() - world.seconds() + 50

    def test_which_does_nothing_if_that_takes_too_long(self, world: World, consumer: Consuming) -> None:
        consumer.tick(consumer.part(Until=world.clock.now() + 60))
        backlog(world, 5)

        assert consumer.tick(consumer.part()).stopped == NOT_STARTED
        assert world.queue.asked("receive") == []

    def test_an_event_that_comes_too_late_is_in_vain(self, world: World, consumer: Consuming) -> None:
        backlog(world, 5)
        event = consumer.part()
        world.pass_time(START_SECONDS + 1)

        assert consumer.tick(event).stopped == NOT_STARTED
        assert len(world.records.records) == 0

    def test_without_the_table_none_starts(self, world: World, consumer: Consuming) -> None:
        backlog(world, 5)
        world.records.broken.add("own")

        assert consumer.tick(consumer.part()).stopped == NOT_STARTED

    def test_its_number_is_no_key_of_a_message_or_a_run(self, world: World, consumer: Consuming) -> None:
        consumer.tick(consumer.part(3))

        assert [*world.records.records] == [record_key("consumer", "3")]

    def test_once_there_may_be_one_consumer_only_it_does_nothing(self, world: World) -> None:
        consumer = Consuming(world, most=1)
        backlog(world, 5)

        assert consumer.tick(consumer.part()).stopped == NOT_STARTED

    @pytest.mark.parametrize(
        ("lowered", "cap", "received"),
        [
            pytest.param({"Consumer": 5}, 100, 0, id="MaxConsumers"),
            pytest.param({"Share": 400}, 20, 20, id="InFlightCap"),
            pytest.param({"Share": 0}, 20, 0, id="InFlightCap, from none"),
        ],
    )
    def test_one_of_a_tick_before_a_deployment_keeps_what_is_allowed_now(
        self, world: World, lowered: dict[str, int], cap: int, received: int
    ) -> None:
        consumer = Consuming(world, cap=cap)
        backlog(world, 50)

        summary = consumer.tick(consumer.part(Share=50) | lowered)

        assert summary.received == received
        assert (summary.stopped == NOT_STARTED) == (not received)

    @pytest.mark.parametrize(
        "bad",
        [
            {"Consumer": 1},
            {"Consumer": "2"},
            {"Consumer": True},
            {"Share": -1},
            {"Share": 1.5},
            {"Share": None},
            {"StartBy": None},
            {"StartBy": "soon"},
            {"Until": math.nan},
            {"Until": math.inf},
        ],
        ids=repr,
    )
    def test_an_event_that_no_consumer_sends_is_refused(self, world: World, bad: dict[str, Any]) -> None:
        consumer = Consuming(world, cap=100)
        backlog(world, 5)

        with pytest.raises(ValueError, match="Consumer from 2, Share from 0"):
            consumer.tick(consumer.part(Share=50) | bad)
        assert world.queue.asked("receive") == []

    def test_its_event_is_json_with_four_numbers(self) -> None:
        assert Part(2, 25, 1767225620.0, 1767225660.0).event() == (
            b'{"Consumer": 2, "Share": 25, "StartBy": 1767225620.0, "Until": 1767225660.0}'
        )
