"""The queue in memory, beyond its contract and what AWS was recorded to do (`tests/contract/recorded`)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from random import Random
from typing import Any

import pytest
from tests.contract.recorded.case import Aws
from tests.support import World
from tests.worlds import Given, SandboxWorld

from shared.delivery import Delivery
from shared.lease import KEPT_SECONDS
from shared.ports.queue import Outgoing
from zigzag_testing.memory_queue import MemoryQueue

STANDARD, FIFO = "https://sqs.test/tasks", "https://sqs.test/tasks.fifo"

type QueueOf = Callable[..., tuple[SandboxWorld, Aws]]


@pytest.fixture
def queue_of() -> Iterator[QueueOf]:
    """Makes a world with the queue that is given, and what asks it."""
    with ExitStack() as stack:

        def make(**given: Any) -> tuple[SandboxWorld, Aws]:
            world = SandboxWorld(Given(**given))
            stack.callback(world.close)
            return world, Aws(world)

        yield make


either_kind = pytest.mark.parametrize("fifo", [False, True], ids=["standard", "FIFO"])


@either_kind
def test_the_queue_says_when_the_next_message_can_be_received(queue_of: QueueOf, fifo: bool) -> None:
    world, aws = queue_of(fifo=fifo)
    began = world.now()
    at = [world.queue.next_visible_at()]
    aws.send_in_groups("x")
    at.append(world.queue.next_visible_at())
    delivery = aws.receive_one(lease_seconds=30)
    at.append(world.queue.next_visible_at())
    aws.postpone(90, delivery)
    at.append(world.queue.next_visible_at())
    aws.delete(delivery)
    at.append(world.queue.next_visible_at())

    assert at == [None, began, began + 30, began + 90, None]


class TestHandles:
    """Behaviour that AWS leaves open, or was not seen to have."""

    def test_on_a_fifo_queue_an_expired_handle_postpones_nothing(self, queue_of: QueueOf) -> None:
        _, aws = queue_of(fifo=True)
        aws.send_in_groups("a1")
        delivery = aws.receive_one(lease_seconds=5)
        aws.pass_time(5)

        assert aws.postpone(20, delivery) == ["InvalidParameterValue"]
        assert aws.bodies() == ["a1"]

    @pytest.mark.parametrize("acts", [False, True])
    def test_on_a_fifo_queue_a_superseded_handle_does_nothing(self, queue_of: QueueOf, acts: bool) -> None:
        _, aws = queue_of(fifo=True, superseded_handles_act=acts)
        aws.send_in_groups("a1")
        first = aws.receive_one(lease_seconds=5)
        aws.pass_time(5)
        aws.receive()

        assert aws.delete(first) == aws.postpone(0, first) == ["InvalidParameterValue"]
        assert aws.in_flight() == 1


class TestDeadLetters:
    """A message that was received too often is moved, and the receive goes on."""

    def test_a_moved_message_shares_its_id_with_no_other(self, queue_of: QueueOf) -> None:
        world, aws = queue_of(max_receive_count=1)
        world.run(world.dead_letters.send(Outgoing("its own")))
        aws.send("moved")
        aws.receive(lease_seconds=0)
        aws.receive()

        assert sorted(letter.body for letter in aws.dead_letters()) == ["its own", "moved"]

    def test_on_a_standard_queue_a_moved_messages_age_counts_in_its_new_place(
        self, queue_of: QueueOf
    ) -> None:
        world, aws = queue_of(max_receive_count=1)
        aws.send("x")
        aws.receive(lease_seconds=0)
        aws.pass_time(0.9 * KEPT_SECONDS)
        aws.receive()
        assert len(world.dead_letters) == 1

        aws.pass_time(0.1 * KEPT_SECONDS)

        assert len(world.dead_letters) == 0

    def test_a_fifo_queues_dead_letters_go_to_a_fifo_queue(self, world: World) -> None:
        with pytest.raises(ValueError, match="FIFO"):
            MemoryQueue(world.clock, FIFO, dead_letters=MemoryQueue(world.clock, STANDARD))


@either_kind
def test_a_message_too_old_does_not_count_any_more(queue_of: QueueOf, fifo: bool) -> None:
    world, aws = queue_of(fifo=fifo, retention_seconds=100)
    aws.send_in_groups("a1")
    aws.receive(lease_seconds=1000)
    aws.pass_time(50)
    aws.send_in_groups("a2")
    aws.pass_time(50)

    assert aws.in_flight() == 0
    assert [message.body for message in world.queue.messages] == ["a2"]


def test_deleted_messages_are_not_remembered_until_their_retention_would_end(queue_of: QueueOf) -> None:
    world, aws = queue_of()
    for number in range(1_200):
        aws.send(str(number))
        aws.delete(*aws.receive())

    assert len(world.queue._storage._too_old_at) < 1_100


@dataclass
class Plain:
    """A message in a plain list."""

    body: str
    sent_at: float
    visible_at: float
    since: int
    delivery: Delivery | None = None


class PlainQueue:
    """The same queue by searching: slow, and easy to see through."""

    def __init__(self, fifo: bool) -> None:
        self.fifo = fifo
        self.messages: list[Plain] = []
        self.changes = 0

    def send(self, body: str, now: float) -> None:
        self.messages.append(Plain(body, now, now, self.change()))

    def change(self) -> int:
        self.changes += 1
        return self.changes

    def order(self, now: float) -> list[Plain]:
        if not self.fifo:
            return [message for message in self.messages if message.visible_at <= now]
        groups: dict[str, list[Plain]] = {}
        for message in self.messages:
            groups.setdefault(message.body[0], []).append(message)
        ready = [group for group in groups.values() if group[0].visible_at <= now]
        ready.sort(key=lambda group: (group[0].visible_at, group[0].since))
        brought = []
        for group in ready:
            hidden = [number for number, message in enumerate(group) if message.visible_at > now]
            brought += group[: hidden[0]] if hidden else group
        return brought

    def hide(self, message: Plain, until: float) -> None:
        message.visible_at, message.since = until, self.change()


class Pair:
    """The queue and the plain one, which must answer the same."""

    def __init__(self, world: World, url: str) -> None:
        self.clock = world.clock
        self.queue = MemoryQueue(world.clock, url)
        self.plain = PlainQueue(self.queue.fifo)

    def held(self) -> list[Plain]:
        now = self.clock.now()
        return [message for message in self.plain.messages if message.delivery and message.visible_at > now]

    async def send(self, group: str, number: int) -> None:
        await self.queue.send(Outgoing(f"{group}{number}", group=group))
        self.plain.send(f"{group}{number}", self.clock.now())

    async def receive(self, most: int, lease_seconds: int) -> None:
        now = self.clock.now()
        expected = self.plain.order(now)[:most]
        received = await self.queue.receive(most, 0, lease_seconds)
        assert [delivery.body for delivery in received] == [message.body for message in expected]
        for message, delivery in zip(expected, received, strict=True):
            message.delivery = delivery
            self.plain.hide(message, now + lease_seconds)

    async def delete(self, message: Plain) -> None:
        assert message.delivery is not None
        assert await self.queue.delete([message.delivery]) == []
        self.plain.messages.remove(message)

    async def postpone(self, message: Plain, seconds: int) -> None:
        assert message.delivery is not None
        assert await self.queue.change_visibility([message.delivery], seconds) == []
        self.plain.hide(message, self.clock.now() + seconds)

    async def compare_counts(self) -> None:
        assert await self.queue.in_flight() == len(self.held())
        assert len(self.queue) == len(self.plain.messages)


@pytest.mark.parametrize("url", [STANDARD, FIFO])
@pytest.mark.parametrize("seed", range(10))
def test_the_heaps_bring_what_a_search_through_all_messages_would(world: World, url: str, seed: int) -> None:
    async def steps() -> None:
        random, pair = Random(seed), Pair(world, url)
        for step in range(150):
            match random.choice(["send", "send", "receive", "receive", "delete", "postpone", "wait"]):
                case "send":
                    await pair.send(random.choice("abc"), step)
                case "receive":
                    await pair.receive(random.randint(1, 10), random.choice([0, 3, 10]))
                case "delete" if held := pair.held():
                    await pair.delete(random.choice(held))
                case "postpone" if held := pair.held():
                    await pair.postpone(random.choice(held), random.choice([0, 2, 20]))
                case _:
                    await world.clock.sleep(random.choice([1, 5]))
            await pair.compare_counts()

    world.run(steps())


def test_a_late_count_is_that_of_so_many_seconds_ago(world: World) -> None:
    clock = world.clock
    queue = MemoryQueue(clock, count_late_seconds=60)

    async def counted() -> list[int]:
        for _ in range(3):
            await queue.send(Outgoing("{}"))
        await clock.sleep(100)
        received = await queue.receive(2, 0, 1000)  # at 100 s
        counts = [await queue.in_flight()]
        await clock.sleep(30)
        await queue.delete(received[:1])  # at 130 s
        for seconds in (29, 2, 28, 2):
            await clock.sleep(seconds)
            counts.append(await queue.in_flight())
        return counts

    assert world.run(counted()) == [0, 0, 2, 2, 1]
