"""The tick: it polls until the queue is empty, its time is up, or going on would do harm."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pytest
from tests.support import NOW, QUEUE_URL, ScriptedWorkers, WatchedQueue, World, delay, slow, watch

from consumer.consumer import Consumer, PolledQueue
from consumer.flow.cap import InFlightCap
from consumer.flow.flow import NOTHING, Share
from consumer.flow.lately import Lately
from consumer.linger import Lingering
from consumer.order import GETS_ON_SECONDS
from consumer.pollers import MIN_POLLERS as POLLERS
from consumer.source import IDLE_POLLS, LAST_RECEIVE_SECONDS
from consumer.summary import Summary, total
from shared.delivery import Delivery
from shared.lease import DISPATCH_SECONDS, LEASE_SECONDS
from shared.ports.gates import Rate
from shared.ports.queue import MAX_PER_CALL, Outgoing, QueueError
from shared.ports.workers import Meaning
from shared.queues import DEFAULT, TaskQueue
from zigzag_testing.memory_gates import MemoryGates

TICK_SECONDS = 60


@dataclass
class Firing:
    """One tick in a world. Its workers answer, and nobody works."""

    world: World
    workers: ScriptedWorkers
    linger_seconds: float = 0
    watch_always: bool = False
    timeout_seconds: float = 90
    cap: int = 0

    @cached_property
    def lingering(self) -> Lingering:
        return Lingering(self.linger_seconds, watch_always=self.watch_always)

    def tick(self) -> Summary:
        return self.world.run(self.ticking())

    async def ticking(self) -> Summary:
        world = self.world
        queue = TaskQueue(DEFAULT, world.queue.url, world.dead_letters.url)
        polled = PolledQueue(queue, world.queue, world.dead_letters)
        consumer = Consumer(
            [polled],
            self.workers,
            world.clock,
            world.random,
            lingering=self.lingering,
            in_flight_cap=self.cap,
        )
        return await consumer.tick(self.timeout_seconds)


@pytest.fixture
def consumer(world: World) -> Firing:
    return Firing(world, ScriptedWorkers())


def failing_receives(
    world: World,
    meaning: Meaning,
    fails: Callable[[int], bool],
    takes_seconds: float = 0.0,
    queue: WatchedQueue | None = None,
    hangs: float = 0.0,
) -> list[float]:
    """Has receives fail, by their number from 1. Returns when each began, as they come.

    takes_seconds, hangs -- how long each takes, and one that fails longer still.
    """
    queue = world.queue if queue is None else queue
    receive = queue.receive
    began: list[float] = []

    async def failing(*asked: int) -> list[Delivery]:
        began.append(world.seconds())
        number = len(began)
        await world.clock.sleep(takes_seconds)
        if fails(number):
            await world.clock.sleep(hangs)
            raise QueueError("AccessDenied", "in a test", meaning)
        return await receive(*asked)

    queue.receive = failing  # type: ignore[assignment,method-assign]
    return began


def polls(world: World) -> list[tuple[float, int]]:
    """Returns when each poll began, in seconds from the start, and how long it was told to wait."""
    return [(began - NOW, wait) for _, wait, _, began in world.queue.asked("receive")]


class TestDrain:
    """A tick is many polls."""

    def test_two_ticks_side_by_side_dispatch_each_message_once(self, world: World, consumer: Firing) -> None:
        delay(world, consumer.workers, "dispatch", before=1)
        world.send(*(f"{n}" for n in range(45)))

        async def both() -> list[Summary]:
            return await asyncio.gather(consumer.ticking(), consumer.ticking())

        one, other = world.run(both())

        assert min(one.received, other.received) > 0
        assert sorted(int(event["Message"]["Body"]) for event in consumer.workers.events) == list(range(45))

    def test_each_message_is_received_with_the_lease(self, world: World, consumer: Firing) -> None:
        world.send("one")

        consumer.tick()

        assert {lease_seconds for *_, lease_seconds, _ in world.queue.asked("receive")} == {LEASE_SECONDS}

    def test_the_summary_counts_polls_and_what_became_of_the_messages(
        self, world: World, consumer: Firing
    ) -> None:
        consumer.workers.script = [[Meaning.SENT, Meaning.TRANSIENT, Meaning.TOO_LARGE, Meaning.AMBIGUOUS]]
        world.send(*"abcd")

        summary = consumer.tick()

        assert summary == Summary(
            polls=len(world.queue.asked("receive")),
            received=4,
            dispatched=1,
            released=1,
            dead_lettered=1,
            left=1,
            stopped="queue empty",
            largest_receive=4,
        )
        assert total([summary, Summary(largest_receive=3)]).largest_receive == 4

    def test_after_a_throttle_every_poller_pauses(self, world: World, consumer: Firing) -> None:
        # Given pollers that poll side by side, one of which is throttled
        consumer.workers.script = [Meaning.SENT, Meaning.SENT, Meaning.SENT, Meaning.TRANSIENT]
        world.send(*(str(number) for number in range(200)))

        consumer.tick()

        # Then nobody polls for a second but who was about to; else all 20 polls come at once
        began = [began for began, _ in polls(world)]
        throttled_at = began[0]
        assert began.count(throttled_at) <= 2 * POLLERS
        assert all(moment == throttled_at or moment >= throttled_at + 1 for moment in began)

    def test_a_poll_that_may_receive_nothing_does_not_shorten_the_pause(
        self, world: World, consumer: Firing, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # Given a poller that is throttled while another one asks whether it may receive
        async def may_receive(flow: InFlightCap, number: int = 0) -> Share:
            asked.append(world.seconds())
            if len(asked) != 2:
                return Share(MAX_PER_CALL)
            await world.clock.sleep(0.5)
            return NOTHING

        asked: list[float] = []
        monkeypatch.setattr(InFlightCap, "may_receive", may_receive)
        consumer.workers.script = [Meaning.SENT, Meaning.TRANSIENT]
        world.send(*"abcdefghijk")

        consumer.tick()

        assert not [at for at in asked if 0 < at < 1]


class TestEmpty:
    """A poll that does not wait asks some of SQS's servers, one that waits asks all: none decides alone."""

    def test_a_tick_that_finds_nothing_asks_three_times_and_does_not_wait(
        self, world: World, consumer: Firing
    ) -> None:
        summary = consumer.tick()

        assert summary == Summary(polls=3, stopped="queue empty")
        assert polls(world) == [(0, 0), (0, 0), (0, 0)]

    def test_a_queue_that_has_run_empty_ends_the_tick_after_two_polls_that_waited(
        self, world: World, consumer: Firing
    ) -> None:
        world.send("one")

        summary = consumer.tick()

        assert summary == Summary(polls=3, received=1, dispatched=1, stopped="queue empty", largest_receive=3)
        assert polls(world) == [(0, 0), (0, 1), (1, 1)]

    def test_a_message_between_two_empty_polls_starts_the_count_anew(
        self, world: World, consumer: Firing
    ) -> None:
        # Given a message, and another after an empty poll
        world.send("one")
        world.send_in(1.5, "late")

        summary = consumer.tick()

        assert (summary.polls, summary.received) == (5, 2)


class TestLinger:
    """Polling on after the queue has run empty, so that a task sent a second later starts at once."""

    def test_an_idle_tick_does_not(self, world: World, consumer: Firing) -> None:
        consumer.linger_seconds = 10

        consumer.tick()

        assert polls(world) == [(0, 0), (0, 0), (0, 0)]

    @pytest.mark.parametrize("seconds", [1, 45])
    def test_one_that_has_received_something_does_as_long_as_it_was_told(
        self, world: World, consumer: Firing, seconds: int
    ) -> None:
        consumer.linger_seconds = seconds
        world.send("one")

        summary = consumer.tick()

        assert summary.stopped == "queue empty"
        assert seconds <= world.seconds() <= seconds + 2, "the second in which it learned of the emptiness"

    def test_it_waits_in_long_polls_and_not_in_many_short_ones(self, world: World, consumer: Firing) -> None:
        consumer.linger_seconds = 50
        world.send("one")

        summary = consumer.tick()

        assert summary.polls <= 5
        assert max(wait for _, wait in polls(world)) == 20

    def test_nor_in_many_that_do_not_wait_while_its_last_second_lasts(
        self, world: World, consumer: Firing
    ) -> None:
        # Given calls that take a while, so that after a longest poll less than a second is left
        delay(world, world.queue, "receive", before=0.02)
        consumer.linger_seconds = 21
        world.send("one")

        consumer.tick()

        assert len(polls(world)) <= 5

    def test_a_message_sent_while_it_lingers_is_dispatched_at_once(
        self, world: World, consumer: Firing
    ) -> None:
        consumer.linger_seconds = 40
        world.send("one")
        world.send_in(7.3, "late")

        consumer.tick()

        _, late = consumer.workers.events
        assert late["Lease"]["ReceivedAt"] - NOW - 7.3 < 0.1

    def test_lingering_starts_again_with_each_message(self, world: World, consumer: Firing) -> None:
        consumer.linger_seconds = 10
        world.send("one")
        world.send_in(8, "late")

        consumer.tick()

        assert 18 <= world.seconds() <= 20

    def test_a_tick_that_is_told_to_watch_always_does_so_without_a_message(
        self, world: World, consumer: Firing
    ) -> None:
        consumer.watch_always = True

        summary = consumer.tick()

        assert summary.polls <= 5
        assert TICK_SECONDS + 5 <= world.seconds() <= 75


class TestTheNextTick:
    """A tick that lingers ends just before the next one, which goes on with it in the same process."""

    @pytest.fixture(autouse=True)
    def it_lingers(self, consumer: Firing) -> None:
        consumer.linger_seconds = 10

    @pytest.mark.parametrize("apart", [0.3, 0.9, 1.1, 3, 9.9])
    def test_a_tick_ends_before_the_next_is_due_though_messages_come(
        self, world: World, consumer: Firing, apart: float
    ) -> None:
        for number in range(int(75 / apart)):
            world.send_in(number * apart, "one")

        summary = consumer.tick()

        assert summary.stopped == "queue empty"
        assert TICK_SECONDS - 2 <= world.seconds() < TICK_SECONDS

    def test_one_with_a_backlog_goes_on_beside_the_next(self, world: World, consumer: Firing) -> None:
        delay(world, world.queue, "receive", before=1)
        world.send(*["x"] * 4_000)

        assert consumer.tick().stopped == "out of time"

    def test_the_next_one_goes_on_lingering(self, world: World, consumer: Firing) -> None:
        # Given a tick that ends soon after a message
        world.send("one")
        for second in (9, 18, 27, 36, 45, 54):
            world.send_in(second, "one")
        consumer.tick()

        # When the next one begins, and finds nothing
        world.pass_time(TICK_SECONDS - world.seconds())
        consumer.tick()

        assert 10 <= world.seconds() - TICK_SECONDS <= 12

    def test_it_does_not_if_there_was_no_message_for_so_long(self, world: World, consumer: Firing) -> None:
        world.send("one")
        consumer.tick()

        world.pass_time(TICK_SECONDS - world.seconds())
        consumer.tick()

        assert world.seconds() == TICK_SECONDS


class TestTime:
    """No poll beyond what the function's time allows."""

    @pytest.mark.parametrize("timeout_seconds", [16, 47.5, 90])
    @pytest.mark.parametrize("watch_always", [False, True])
    @pytest.mark.parametrize("sending", [True, False])
    def test_after_each_poll_there_is_time_to_dispatch(
        self, world: World, consumer: Firing, timeout_seconds: float, watch_always: bool, sending: bool
    ) -> None:
        consumer.timeout_seconds, consumer.watch_always = timeout_seconds, watch_always
        for second in range(90) if sending else ():
            world.send_in(second + 0.5, "one")

        consumer.tick()

        assert polls(world)
        assert max(began + wait for began, wait in polls(world)) < timeout_seconds - DISPATCH_SECONDS

    def test_a_slow_count_of_sqs_leaves_time_to_dispatch(self, world: World, consumer: Firing) -> None:
        consumer.timeout_seconds, consumer.watch_always, consumer.cap = 30, True, 10
        world.queue.count_takes_seconds = 4

        summary = consumer.tick()

        assert summary.stopped == "out of time"
        assert max(began + wait for began, wait in polls(world)) < 30 - DISPATCH_SECONDS

    def test_with_too_little_time_nothing_is_polled(self, world: World, consumer: Firing) -> None:
        consumer.timeout_seconds = LAST_RECEIVE_SECONDS
        world.send("one")

        assert consumer.tick() == Summary(stopped="out of time")

    def test_a_queue_that_never_runs_empty_does_not_outlast_the_time(
        self, world: World, consumer: Firing
    ) -> None:
        consumer.workers.script = [Meaning.TRANSIENT, Meaning.SENT] * 1000
        world.send(*["x"] * 2000)

        summary = consumer.tick()

        assert summary.stopped == "out of time"
        assert world.seconds() <= 90


class TestHarm:
    """Going on would do harm."""

    @pytest.mark.parametrize(
        ("meaning", "times", "why"),
        [
            pytest.param(Meaning.DEFINITE, 1, "refused", id="definite"),
            pytest.param(Meaning.TRANSIENT, 3, "transient 3 times in a row", id="transient"),
            pytest.param(Meaning.AMBIGUOUS, 3, "ambiguous 3 times in a row", id="ambiguous"),
        ],
    )
    def test_receives_that_go_on_failing_end_the_turn(
        self, world: World, consumer: Firing, meaning: Meaning, times: int, why: str
    ) -> None:
        receives = failing_receives(world, meaning, lambda number: True)
        world.send("one")

        assert consumer.tick() == Summary(stopped=f"receives {why}: AccessDenied: in a test")
        assert len(receives) == times

    def test_after_a_transient_one_its_poller_pauses_and_twice_as_long_after_the_next(
        self, world: World, consumer: Firing
    ) -> None:
        receives = failing_receives(world, Meaning.TRANSIENT, lambda number: True)

        consumer.tick()

        first, second, third = receives
        assert 1 <= second - first <= 2
        assert 2 <= third - second <= 4

    def test_receives_that_fail_side_by_side_count_once(self, world: World, consumer: Firing) -> None:
        # Given full receives, so that four pollers poll, and then fail together
        receives = failing_receives(
            world, Meaning.TRANSIENT, lambda number: 8 <= number <= 11, takes_seconds=0.5
        )
        world.send(*["x"] * 200)

        summary = consumer.tick()

        assert len(set(receives[7:11])) == 1
        assert (summary.dispatched, summary.stopped) == (200, "queue empty")

    @pytest.mark.parametrize("percent", [1, 5])
    def test_a_backlog_drains_in_one_tick_though_some_receives_fail(
        self, world: World, consumer: Firing, percent: int
    ) -> None:
        failing_receives(
            world, Meaning.TRANSIENT, lambda number: number % (100 // percent) == 0, takes_seconds=0.02
        )
        world.send(*["x"] * 4000)

        assert consumer.tick().dispatched == 4000

    @pytest.mark.parametrize(("late_seconds", "dispatched"), [(9, 2), (11, 0)])
    def test_the_messages_of_an_answer_that_comes_late_are_released(
        self, world: World, consumer: Firing, late_seconds: float, dispatched: int
    ) -> None:
        # Given answers of SQS that are under way for so long, while the leases run
        delay(world, world.queue, "receive", after=late_seconds)
        world.send("one", "two")

        summary = consumer.tick()

        assert (summary.dispatched, summary.released) == (dispatched, 2 - dispatched)
        assert len(consumer.workers.events) == dispatched

    def test_a_refused_invoke_ends_the_turn(self, world: World, consumer: Firing) -> None:
        consumer.workers.script = [Meaning.DEFINITE] * 50
        world.send(*["x"] * 100)

        summary = consumer.tick()

        assert summary.stopped == "invokes refused"
        assert summary.received == summary.released <= POLLERS * 10


@pytest.mark.parametrize(
    ("stopped", "went_well"),
    [
        ("queue empty", True),
        ("queue empty; out of time", True),
        ("in-flight cap reached", True),
        ("receives refused: AccessDenied: …", False),
        ("queue empty; invokes refused", False),
    ],
)
def test_a_tick_that_stopped_for_harm_did_not_go_well(stopped: str, went_well: bool) -> None:
    assert Summary(stopped=stopped).went_well is went_well


class TestPollers:
    """While receives come back full, more pollers poll side by side."""

    def watch(self, world: World, consumer: Firing) -> list[tuple[float, int]]:
        """Notes when each dispatch began, and how many were then under way. Each takes two seconds."""
        seen: list[tuple[float, int]] = []
        under_way = 0
        dispatch = consumer.workers.dispatch

        async def slowly(events: list[bytes]) -> object:
            nonlocal under_way
            under_way += 1
            seen.append((world.seconds(), under_way))
            await world.clock.sleep(2)
            under_way -= 1
            return await dispatch(events)

        consumer.workers.dispatch = slowly  # type: ignore[assignment,method-assign]
        return seen

    @pytest.mark.parametrize(
        ("messages", "pollers"),
        [
            pytest.param(5, 1, id="a poll that is not full opens no poller"),
            pytest.param(300, 4, id="full polls open all there are, and no more"),
        ],
    )
    def test_full_receives_open_pollers(
        self, world: World, consumer: Firing, messages: int, pollers: int
    ) -> None:
        seen = self.watch(world, consumer)
        world.send(*["x"] * messages)

        assert consumer.tick().dispatched == messages
        assert max(under_way for _, under_way in seen) == pollers

    def test_when_the_queue_has_run_empty_one_poller_lingers_alone(
        self, world: World, consumer: Firing
    ) -> None:
        consumer.linger_seconds = 15
        world.send(*["x"] * 300)

        consumer.tick()

        assert [wait for began, wait in polls(world) if began > 1.5] == []
        assert [wait for began, wait in polls(world) if wait > 1] == [15]

    def test_pollers_that_have_closed_open_again(self, world: World, consumer: Firing) -> None:
        consumer.linger_seconds = 30
        seen = self.watch(world, consumer)
        world.send(*["x"] * 300)
        for _ in range(300):
            world.send_in(40, "x")

        consumer.tick()

        assert max(under_way for began, under_way in seen if began < 40) == POLLERS
        assert max(under_way for began, under_way in seen if began > 40) == POLLERS

    def test_a_later_poll_may_bring_the_messages_that_one_did_not(
        self, world: World, consumer: Firing
    ) -> None:
        consumer.cap, consumer.linger_seconds = 20, 30
        world.send(*["x"] * 6)
        for number in range(30):
            world.send_in(1 + number, "x")

        assert consumer.tick().received == 20

    def test_a_run_whose_cap_is_used_up_by_others_makes_one_small_poll(
        self, world: World, consumer: Firing
    ) -> None:
        consumer.cap, consumer.linger_seconds = 20, 60
        world.queue.counts = 500
        world.send(*["x"] * 6)

        summary = consumer.tick()

        assert (summary.received, summary.stopped) == (2, "in-flight cap reached")
        assert {asked for asked, *_ in world.queue.asked("receive")} == {2}


def queues_of(world: World, *names: str) -> dict[str, WatchedQueue]:
    return {name: WatchedQueue(world.clock, f"{QUEUE_URL}-{name}") for name in names}


class TestQueues:
    """A tick of several queues: each has a turn of its own."""

    def consumer(
        self, world: World, workers: Sequence[ScriptedWorkers], **lingering: Any
    ) -> tuple[Consumer, list[WatchedQueue]]:
        """Makes a consumer with a queue for each of the workers, which are its own."""
        queues = [WatchedQueue(world.clock, f"{QUEUE_URL}-{number}") for number in range(len(workers))]
        polled = [
            PolledQueue(TaskQueue(queue.url[-1], queue.url, ""), queue, world.dead_letters, its_own)
            for queue, its_own in zip(queues, workers, strict=True)
        ]
        consumer = Consumer(
            polled, ScriptedWorkers(), world.clock, world.random, lingering=Lingering(**lingering)
        )
        return consumer, queues

    def firing(self, world: World, *workers: ScriptedWorkers) -> tuple[Summary, list[WatchedQueue]]:
        """Runs a tick of queues with 25 messages each. Returns its summary, and the queues."""
        consumer, queues = self.consumer(world, workers)
        for queue in queues:
            world.send_to(queue, *["{}"] * 25)
        return world.run(consumer.tick(90)), queues

    def test_all_are_drained_and_the_summary_counts_them_together(self, world: World) -> None:
        summary, _ = self.firing(world, ScriptedWorkers(), ScriptedWorkers(), ScriptedWorkers())

        assert (summary.received, summary.dispatched, summary.stopped) == (75, 75, "queue empty")

    def test_what_ends_the_turn_of_one_leaves_the_others_going_on(self, world: World) -> None:
        # Given a queue whose dispatches are refused, and a healthy one
        sick = ScriptedWorkers(*[Meaning.DEFINITE] * 100)
        summary, queues = self.firing(world, sick, ScriptedWorkers())

        assert summary.dispatched == 25
        assert summary.received == summary.dispatched + summary.released
        assert len(queues[0].asked("receive")) == 1
        assert set(summary.stopped.split("; ")) == {"0: invokes refused", "queue empty"}

    def test_each_has_its_messages_worked_by_its_own_workers(self, world: World) -> None:
        its_own = ScriptedWorkers(), ScriptedWorkers()

        _, queues = self.firing(world, *its_own)

        for queue, workers in zip(queues, its_own, strict=True):
            assert {event["QueueUrl"] for event in workers.events} == {queue.url}
            assert len(workers.events) == 25

    def test_a_pause_of_one_does_not_hold_up_the_others(self, world: World) -> None:
        # Given a queue whose first dispatches are throttled: it pauses for a second and more
        _, queues = self.firing(world, ScriptedWorkers(Meaning.TRANSIENT), ScriptedWorkers())

        last_with_messages = [began for *_, began in queues[1].asked("receive")][2]
        assert last_with_messages - NOW < 1

    def test_a_message_on_one_keeps_the_tick_watching_all(self, world: World) -> None:
        workers = ScriptedWorkers()
        consumer, queues = self.consumer(world, [workers, workers], seconds=10)
        world.run(queues[0].send(Outgoing("{}")))
        world.do_in(9, lambda: queues[1].send(Outgoing("{}")))

        world.run(consumer.tick(90))

        assert [event["Lease"]["ReceivedAt"] - NOW for event in workers.events] == pytest.approx(
            [0, 9], abs=1
        )
        assert 19 <= world.seconds() <= 21.1

    def test_a_long_poll_of_one_does_not_hold_up_the_others(self, world: World) -> None:
        # Given a queue that lingers, and messages that come to another one meanwhile
        workers = ScriptedWorkers()
        consumer, queues = self.consumer(world, [workers, workers], watch_always=True)

        async def ticking() -> Summary:
            tick = asyncio.create_task(consumer.tick(90))
            await world.clock.sleep(10)
            await queues[1].send(Outgoing("{}"))
            await world.clock.sleep(2)
            assert len(workers.events) == 1
            return await tick

        assert world.run(ticking()).received == 1


class TestWeights:
    """Queues that have messages share what a tick receives, by their weights."""

    def firing(
        self,
        world: World,
        sent: Mapping[str, tuple[int, int]],
        queues: Mapping[str, WatchedQueue] | None = None,
        **options: Any,
    ) -> tuple[Summary, list[Delivery]]:
        """Runs a tick of queues that all workers serve.

        sent -- the name of a queue, to its weight and the number of its messages.

        Returns the summary, and the deliveries in the order in which they were received.
        """
        queues = queues or queues_of(world, *sent)
        received: list[Delivery] = []
        for name, (_, messages) in sent.items():
            watch(queues[name], "receive", lambda came, *_: received.extend(came))
            world.send_to(queues[name], *["{}"] * messages)
        polled = [
            PolledQueue(TaskQueue(name, queues[name].url, "", 1, weight), queues[name], world.dead_letters)
            for name, (weight, _) in sent.items()
        ]
        consumer = Consumer(polled, ScriptedWorkers(), world.clock, world.random, **options)
        return world.run(consumer.tick(90)), received

    @pytest.mark.parametrize("pollers", [4, *slow(32)])
    @pytest.mark.parametrize(
        "weights", [(6, 1), (6, 3, 1), *slow(((1, 1),), ((1, 20),), ((1, 1, 1, 1, 1),))], ids=str
    )
    def test_queues_that_all_have_messages_share_by_weight(
        self, world: World, weights: Sequence[int], pollers: int
    ) -> None:
        sent = {f"{number}": (weight, 3_000) for number, weight in enumerate(weights)}
        queues = queues_of(world, *sent)
        for queue in queues.values():
            delay(world, queue, "receive", before=0.1)

        _, received = self.firing(world, sent, queues, pollers=pollers)

        # Then of the first thousand and of the second each queue has its part
        for thousand in (received[:1000], received[1000:2000]):
            counts = Counter(name_of(delivery) for delivery in thousand)
            for name, (weight, _) in sent.items():
                assert counts[name] == pytest.approx(1000 * weight / sum(weights), abs=10 * len(weights))

    @pytest.mark.parametrize("cap", [50, 400])
    def test_the_cap_is_one_over_all_queues_and_shared_by_weight(self, world: World, cap: int) -> None:
        sent = {"urgent": (6, 500), "default": (3, 500), "bulk": (1, 500)}

        summary, received = self.firing(world, sent, in_flight_cap=cap)

        counts = Counter(name_of(delivery) for delivery in received)
        assert 0.95 * cap <= summary.received <= cap
        assert summary.stopped == "out of time"
        assert counts["bulk"] == pytest.approx(cap / 10, abs=10)
        assert counts["urgent"] > counts["default"] > counts["bulk"] > 0

    def test_the_messages_in_flight_of_one_queue_are_taken_off_the_cap_of_all(self, world: World) -> None:
        queues = queues_of(world, "one", "other")
        queues["one"].counts, queues["other"].counts = 60, 15

        _, received = self.firing(world, {"one": (1, 500), "other": (1, 500)}, queues, in_flight_cap=100)

        assert len(received) == 25

    def test_a_queue_that_may_be_neither_counted_nor_polled_takes_nothing_of_the_cap(
        self, world: World
    ) -> None:
        queues = queues_of(world, "sick", "other")
        queues["sick"].broken = {"in_flight", "receive"}
        queues["other"].counts = 0

        summary, _ = self.firing(world, {"sick": (3, 0), "other": (1, 500)}, queues, in_flight_cap=100)

        assert summary.received == 100

    def test_an_empty_queue_is_asked_once_a_second_while_another_has_messages(self, world: World) -> None:
        # Given a queue that is drained for half a minute, by many pollers
        queues = queues_of(world, "bulk", "idle")
        delay(world, queues["bulk"], "receive", before=2)

        self.firing(world, {"bulk": (1, 4_000), "idle": (1, 0)}, queues, pollers=32)

        busy_seconds = world.seconds()
        assert busy_seconds > 10
        assert len(queues["idle"].asked("receive")) <= busy_seconds + IDLE_POLLS + 1

    def test_a_tick_of_empty_queues_takes_no_time(self, world: World) -> None:
        summary, _ = self.firing(world, {"one": (1, 0), "two": (1, 0), "three": (6, 0)})

        assert (summary.polls, summary.stopped, world.seconds()) == (3 * IDLE_POLLS, "queue empty", 0)

    @pytest.mark.parametrize("meaning", [Meaning.DEFINITE, Meaning.TRANSIENT, Meaning.AMBIGUOUS])
    @pytest.mark.parametrize("takes_seconds", [0.0, 10.0])
    def test_a_queue_that_fails_or_hangs_keeps_the_others_from_nothing(
        self, world: World, meaning: Meaning, takes_seconds: float
    ) -> None:
        # Given a queue of a large weight, whose receives fail, at once or after a while
        queues = queues_of(world, "sick", "well")
        failing_receives(world, meaning, lambda number: True, takes_seconds, queues["sick"])
        delay(world, queues["well"], "receive", before=0.1)

        summary, received = self.firing(world, {"sick": (100, 900), "well": (1, 900)}, queues)

        assert Counter(map(name_of, received)) == {"well": 900}
        assert received[-1].lease is not None
        assert received[-1].lease.received_at - NOW < 900 / 10 * 0.1  # by more than one poller
        assert summary.stopped != "queue empty"

    def test_a_queue_that_begins_to_hang_holds_the_others_up_for_a_second(self, world: World) -> None:
        # Given a queue of a large weight with many messages, whose fifth receive and later ones hang
        queues = queues_of(world, "sick", "well")
        failing_receives(world, Meaning.AMBIGUOUS, lambda number: number > 4, 0.0, queues["sick"], hangs=20.0)
        delay(world, queues["well"], "receive", before=0.1)

        _, received = self.firing(world, {"sick": (100, 900), "well": (1, 900)}, queues)

        well = [each.lease.received_at for each in received if name_of(each) == "well" and each.lease]
        assert len(well) == 900
        assert well[-1] - NOW < 900 / 10 * 0.1 + 2 * GETS_ON_SECONDS[1]

    def test_one_that_hangs_keeps_the_pollers_that_it_has_and_gets_no_more(self, world: World) -> None:
        # Given sixteen pollers, a backlog for some seconds of them, and a queue that then hangs
        queues = queues_of(world, "sick", "well")
        failing_receives(world, Meaning.AMBIGUOUS, lambda number: number > 8, 0.0, queues["sick"], hangs=6.0)
        delay(world, queues["well"], "receive", before=0.05)

        sent = {"sick": (6, 3_000), "well": (3, 9_000)}
        _, received = self.firing(world, sent, queues, pollers=16)

        well = [each.lease.received_at for each in received if name_of(each) == "well" and each.lease]
        assert len(well) == 9_000
        assert well[-1] - NOW < 9_000 / 10 / 16 * 0.05 + 6.0 + GETS_ON_SECONDS[1]

    @pytest.mark.parametrize("first", ["away", "busy"])
    def test_one_that_was_away_in_a_tick_has_no_credit_for_it_in_the_next(
        self, world: World, first: str
    ) -> None:
        # Given a queue of a large weight that may not be polled in one tick, while another one has thousands
        weights = {"away": (6, 1_000), "busy": (1, 4_000)}
        sent = {name: weights[name] for name in sorted(weights, key=lambda name: name != first)}
        queues, lately = queues_of(world, *sent), Lately()
        for queue in queues.values():
            delay(world, queue, "receive", before=0.05)
        receive = queues["away"].receive
        failing_receives(world, Meaning.DEFINITE, lambda number: True, 0.05, queues["away"])
        self.firing(world, sent, queues, lately=lately)

        # When it is back in the next one
        queues["away"].receive = receive  # type: ignore[method-assign]
        _, received = self.firing(world, sent, queues, lately=lately)

        assert Counter(map(name_of, received[:700]))["busy"] == pytest.approx(100, abs=30)

    def test_one_that_gets_a_message_now_and_then_leaves_the_pollers_to_a_backlog(self, world: World) -> None:
        def drained(trickle: int) -> float:
            queues, began = queues_of(world, "urgent", "bulk"), world.seconds()
            for queue in queues.values():
                delay(world, queue, "receive", before=0.1)
            for number in range(trickle):
                world.do_in(number / 20, lambda: queues["urgent"].send(Outgoing("{}")))
            sent = {"urgent": (6, 0), "bulk": (1, 2_000)}
            _, received = self.firing(world, sent, queues, pollers=8)
            bulk = [one.lease.received_at for one in received if name_of(one) == "bulk" and one.lease]
            return bulk[-1] - NOW - began

        assert drained(trickle=200) <= 1.3 * drained(trickle=0)

    def test_a_queue_with_a_rate_gets_the_pollers_that_it_needs(self, world: World) -> None:
        # Given a rate that takes several pollers, as each receive takes a third of a second, beside a backlog
        gates, queues = MemoryGates(), queues_of(world, "mails", "bulk")
        for queue in queues.values():
            delay(world, queue, "receive", before=0.35)
        world.run(gates.limit("mails", Rate(0.02)))

        sent = {"mails": (1, 2_000), "bulk": (1, 6_000)}
        _, received = self.firing(world, sent, queues, gates=gates, pollers=8)

        mails = [each.lease.received_at - NOW for each in received if name_of(each) == "mails" and each.lease]
        assert sum(2 <= at < 12 for at in mails) > 0.9 * 10 / 0.02

    def test_a_queue_with_a_rate_is_not_waited_for(self, world: World) -> None:
        # Given a backlog for sixteen pollers, of which each receive takes a fifth of a second
        gates = MemoryGates()
        queues = queues_of(world, "mails", "bulk")
        delay(world, queues["bulk"], "receive", before=0.2)
        world.run(gates.limit("mails", Rate(1)))

        sent = {"mails": (100, 300), "bulk": (1, 3_000)}
        _, received = self.firing(world, sent, queues, gates=gates, pollers=16)

        came = [each.lease.received_at for each in received if name_of(each) == "bulk" and each.lease]
        assert len(came) == 3_000
        assert came[-1] - NOW < 1.5 * 3_000 / 10 / 16 * 0.2


def name_of(delivery: Delivery) -> str:
    assert delivery.queue_url is not None
    return delivery.queue_url.removeprefix(f"{QUEUE_URL}-")
