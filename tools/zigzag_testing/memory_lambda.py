"""Lambda's invokes in memory: an asynchronous one waits for free concurrency, and is dropped when too old.

This is the `Workers` port of the sandbox. It does what AWS documents: an event may come late, twice or never
(https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html). The sandbox's event
sources invoke synchronously: such an invoke runs at once, or is throttled.
"""

from __future__ import annotations

import asyncio
import itertools
import json
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from shared.aws.transport import ANSWER_SECONDS
from shared.delivery import MAX_EVENT_BYTES, BadEventError, from_event
from shared.lease import EVENT_AGE_SECONDS, LEASE_SECONDS, SAFETY_SECONDS
from shared.ports.clock import Clock
from shared.ports.workers import Answer, Meaning
from zigzag_testing.faults import PROCESS, Crash, CrashAtCall, Faults
from zigzag_testing.outages import meaning_of, suffer
from zigzag_testing.quotas import INVOKES, Quotas

Handler = Callable[[Any, Callable[[], float]], Awaitable[Any]]
"""Runs an invocation. Takes the event, and a function that returns the seconds that are left. Returns its
answer."""


class ThrottledError(Exception):
    """No concurrency is free for a synchronous invoke."""


@dataclass(frozen=True, slots=True)
class _Event:
    body: bytes
    accepted_at: float


class MemoryLambda:
    """One function.

    concurrency     -- most invocations at a time; None = no limit.
    timeout_seconds -- seconds after which an invocation is ended.
    quotas          -- the account's.
    ended           -- counts of the invocations' ends: "returned", "crashed", "timed out", "dropped".
    """

    def __init__(
        self,
        handler: Handler,
        clock: Clock,
        concurrency: int | None = None,
        faults: Faults | None = None,
        quotas: Quotas | None = None,
        *,
        timeout_seconds: float,
    ) -> None:
        self.ended: Counter[str] = Counter()
        self._handler = handler
        self._clock = clock
        self._timeout_seconds = timeout_seconds
        self._concurrency = concurrency
        self._faults = faults or Faults.none()
        self._quotas = quotas or Quotas.none()
        self._waiting: deque[_Event] = deque()
        self._running: set[asyncio.Task[Any]] = set()
        self._late: set[asyncio.Task[None]] = set()
        self._broken: list[BaseException] = []
        self._processes = itertools.count(1)

    async def dispatch(self, events: Sequence[bytes]) -> list[Answer]:
        outage = self._faults.outage("invoke", self._clock.now())
        if outage is not None and (error := await suffer(outage, self._clock, ANSWER_SECONDS["lambda"])):
            return [Answer(meaning_of(error), ": ".join(error))] * len(events)
        return [self._accept(event) for event in events]

    async def invoke(self, body: bytes) -> Any:
        """Runs an invocation at once, and returns its answer, or None if it failed. Raises ThrottledError."""
        if not self._is_free() or self._faults.strike("invoke throttled"):
            raise ThrottledError
        if not self._quotas.begin(self._clock.now(), self._start):
            raise ThrottledError
        return await self._begin(_Event(body, self._clock.now()))

    async def finish(self) -> None:
        """Waits until every event is worked or dropped. Raises the error of an invocation, if one raised."""
        while self._running or self._late:
            await asyncio.wait(self._running | self._late)
        if self._broken:
            raise self._broken.pop()

    def _accept(self, body: bytes) -> Answer:
        if len(body) > MAX_EVENT_BYTES:
            return Answer(Meaning.TOO_LARGE)
        allowed = self._quotas.use(INVOKES, self._clock.now())
        if not allowed or self._faults.strike("invoke throttled"):
            self._faults.drop(_messages_in(body), self._clock.now())
            return Answer(Meaning.TRANSIENT, "Rate Exceeded.")
        if self._faults.strike("invoke failed"):
            self._faults.drop(_messages_in(body), self._clock.now())
            return Answer(Meaning.AMBIGUOUS, "500")
        if self._faults.strike("event dropped"):
            self._faults.drop(_messages_in(body), self._clock.now())
        else:
            self._enqueue(body)
            if self._faults.strike("event doubled"):
                self._faults.doubled.update(_messages_in(body))
                self._enqueue(body)
        return (
            Answer(Meaning.AMBIGUOUS, "reset")
            if self._faults.strike("invoke's answer lost")
            else Answer(Meaning.SENT)
        )

    def _enqueue(self, body: bytes) -> None:
        event = _Event(body, self._clock.now())
        late = self._faults.delay("event late", EVENT_AGE_SECONDS * 3)
        if late > LEASE_SECONDS - SAFETY_SECONDS:
            self._faults.drop(_messages_in(body), self._clock.now())
        if late:
            waits = asyncio.create_task(self._later(event, late))
            self._late.add(waits)
            waits.add_done_callback(self._late.discard)
        else:
            self._waiting.append(event)
            self._start()

    async def _later(self, event: _Event, seconds: float) -> None:
        await self._clock.sleep(seconds)
        self._waiting.append(event)
        self._start()

    def _start(self) -> None:
        """Starts waiting events while there is free concurrency."""
        while self._waiting and self._is_free():
            if self._is_too_old(self._waiting[0]):
                old = self._waiting.popleft()
                self._faults.drop(_messages_in(old.body), self._clock.now())
                self.ended["dropped"] += 1
                continue
            if not self._quotas.begin(self._clock.now(), self._start):
                break
            self._begin(self._waiting.popleft())

    def _is_free(self) -> bool:
        return self._concurrency is None or len(self._running) < self._concurrency

    def _begin(self, event: _Event) -> asyncio.Task[Any]:
        invocation = asyncio.create_task(self._invoke(event))
        self._running.add(invocation)
        invocation.add_done_callback(self._end)
        return invocation

    def _is_too_old(self, event: _Event) -> bool:
        too_old = self._clock.now() > event.accepted_at + EVENT_AGE_SECONDS
        return too_old and not self._faults.strike("old event kept")  # its age is not exact

    def _end(self, invocation: asyncio.Task[Any]) -> None:
        self._running.discard(invocation)
        self._quotas.end()
        self._start()

    async def _invoke(self, event: _Event) -> Any:
        PROCESS.set(next(self._processes))
        ends_at = self._clock.now() + self._timeout_seconds
        limit = asyncio.timeout(self._timeout_seconds)
        try:
            async with limit:
                answer = await self._handler(json.loads(event.body), lambda: ends_at - self._clock.now())
            self.ended["returned"] += 1
            return answer
        except Crash as crash:
            self.ended["crashed"] += 1
            if isinstance(crash, CrashAtCall):
                self._faults.drop(_messages_in(event.body), self._clock.now())
        except TimeoutError as error:
            if limit.expired():
                self.ended["timed out"] += 1
            else:
                self._broken.append(error)
        except Exception as error:
            self._broken.append(error)
        return None


def _messages_in(body: bytes) -> list[str]:
    """Returns the MessageIds in a dispatch; none for another event."""
    try:
        return [delivery.message_id for delivery in from_event(json.loads(body)).deliveries]
    except BadEventError:
        return []
