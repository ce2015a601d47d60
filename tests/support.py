"""Parts of many tests: a world on virtual time, deliveries, queues and workers that obey."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from random import Random
from typing import Any

import pytest

from shared.delivery import Delivery
from shared.lease import KEPT_SECONDS, Lease
from shared.ports.gates import HELD, GatesError
from shared.ports.queue import Outgoing, QueueError, Refused
from shared.ports.records import RecordsError
from shared.ports.workers import Answer, Meaning
from shared.queues import DEFAULT
from worker.worker import Worker
from zigzag import Task
from zigzag.policy import Policy
from zigzag_testing.memory_gates import MemoryGates
from zigzag_testing.memory_queue import MemoryQueue
from zigzag_testing.memory_records import MemoryRecords
from zigzag_testing.virtual_host import VirtualHost
from zigzag_testing.virtual_time import VirtualClock, VirtualTimeLoop, virtual_runner

QUEUE_URL = "https://sqs.test/tasks"
DEAD_LETTER_QUEUE_URL = "https://sqs.test/dead-letters"
NOW = 1_800_000_000.0
"""When virtual time starts, in epoch seconds."""


def slow(*cases: Any) -> list[Any]:
    """Returns cases that `make test` need not wait for. A tuple has several arguments."""
    each = (case if isinstance(case, tuple) and not hasattr(case, "_fields") else (case,) for case in cases)
    return [pytest.param(*case, marks=pytest.mark.slow) for case in each]


def text(value: str) -> dict[str, Any]:
    """Returns a message attribute that is a text."""
    return {"DataType": "String", "StringValue": value}


def binary(value: bytes) -> dict[str, Any]:
    """Returns a message attribute that is bytes."""
    return {"DataType": "Binary", "BinaryValue": value}


def body_of(task: str, payload: Any = None, **more: Any) -> str:
    return json.dumps({"task": task, "payload": {} if payload is None else payload, **more})


def a_delivery(
    body: str = '{"task": "greet", "payload": {}}',
    *,
    attributes: Mapping[str, Mapping[str, Any]] | None = None,
    receives: int = 1,
    lease: Lease | None = None,
    system: Mapping[str, str] | None = None,
    **message: Any,
) -> Delivery:
    """Returns a delivery that no queue knows of."""
    return Delivery(
        {
            "MessageId": "m-1",
            "ReceiptHandle": "handle-1",
            "Body": body,
            "Attributes": {"ApproximateReceiveCount": str(receives), **(system or {})},
            "MessageAttributes": dict(attributes or {}),
            **message,
        },
        QUEUE_URL,
        lease,
    )


def task_of(
    model: Any, does: Callable[[Any], None] = lambda payload: None, **policy: Any
) -> Task[Any, Any, Any]:
    """Makes a task named `take` whose payload is of that model, which may be a class of a test."""

    def take(payload: Any) -> None:
        does(payload)

    take.__annotations__ = {"payload": model, "return": None}
    return Task(take, Policy(**policy))


class WatchedQueue(MemoryQueue):
    """A MemoryQueue that remembers its calls, and fails where it is told to.

    broken   -- methods that fail as a whole, with QueueError.
    refusing -- methods that refuse every entry of a batch.
    counts, waits -- what `in_flight` and `waiting` answer, if not the truth.
    visibility_changes_left -- how many more calls of `change_visibility` go well; later ones refuse all.
    answers_after_seconds -- how long after its effect a call of `change_visibility` or `send` is answered.
    """

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments, retention_seconds=KEPT_SECONDS)
        self.calls: list[tuple[Any, ...]] = []
        self.broken: set[str] = set()
        self.refusing: set[str] = set()
        self.counts: int | None = None
        self.waits: int | None = None
        self.visibility_changes_left: int | None = None
        self.count_takes_seconds = 0.0
        self.answers_after_seconds = 0.0

    def asked(self, method: str) -> list[tuple[Any, ...]]:
        """Returns the arguments of every call of `method`, in order."""
        return [call[1:] for call in self.calls if call[0] == method]

    async def receive(self, max_messages: int, wait_seconds: int, lease_seconds: int) -> list[Delivery]:
        self._note("receive", max_messages, wait_seconds, lease_seconds, self._clock.now())
        return await super().receive(max_messages, wait_seconds, lease_seconds)

    async def change_visibility(
        self, deliveries: Sequence[Delivery], seconds: int, until: float = math.inf
    ) -> list[Refused]:
        self._note("change_visibility", [delivery.message_id for delivery in deliveries], seconds)
        if self.visibility_changes_left is not None:
            self.visibility_changes_left -= 1
            if self.visibility_changes_left < 0:
                self.refusing.add("change_visibility")
        failed = self._refused("change_visibility", deliveries) or await super().change_visibility(
            deliveries, seconds, until
        )
        await self._take_time()
        return failed

    async def delete(self, deliveries: Sequence[Delivery]) -> list[Refused]:
        self._note("delete", [delivery.message_id for delivery in deliveries])
        return self._refused("delete", deliveries) or await super().delete(deliveries)

    async def send(self, message: Outgoing) -> str:
        self._note("send", message)
        message_id = await super().send(message)
        await self._take_time()
        return message_id

    async def in_flight(self) -> int:
        self._note("in_flight")
        await self._clock.sleep(self.count_takes_seconds)
        return await super().in_flight() if self.counts is None else self.counts

    async def waiting(self) -> int:
        self._note("waiting")
        return await super().waiting() if self.waits is None else self.waits

    def _note(self, method: str, *arguments: Any) -> None:
        self.calls.append((method, *arguments))
        if method in self.broken:
            raise QueueError("ServiceUnavailable", f"{method} is broken")

    async def _take_time(self) -> None:
        if self.answers_after_seconds:  # else no event loop is needed
            await self._clock.sleep(self.answers_after_seconds)

    def _refused(self, method: str, deliveries: Sequence[Delivery]) -> list[Refused]:
        if method not in self.refusing:
            return []
        return [Refused(delivery, "InvalidParameterValue", f"{method} refused") for delivery in deliveries]


class WatchedRecords(MemoryRecords):
    """MemoryRecords that remember which methods were called, and fail if they are told to."""

    METHODS = ("count", "excuse", "allow", "conclude", "own", "extend", "finish", "sent", "disown")

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[str] = []
        self.broken: set[str] = set()
        for method in self.METHODS:
            setattr(self, method, self._watched(method, getattr(self, method)))

    def _watched(self, method: str, call: Callable[..., Any]) -> Callable[..., Any]:
        async def watched(*arguments: Any, **named: Any) -> Any:
            self.calls.append(method)
            if method in self.broken:
                raise RecordsError(f"{method} is broken")
            return await call(*arguments, **named)

        return watched


class WatchedGates(MemoryGates):
    """MemoryGates that remember their calls, and fail if they are told to.

    broken -- methods that fail before their effect: at each call with a meaning, or with one for each call
              until the list ends.
    """

    METHODS = ("read", "swap", "claim", "renew", "release", "unavailable", "cut", "succeeded")

    def __init__(self, clock: VirtualClock) -> None:
        super().__init__()
        self._clock = clock
        self.calls: list[str] = []
        self.broken: dict[str, Meaning | list[Meaning]] = {}
        self._asked: list[tuple[Any, ...]] = []
        for method in self.METHODS:
            setattr(self, method, self._watched(method, getattr(self, method)))

    def asked(self, method: str) -> list[tuple[Any, ...]]:
        """Returns of every call of `method` when it began, in seconds from the start, and its arguments."""
        return [asked for name, asked in zip(self.calls, self._asked, strict=True) if name == method]

    @property
    def held(self) -> dict[str, float]:
        """The held permits of the default queue."""
        found: dict[str, float] = self.attributes[DEFAULT][HELD]
        return found

    def _watched(self, method: str, call: Callable[..., Any]) -> Callable[..., Any]:
        async def watched(*arguments: Any) -> Any:
            self.calls.append(method)
            self._asked.append((self._clock.now() - NOW, *arguments))
            meaning = self.broken.get(method)
            if isinstance(meaning, list):
                meaning = meaning.pop(0) if meaning else None
            if meaning is not None:
                raise GatesError("AccessDenied: in a test", meaning)
            return await call(*arguments)

        return watched


def delay(world: Any, port: Any, method: str, *, before: float = 0.0, after: float = 0.0) -> None:
    """Has each call of a port's method take so many seconds of a world, before its effect or after."""
    call = getattr(port, method)

    async def delayed(*asked: Any) -> Any:
        await world.clock.sleep(before)
        answer = await call(*asked)
        await world.clock.sleep(after)
        return answer

    setattr(port, method, delayed)


def watch(port: Any, method: str, note: Callable[..., object]) -> None:
    """Gives `note` the answer, and the arguments, after each call of a port's method."""
    call = getattr(port, method)

    async def watched(*asked: Any, **named: Any) -> Any:
        answer = await call(*asked, **named)
        note(answer, *asked)
        return answer

    setattr(port, method, watched)


class World:
    """A task queue, a dead-letter queue, and the virtual time that they share."""

    def __init__(self, suffix: str = "") -> None:
        self.runner, self.clock = virtual_runner()
        self.queue = WatchedQueue(self.clock, QUEUE_URL + suffix)
        self.dead_letters = WatchedQueue(self.clock, DEAD_LETTER_QUEUE_URL + suffix)
        self.records = WatchedRecords()
        self.random = Random(0)
        self._later: list[asyncio.Task[None]] = []

    def run[R](self, coroutine: Coroutine[Any, Any, R]) -> R:
        return self.runner.run(coroutine)

    def pass_time(self, seconds: float) -> None:
        self.run(self.clock.sleep(seconds))

    def block(self, seconds: float) -> None:
        """Lets time pass in which nothing else happens: as in an import, which no `await` interrupts."""
        loop = self.runner.get_loop()
        assert isinstance(loop, VirtualTimeLoop)
        loop.skip(seconds)

    def seconds(self) -> float:
        """Returns how much time has passed since the world began."""
        return self.clock.now() - NOW

    def send(self, *bodies: str, **options: Any) -> None:
        self.send_to(self.queue, *bodies, **options)

    def send_to(self, queue: WatchedQueue, *bodies: str, **options: Any) -> None:
        """Sends messages to a further queue of this world, in one run of the loop: there are thousands."""

        async def send_all() -> None:
            for body in bodies:
                await queue.send(Outgoing(body, **options))

        self.run(send_all())

    def send_in(self, seconds: float, body: str) -> None:
        """Sends a message after `seconds`, while something else runs."""
        self.do_in(seconds, lambda: self.queue.send(Outgoing(body)))

    def do_in(self, seconds: float, call: Callable[[], Awaitable[object]]) -> None:
        """Makes a call after `seconds`, while something else runs."""

        async def later() -> None:
            await self.clock.sleep(seconds)
            await call()

        self._later.append(self.runner.get_loop().create_task(later()))

    def receive(self, max_messages: int = 10, lease_seconds: int = 120) -> list[Delivery]:
        """Returns what a poll brings. It is not among the queue's remembered calls."""
        received = self.run(self.queue.receive(max_messages, 0, lease_seconds))
        self.queue.calls.clear()
        return received

    def delivered(self, body: str = "{}", **options: Any) -> Delivery:
        """Sends a message and receives it."""
        self.send(body, **options)
        return self.receive()[0]

    def delivered_often(self, times: int, body: str, **options: Any) -> Delivery:
        """Sends a message, and receives it so many times without settling it."""
        self.send(body, **options)
        for _ in range(times - 1):
            self.receive()
            self.pass_time(120)
        return self.receive()[0]

    def worker(self, table: Mapping[str, Any], *, host: VirtualHost | None = None, **more: Any) -> Worker:
        """Makes a worker of this world's queues. `table` has its tasks; `more` is all else a Worker takes."""
        return Worker(
            queue=self.queue,
            dead_letters=self.dead_letters,
            records=self.records,
            tasks=table,
            clock=self.clock,
            random=self.random,
            host=host or VirtualHost(),
            **more,
        )

    def close(self) -> None:
        self.runner.close()


class ScriptedWorkers:
    """The `Workers` port: each dispatch answers what comes next in `script`, and keeps its events.

    An entry of the script is the meaning of all answers of a batch, or one for each. At its end it goes on
    with "sent".
    """

    def __init__(self, *script: Meaning | Sequence[Meaning]) -> None:
        self.script = list(script)
        self.batches: list[list[dict[str, Any]]] = []

    @property
    def events(self) -> list[dict[str, Any]]:
        return [event for batch in self.batches for event in batch]

    async def dispatch(self, events: Sequence[bytes]) -> list[Answer]:
        self.batches.append([json.loads(event) for event in events])
        said = self.script.pop(0) if self.script else Meaning.SENT
        meanings = [said] * len(events) if isinstance(said, Meaning) else said
        return [Answer(meaning, "as the script says") for meaning in meanings]
