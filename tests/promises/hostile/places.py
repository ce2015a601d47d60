"""A stack of several queues on virtual time: the real consumer, and places that run tasks of equal length.

The places are Lambda with a limited concurrency: first come, first served, and an event that is older than a
minute is dropped. There is no worker, so hours of thousands of tasks take seconds.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Mapping, Sequence
from functools import partial
from random import Random
from typing import Any, NamedTuple

from consumer.consumer import Consumer, PolledQueue
from consumer.flow.lately import Lately
from consumer.linger import Lingering
from shared.delivery import Batch, from_event
from shared.lease import EVENT_AGE_SECONDS
from shared.ports.queue import Outgoing, QueueError
from shared.ports.workers import Answer, Meaning
from shared.queues import TaskQueue
from zigzag_testing.memory_queue import MemoryQueue
from zigzag_testing.virtual_time import VirtualClock, close, virtual_runner

WEIGHTS = {"default": 3, "urgent": 6, "bulk": 1}
TICK_SECONDS = 60


class Waits(NamedTuple):
    """How long tasks of one queue waited for their start, in seconds; also those that have not started.

    started -- how many have started.
    """

    started: int
    median: float
    slowest_hundredth: float


class Places:
    """The `Workers` port: so many places, each of which runs one task for so many seconds."""

    def __init__(self, clock: VirtualClock, queues: Mapping[str, MemoryQueue], number: int, seconds: float):
        self.started: list[tuple[str, float, float]] = []  # the queue, when it was sent, when it started
        self._clock = clock
        self._queues = {queue.url: (name, queue) for name, queue in queues.items()}
        self._free = number
        self._seconds = seconds
        self._waiting: deque[tuple[float, Batch]] = deque()
        self._running: set[asyncio.Task[None]] = set()

    async def dispatch(self, events: Sequence[bytes]) -> list[Answer]:
        self._waiting.extend((self._clock.now(), from_event(json.loads(event))) for event in events)
        self._start()
        return [Answer(Meaning.SENT)] * len(events)

    def _start(self) -> None:
        while self._waiting and self._free:
            accepted_at, batch = self._waiting.popleft()
            if self._clock.now() <= accepted_at + EVENT_AGE_SECONDS:
                self._free -= 1
                task = asyncio.create_task(self._run(batch))
                self._running.add(task)
                task.add_done_callback(self._running.discard)

    async def _run(self, batch: Batch) -> None:
        (delivery,) = batch.deliveries
        name, queue = self._queues[str(batch.queue_url)]
        self.started.append((name, float(delivery.message["Body"]), self._clock.now()))
        await self._clock.sleep(self._seconds)
        await queue.delete([delivery])
        self._free += 1
        self._start()


def waits(
    *,
    places: int,
    seconds: float,
    minutes: int,
    a_second: Mapping[str, float],
    uncounted: str = "",
    **options: Any,
) -> dict[str, Waits]:
    """Returns how long tasks waited, by queue: 20,000 in bulk from the beginning, the others all the time.

    a_second  -- how many messages come to each of the other queues in a second.
    uncounted -- the queue whose counts get no answer.
    options   -- of the consumer.
    """
    runner, clock = virtual_runner()
    random = Random(0)
    queues = {
        name: MemoryQueue(clock, f"https://sqs.test/{name}", look_again_seconds=0.5) for name in WEIGHTS
    }
    dead_letters = MemoryQueue(clock, "https://sqs.test/dead-letters")
    if uncounted:
        queues[uncounted].in_flight = partial(_no_answer, clock)  # type: ignore[method-assign]
    polled = [
        PolledQueue(TaskQueue(name, queue.url, dead_letters.url, 1, WEIGHTS[name]), queue, dead_letters)
        for name, queue in queues.items()
    ]
    workers = Places(clock, queues, places, seconds)
    sent: dict[str, list[float]] = {name: [] for name in WEIGHTS}
    free: list[tuple[Lingering, Lately]] = []

    async def send(name: str) -> None:
        sent[name].append(clock.now())
        await queues[name].send(Outgoing(f"{clock.now()}"))

    async def send_on(name: str, rate: float) -> None:
        while True:
            await clock.sleep(random.uniform(0.8, 1.2) / rate)
            await send(name)

    async def tick() -> None:
        process = free.pop() if free else (Lingering(10), Lately())
        lingering, lately = process
        consumer = Consumer(polled, workers, clock, random, lingering=lingering, lately=lately, **options)
        await consumer.tick(90)
        free.append(process)

    async def run() -> float:
        for _ in range(20_000):
            await send("bulk")
        going_on = [asyncio.create_task(send_on(*each)) for each in a_second.items()]
        for _ in range(minutes):
            going_on.append(asyncio.create_task(tick()))
            await clock.sleep(TICK_SECONDS)
        for one in [*going_on, *workers._running]:
            one.cancel()
        return clock.now()

    end = runner.run(run())
    close(runner)
    return {name: _waits(name, sent[name], workers.started, end) for name in WEIGHTS}


async def _no_answer(clock: VirtualClock) -> int:
    """Fails once a client has waited for its answer."""
    await clock.sleep(5)
    raise QueueError("no answer", "in a test", Meaning.AMBIGUOUS)


def _waits(
    name: str, sent: Sequence[float], started: Sequence[tuple[str, float, float]], end: float
) -> Waits:
    began = [(sent_at, at) for queue, sent_at, at in started if queue == name]
    waited = sorted([at - sent_at for sent_at, at in began] + [end - at for at in sent[len(began) :]])
    return Waits(len(began), waited[len(waited) // 2], waited[len(waited) * 99 // 100])
