"""A whole Zigzag in memory, for testing tasks: no AWS, no Docker, no waiting.

    with Sandbox() as sandbox:
        crawl_page.send(Page(url="https://example.com/"))
        sandbox.run()
    assert sandbox.dead_letters == []

The consumer and the worker are the ones that run on Lambda; only their ports differ. Time is
virtual: retries with an hour's backoff run at once.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Coroutine, Mapping, Sequence
from contextlib import ExitStack
from contextvars import copy_context
from dataclasses import dataclass
from random import Random
from types import TracebackType
from typing import Any, Self

from consumer.handover import Handover
from consumer.room import Room
from consumer.tick import Summary, Tick
from shared.dead_letter import NOTE
from shared.delivery import MOST_EVENT_BYTES, from_event
from shared.ports import Answer, Outgoing, Reply
from worker.work import Report, Worker
from zigzag import Task, send
from zigzag_testing.memory_queue import MemoryQueue
from zigzag_testing.virtual_time import VirtualClock, virtual_runner

TICK_EVERY_SECONDS = 60
CONSUMER_TIMEOUT_SECONDS = 90
NO_NOTE = {"StringValue": "{}"}
"""Of a dead letter that had no room for one."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message in the dead-letter queue: its body as it came, and the note that says why, if it had room."""

    body: str
    note: Mapping[str, Any]

    @property
    def reason(self) -> str:
        return str(self.note.get("reason", ""))


class Sandbox:
    """A task queue, a dead-letter queue, a consumer and workers, on virtual time.

    tasks                 -- name to task, or to module; without it, the project's own table.
    linger_seconds        -- as the parameter LingerSeconds.
    in_flight_cap         -- as the parameter InFlightCap.
    worker_timeout_seconds -- as the parameter WorkerTimeout.
    seed                  -- of everything that is random.

    Use it in a `with` statement: within it, `task.send(…)` sends to the sandbox.
    """

    def __init__(
        self,
        tasks: Mapping[str, str | Task[Any, Any, Any]] | None = None,
        *,
        linger_seconds: int = 0,
        in_flight_cap: int = 0,
        worker_timeout_seconds: float = 60,
        seed: int = 0,
    ) -> None:
        self._runner, self.clock = virtual_runner()
        self._random = Random(seed)
        self._linger_seconds = linger_seconds
        self.queue = MemoryQueue(self.clock, "https://sqs.sandbox/tasks")
        self.dead_letter_queue = MemoryQueue(self.clock, "https://sqs.sandbox/dead-letters")
        self.workers = _MemoryWorkers(
            Worker(self.queue, self.dead_letter_queue, _table(tasks), self.clock, self._random, _awaited),
            self.clock,
            worker_timeout_seconds,
        )
        self._room = Room(self.queue, self.clock, in_flight_cap)
        self._sending = ExitStack()

    def __enter__(self) -> Self:
        self._sending.enter_context(send.sending_to(self.queue))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self._sending.close()
        self._runner.close()

    def send_message(
        self, body: str, attributes: Mapping[str, Mapping[str, Any]] | None = None, *, delay_seconds: int = 0
    ) -> str:
        """Puts a body on the queue as `aws sqs send-message` would; its MessageId."""
        message = Outgoing(body, attributes or {}, delay_seconds=delay_seconds)
        return self._do(self.queue.send(message))

    def tick(self) -> Summary:
        """Runs the consumer once, and every worker that it starts to its end."""
        return self._do(self._tick())

    def run(self, *, most_seconds: float = 14 * 24 * 3600) -> None:
        """Runs a tick a minute until no message is left. Raises TimeoutError after `most_seconds`."""
        self._do(self._run(most_seconds))

    @property
    def reports(self) -> list[Report]:
        """What the worker said of each delivery, in the order of their ends."""
        return self.workers.reports

    @property
    def dead_letters(self) -> list[DeadLetter]:
        """What is in the dead-letter queue."""
        return [
            DeadLetter(letter.body, json.loads(letter.attributes.get(NOTE, NO_NOTE)["StringValue"]))
            for letter in self.dead_letter_queue.messages
        ]

    def _do[R](self, coroutine: Coroutine[Any, Any, R]) -> R:
        # In the caller's context: what a task sends goes to this sandbox too.
        return self._runner.run(coroutine, context=copy_context())

    async def _run(self, most_seconds: float) -> None:
        give_up_at = self.clock.now() + most_seconds
        while len(self.queue):
            if self.clock.now() > give_up_at:
                raise TimeoutError(f"{len(self.queue)} messages are left after {most_seconds:,.0f} s")
            next_tick_at = self.clock.now() + TICK_EVERY_SECONDS
            await self._tick()
            await self.clock.sleep(max(0.0, next_tick_at - self.clock.now()))

    async def _tick(self) -> Summary:
        handover = Handover(self.queue, self.dead_letter_queue, self.workers, self.clock, self._random)
        ends_at = self.clock.now() + CONSUMER_TIMEOUT_SECONDS
        linger = self._linger_seconds
        summary = await Tick(
            self.queue, self._room, handover, self.clock, linger_seconds=linger, ends_at=ends_at
        ).run()
        await self.workers.finish()
        return summary


class _MemoryWorkers:
    """The `Workers` port: every dispatch is an asyncio task that works its delivery."""

    def __init__(self, worker: Worker, clock: VirtualClock, timeout_seconds: float) -> None:
        self.reports: list[Report] = []
        self._worker = worker
        self._clock = clock
        self._timeout_seconds = timeout_seconds
        self._running: list[asyncio.Task[None]] = []

    async def dispatch(self, events: Sequence[bytes]) -> list[Answer]:
        return [self._start(event) for event in events]

    async def finish(self) -> None:
        """Waits until every worker has ended. Raises what one of them raised: a worker never should."""
        while self._running:
            running, self._running = self._running, []
            await asyncio.gather(*running)

    def _start(self, event: bytes) -> Answer:
        if len(event) > MOST_EVENT_BYTES:
            return Answer(Reply.TOO_LARGE)
        self._running.append(asyncio.create_task(self._work(event)))
        return Answer(Reply.SENT)

    async def _work(self, event: bytes) -> None:
        ends_at = self._clock.now() + self._timeout_seconds
        report = await self._worker.work(from_event(json.loads(event)), lambda: ends_at - self._clock.now())
        self.reports.append(report)


async def _awaited(awaitable: Awaitable[Any]) -> Any:
    return await awaitable


def _table(
    tasks: Mapping[str, str | Task[Any, Any, Any]] | None,
) -> Mapping[str, str | Task[Any, Any, Any]]:
    if tasks is not None:
        return tasks
    from tasks import TASKS

    return TASKS
