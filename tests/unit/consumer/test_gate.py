"""The gates: what an operator says of a queue holds from the next receive on, and none is wasted."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from tests.support import NOW, ScriptedWorkers, World

from consumer.consumer import Consumer, PolledQueue
from consumer.flow.gate import LOOK_AGAIN_SECONDS
from consumer.linger import Lingering
from consumer.summary import Summary
from shared.lease import DROP_MARGIN_SECONDS, KEPT_SECONDS
from shared.ports.gates import Gate, GatesError, Rate
from shared.ports.queue import MAX_POLL_SECONDS, Outgoing
from shared.ports.workers import Reply
from shared.queues import DEFAULT, TaskQueue
from zigzag_testing.memory_gates import MemoryGates
from zigzag_testing.memory_queue import MemoryQueue

DAY = 24 * 3600


class WatchedGates(MemoryGates):
    """MemoryGates that remember their reads, and fail or take time where they are told to.

    reads         -- when each began, in seconds from the start, and of which queues.
    fails         -- the reply to a read, by its number from 1. A read that goes well has None.
    takes_seconds -- how long a read takes.
    """

    def __init__(self, world: World) -> None:
        super().__init__()
        self._world = world
        self.reads: list[tuple[float, Sequence[str]]] = []
        self.fails: Callable[[int], Reply | None] = lambda number: None
        self.takes_seconds = 0.0

    async def read(self, queues: Sequence[str]) -> dict[str, Gate]:
        self.reads.append((self._world.seconds(), queues))
        number = len(self.reads)
        seen = await super().read(queues)
        await self._world.clock.sleep(self.takes_seconds)
        if reply := self.fails(number):
            raise GatesError("AccessDenied: in a test", reply)
        return seen


@dataclass
class Firing:
    """One tick in a world whose flow is controlled."""

    world: World
    gates: WatchedGates | None
    workers: ScriptedWorkers = field(default_factory=ScriptedWorkers)
    watch_always: bool = False
    cap: int = 0
    others: Sequence[PolledQueue] = ()

    def tick(self) -> Summary:
        return self.world.run(self.ticking())

    async def ticking(self) -> Summary:
        world = self.world
        queue = TaskQueue(DEFAULT, world.queue.url, world.dead_letters.url)
        consumer = Consumer(
            [PolledQueue(queue, world.queue, world.dead_letters), *self.others],
            self.workers,
            world.clock,
            world.random,
            lingering=Lingering(watch_always=self.watch_always),
            in_flight_cap=self.cap,
            gates=self.gates,
        )
        return await consumer.tick(90)

    def paused_in(self, seconds: float) -> Summary:
        """Runs one tick, in which an operator pauses the queue after so many seconds."""

        async def both() -> Summary:
            async def operator() -> None:
                await self.world.clock.sleep(seconds)
                assert self.gates is not None
                await self.gates.pause(DEFAULT, self.world.clock.now())

            summary, _ = await asyncio.gather(self.ticking(), operator())
            return summary

        return self.world.run(both())


@pytest.fixture
def gates(world: World) -> WatchedGates:
    return WatchedGates(world)


@pytest.fixture
def firing(world: World, gates: WatchedGates) -> Firing:
    return Firing(world, gates)


def receives(world: World) -> list[float]:
    """Returns when each began, in seconds from the start."""
    return [began - NOW for *_, began in world.queue.asked("receive")]


class TestPause:
    def test_a_queue_that_is_paused_receives_nothing_and_the_summary_says_so(
        self, world: World, firing: Firing, gates: WatchedGates
    ) -> None:
        world.send("one")
        world.run(gates.pause(DEFAULT, NOW))

        summary = firing.tick()

        assert summary == Summary(stopped="paused")
        assert summary.went_well
        assert world.queue.calls[1:] == [], "nothing but the send: SQS is not even asked what is in flight"

    def test_a_queue_that_is_resumed_is_polled_by_the_next_tick(
        self, world: World, firing: Firing, gates: WatchedGates
    ) -> None:
        world.send("one")
        world.run(gates.pause(DEFAULT, NOW))
        firing.tick()
        world.run(gates.resume(DEFAULT, world.clock.now()))

        assert firing.tick().dispatched == 1

    @pytest.mark.parametrize("paused_at", [0.5, 1.0, 7.3])
    def test_a_tick_under_way_receives_nothing_a_second_after_the_pause(
        self, world: World, firing: Firing, paused_at: float
    ) -> None:
        # Given a queue that never runs empty
        receive = world.queue.receive

        async def slowly(*asked: int) -> object:
            await world.clock.sleep(0.3)
            return await receive(*asked)

        world.queue.receive = slowly  # type: ignore[assignment,method-assign]
        world.send(*(str(number) for number in range(2000)))

        summary = firing.paused_in(paused_at)

        assert summary.stopped == "paused"
        assert paused_at - 1 < max(receives(world)) - 0.3 <= paused_at + LOOK_AGAIN_SECONDS

    def test_a_poll_under_way_may_still_bring_something(self, world: World, firing: Firing) -> None:
        firing.watch_always = True
        world.send_in(6, "while it waits")

        summary = firing.paused_in(5)

        assert (summary.dispatched, summary.stopped) == (1, "paused")
        assert world.seconds() <= 5 + LOOK_AGAIN_SECONDS + MAX_POLL_SECONDS

    def test_a_count_of_sqs_that_takes_long_does_not_let_a_receive_through(
        self, world: World, firing: Firing
    ) -> None:
        firing.cap, world.queue.count_takes_seconds = 100, 5
        world.send("one")

        assert firing.paused_in(2).stopped == "paused"
        assert receives(world) == []

    def test_the_others_get_a_paused_queues_part_of_the_cap(self, world: World, firing: Firing) -> None:
        # Given two queues with more messages than the cap, and a count that takes five seconds
        other = MemoryQueue(world.clock, "https://sqs.test/mails")
        mails = TaskQueue("mails", other.url, world.dead_letters.url)
        firing.others = [PolledQueue(mails, other, world.dead_letters)]
        firing.cap, world.queue.count_takes_seconds = 40, 5
        for queue in (world.queue, other):
            for _ in range(100):
                world.run(queue.send(Outgoing("{}")))

        # When one is paused meanwhile
        summary = firing.paused_in(2)

        assert (summary.received, summary.stopped) == (40, "paused; out of time")

    @pytest.mark.parametrize(
        ("sent", "dispatched", "stopped"), [(200, 25, "in-flight cap reached"), (3, 3, "queue empty")]
    )
    def test_an_open_gate_leaves_the_cap_as_it_is(
        self, world: World, firing: Firing, sent: int, dispatched: int, stopped: str
    ) -> None:
        firing.cap = 25
        world.send(*(str(number) for number in range(sent)))

        summary = firing.tick()

        assert (summary.dispatched, summary.stopped) == (dispatched, stopped)

    def test_a_pause_of_one_queue_is_not_another_ones(self, world: World, firing: Firing) -> None:
        other = MemoryQueue(world.clock, "https://sqs.test/mails")
        mails = TaskQueue("mails", other.url, world.dead_letters.url)
        firing.others = [PolledQueue(mails, other, world.dead_letters)]
        world.send("one")
        assert firing.gates is not None
        world.run(firing.gates.pause("mails", NOW))

        summary = firing.tick()

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
        self, world: World, firing: Firing, gates: WatchedGates, days: float, stopped: str, went_well: bool
    ) -> None:
        world.run(gates.pause(DEFAULT, NOW - days * DAY))

        summary = firing.tick()

        assert (summary.stopped, summary.went_well) == (stopped, went_well)
        assert (KEPT_SECONDS - DROP_MARGIN_SECONDS, KEPT_SECONDS) == (10 * DAY, 14 * DAY)

    def test_a_pause_that_was_written_by_hand_holds_though_nobody_knows_since_when(
        self, firing: Firing, gates: WatchedGates
    ) -> None:
        gates.attributes[DEFAULT]["paused"] = {"BOOL": True}

        assert firing.tick().stopped == "paused"


class TestWhatCannotBeUnderstood:
    def test_it_closes_its_queue_and_says_what_it_is(
        self, world: World, firing: Firing, gates: WatchedGates
    ) -> None:
        world.send("one")
        gates.attributes[DEFAULT] |= {"puased": 1.0, "Every": 7.0}

        summary = firing.tick()

        assert receives(world) == []
        assert summary.stopped == "the gate of default says what nobody understands: Every, puased"
        assert not summary.went_well

    def test_a_next_slot_that_the_rate_cannot_have_made_closes_the_queue_and_is_told(
        self, world: World, firing: Firing, gates: WatchedGates
    ) -> None:
        world.send("one")
        world.run(gates.limit(DEFAULT, Rate(0.2)))
        gates.attributes[DEFAULT]["next"] = NOW * 1000  # milliseconds

        summary = firing.tick()

        assert receives(world) == []
        assert "its rate has one each 0.2 s: set the rate again with `zigzag limit`" in summary.stopped
        assert not summary.went_well


class TestReads:
    """Reads of the gates: their cost, and a tick without one."""

    def test_a_tick_that_finds_nothing_reads_all_gates_once(
        self, world: World, firing: Firing, gates: WatchedGates
    ) -> None:
        firing.tick()

        assert gates.reads == [(0.0, [DEFAULT])]
        assert len(receives(world)) == 3

    def test_without_flow_control_there_is_none(self, world: World, firing: Firing) -> None:
        firing.gates = None

        assert firing.tick().stopped == "queue empty"

    def test_pollers_side_by_side_share_one_read_a_second(
        self, world: World, firing: Firing, gates: WatchedGates
    ) -> None:
        receive = world.queue.receive

        async def slowly(*asked: int) -> object:
            await world.clock.sleep(0.1)
            return await receive(*asked)

        world.queue.receive = slowly  # type: ignore[assignment,method-assign]
        world.send(*(str(number) for number in range(1500)))

        firing.tick()

        assert len(receives(world)) > 3 * len(gates.reads)
        began = [at for at, _ in gates.reads]
        assert [later for one, later in pairwise(began) if later - one < 1] == []

    def test_a_tick_that_lingers_reads_once_for_each_long_poll(
        self, firing: Firing, gates: WatchedGates
    ) -> None:
        firing.watch_always = True

        firing.tick()

        assert len(gates.reads) <= 1 + 70 / MAX_POLL_SECONDS + 1

    def test_a_read_that_takes_longer_than_it_holds_is_not_read_again_and_again(
        self, world: World, firing: Firing, gates: WatchedGates
    ) -> None:
        gates.takes_seconds = 3
        world.send(*(str(number) for number in range(30)))

        assert firing.tick().dispatched == 30
        assert len(gates.reads) < 10

    @pytest.mark.parametrize(
        ("reply", "reads", "stopped"),
        [
            (Reply.DEFINITE, 1, "reads of the gates refused: AccessDenied: in a test"),
            (Reply.TRANSIENT, 3, "reads of the gates transient 3 times in a row: AccessDenied: in a test"),
            (Reply.AMBIGUOUS, 3, "reads of the gates ambiguous 3 times in a row: AccessDenied: in a test"),
        ],
    )
    def test_all_gates_are_closed_if_they_cannot_be_read_and_it_is_said_once(
        self,
        world: World,
        firing: Firing,
        gates: WatchedGates,
        caplog: pytest.LogCaptureFixture,
        reply: Reply,
        reads: int,
        stopped: str,
    ) -> None:
        other = MemoryQueue(world.clock, "https://sqs.test/mails")
        mails = TaskQueue("mails", other.url, world.dead_letters.url)
        firing.others = [PolledQueue(mails, other, world.dead_letters)]
        world.send("one")
        gates.fails = lambda number: reply

        summary = firing.tick()

        assert receives(world) == []
        assert len(gates.reads) == reads
        assert summary == Summary(stopped=stopped)
        assert not summary.went_well
        assert caplog.text == ""

    @pytest.mark.parametrize("reply", [Reply.TRANSIENT, Reply.AMBIGUOUS])
    def test_a_read_that_fails_now_and_then_ends_no_turn(
        self, world: World, firing: Firing, gates: WatchedGates, reply: Reply
    ) -> None:
        world.send("one")
        gates.fails = lambda number: reply if number < 3 else None

        assert firing.tick().dispatched == 1
