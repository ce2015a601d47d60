"""The memory for large answers: shared by all pollers, and waited for before an answer is read."""

from __future__ import annotations

import asyncio
import itertools

import pytest
from tests.support import ScriptedWorkers, World

from consumer.consumer import Consumer, PolledQueue
from consumer.linger import Lingering
from consumer.memory import MB, Memory, memory_for, needs
from shared.delivery import Delivery
from shared.ports.queue import Outgoing
from shared.queues import TaskQueue
from zigzag_testing.memory_queue import MemoryQueue

LARGE = 10 * MB
"""An answer that takes 30 MB, with all that is made of it."""


class Polls:
    """Polls side by side; `reading` has those that have memory for their answer, `asking` those under way."""

    def __init__(self, world: World, memory: Memory) -> None:
        self._world, self._memory = world, memory
        self.asking = self.reading = self.most_asking = self.most_reading = 0

    async def poll(self, length: int, seconds: float = 1.0, patience: float = 100.0) -> None:
        async with self._memory.poll():
            self.asking += 1
            self.most_asking = max(self.most_asking, self.asking)
            try:
                await asyncio.sleep(0)  # the call is under way
                await self._memory.arriving(length, patience)
                self.reading += 1
                self.most_reading = max(self.most_reading, self.reading)
                await self._world.clock.sleep(seconds)
                self.reading -= 1
            finally:
                self.asking -= 1

    def run(self, *lengths: int) -> float:
        """Runs polls that begin together. Returns how long they took."""

        async def together() -> None:
            async with asyncio.TaskGroup() as group:
                for length in lengths:
                    group.create_task(self.poll(length))

        began = self._world.seconds()
        self._world.run(together())
        return self._world.seconds() - began


def test_small_answers_are_read_side_by_side(world: World) -> None:
    polls = Polls(world, memory_for(128))

    assert polls.run(*[250_000] * 32) == 1


@pytest.mark.parametrize(("memory_mb", "at_once"), [(128, 1), (256, 6), (1024, 32)])
def test_of_large_ones_as_many_are_read_as_there_is_memory_for(
    world: World, memory_mb: int, at_once: int
) -> None:
    polls = Polls(world, memory_for(memory_mb))

    polls.run(*[LARGE] * 40)

    assert polls.most_reading == at_once
    assert at_once * needs(LARGE) < (memory_mb - 40) * MB


def test_one_that_is_larger_than_all_there_is_goes_alone(world: World) -> None:
    polls = Polls(world, memory_for(128))

    assert polls.run(*[32 * MB] * 3) == 3
    assert polls.most_reading == 1


def test_after_a_large_answer_nobody_asks_for_another_that_would_have_to_wait(world: World) -> None:
    polls = Polls(world, memory_for(128))
    polls.run(32 * MB)

    polls.run(*[32 * MB] * 4)

    assert polls.most_asking == 1


def test_after_a_small_one_all_ask_again(world: World) -> None:
    polls = Polls(world, memory_for(128))
    polls.run(32 * MB)
    polls.run(100)

    assert polls.run(*[100] * 4) == 1


def test_a_poller_that_goes_on_is_behind_those_that_wait(world: World) -> None:
    polls = Polls(world, memory_for(128))
    polls.run(32 * MB)

    async def goes_on() -> None:
        for _ in range(10):
            await polls.poll(32 * MB)

    async def both() -> float:
        going = asyncio.create_task(goes_on())
        await asyncio.sleep(0)
        await polls.poll(32 * MB)
        ended = world.seconds()
        await going
        return ended

    assert world.run(both()) == 3


def test_an_answer_that_waits_is_before_a_poller_that_goes_on(world: World) -> None:
    memory, came = Memory(50 * MB), []

    async def poller(queue: str) -> None:
        for _ in range(5):
            async with memory.poll(queue):
                await world.clock.sleep(0.1)
                await memory.arriving(LARGE, 30)
                came.append(queue)
                await world.clock.sleep(1)

    async def both() -> None:
        await asyncio.gather(poller("one"), poller("other"))

    world.run(both())

    assert came == ["one", "other"] * 5


def test_two_that_find_their_answers_larger_than_the_last_do_not_wait_for_each_other(world: World) -> None:
    # Given two polls that hold a part of the memory each, for answers like the last one
    polls = Polls(world, Memory(50 * MB))
    polls.run(8 * MB)

    assert polls.run(*[16 * MB] * 2) == 2


def test_an_answer_is_given_up_if_memory_does_not_come_in_time(world: World) -> None:
    polls = Polls(world, memory_for(128))

    async def second_gives_up() -> list[object]:
        first, second = polls.poll(32 * MB, seconds=10), polls.poll(32 * MB, patience=2)
        return await asyncio.gather(first, second, return_exceptions=True)

    assert [type(ended) for ended in world.run(second_gives_up())] == [type(None), TimeoutError]

    assert polls.run(32 * MB) == 1


def test_a_poll_that_fails_gives_its_memory_back(world: World) -> None:
    memory = memory_for(128)

    async def fails() -> None:
        async with memory.poll():
            await memory.arriving(32 * MB, 1)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        world.run(fails())

    assert Polls(world, memory).run(32 * MB) == 1


async def send(queue: MemoryQueue, messages: int) -> None:
    for _ in range(messages):
        await queue.send(Outgoing("{}"))


class Polled(MemoryQueue):
    """A queue of messages of so many bytes. `at` has the times of its receives that brought some."""

    def __init__(self, world: World, memory: Memory, name: str, bytes_each: int) -> None:
        super().__init__(world.clock, f"https://sqs.test/{name}")
        self._of = world, memory
        self.name, self._bytes_each, self.at = name, bytes_each, list[float]()

    async def receive(self, max_messages: int, wait_seconds: int, lease_seconds: int) -> list[Delivery]:
        world, memory = self._of
        received = await super().receive(max_messages, wait_seconds, lease_seconds)
        await memory.arriving(len(received) * self._bytes_each, 5)
        await world.clock.sleep(0.5)
        self.at += [world.seconds()] * bool(received)
        return received


def test_a_backlog_of_large_messages_and_another_queue_do_not_wait_for_each_other(world: World) -> None:
    memory = memory_for(128)
    bulk, urgent = (Polled(world, memory, *each) for each in [("bulk", MB), ("urgent", 100)])
    world.run(send(bulk, 2000))
    for second in range(2, 60, 3):
        world.do_in(second, lambda: send(urgent, 1))

    polled = [
        PolledQueue(TaskQueue(one.name, one.url, ""), one, world.dead_letters) for one in (urgent, bulk)
    ]
    of_process = ScriptedWorkers(), world.clock, world.random
    world.run(Consumer(polled, *of_process, lingering=Lingering(10), memory=memory).tick(90))

    assert all(at - sent < 2 for at, sent in zip(urgent.at, range(2, 60, 3), strict=True))
    assert max(late - early for early, late in itertools.pairwise(bulk.at)) < 2
