"""What goes wrong in a hostile world, and how often? Seeded, so that a bad day can be had again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

from shared.delivery import Delivery
from shared.ports import Begun, Busy, Done, Failed, Outgoing, Queue, QueueError, Records, RecordsError

KINDS = (
    "invoke throttled",
    "invoke failed",
    "invoke's answer lost",
    "event dropped",
    "event doubled",
    "event late",
    "old event kept",
    "call failed",
    "call's answer lost",
    "entry failed",
    "crash before a call",
    "crash after a call",
    "crash of a task",
    "clock off",
)
"""Each kind of fault, by the name under which it is counted."""


class Crash(BaseException):
    """The process ends here and now: no `except Exception` sees it."""


class Faults:
    """Strikes at random, with a probability for each kind; 0 for a kind that is not named.

    struck    -- how often each kind has struck.
    unreached -- the keys of records that could not be reached once.
    """

    def __init__(self, random: Random, rates: Mapping[str, float]) -> None:
        unknown = rates.keys() - set(KINDS)
        if unknown:
            raise ValueError(f"no such faults: {', '.join(sorted(unknown))}; there are: {', '.join(KINDS)}")
        self._random = random
        self._rates = dict(rates)
        self.struck: Counter[str] = Counter()
        self.unreached: set[str] = set()

    @classmethod
    def none(cls) -> Faults:
        return cls(Random(0), {})

    def strike(self, kind: str) -> bool:
        """Whether a fault of this kind happens now."""
        rate = self._rates.get(kind, 0.0)
        if rate == 0.0 or self._random.random() >= rate:
            return False
        self.struck[kind] += 1
        return True

    def delay(self, kind: str, most_seconds: float) -> float:
        """How late something is, if a fault of this kind happens now; else 0."""
        return self._random.uniform(0, most_seconds) if self.strike(kind) else 0.0

    def skew(self, most_seconds: float) -> float:
        """How far a clock is off."""
        return self._random.uniform(-most_seconds, most_seconds) if self.strike("clock off") else 0.0

    def stop(self) -> None:
        """From now on, nothing goes wrong."""
        self._rates = {}

    def before(self) -> None:
        """At the begin of a call. Raises Crash."""
        if self.strike("crash before a call"):
            raise Crash

    def after(self) -> None:
        """At the end of a call. Raises Crash."""
        if self.strike("crash after a call"):
            raise Crash


class FaultyQueue:
    """The `Queue` port of one process, whose calls go wrong.

    again -- whether a call whose answer is lost is sent again by the client itself, as boto3's are.
    """

    def __init__(self, queue: Queue, faults: Faults, *, again: bool) -> None:
        self._queue = queue
        self._faults = faults
        self._again = again

    async def receive(self, most: int, wait_seconds: int, lease_seconds: int) -> list[Delivery]:
        self._begin()
        received = await self._queue.receive(most, wait_seconds, lease_seconds)
        if self._faults.strike("call's answer lost"):
            raise QueueError("ReadTimeoutError", "no answer")
        self._faults.after()
        return received

    async def postpone(self, deliveries: Sequence[Delivery], seconds: int) -> list[Failed]:
        return await self._batch(self._queue.postpone, deliveries, seconds)

    async def delete(self, deliveries: Sequence[Delivery]) -> list[Failed]:
        return await self._batch(self._queue.delete, deliveries)

    async def send(self, message: Outgoing) -> str:
        self._begin()
        message_id = await self._queue.send(message)
        if self._faults.strike("call's answer lost"):
            if not self._again:
                raise QueueError("ReadTimeoutError", "no answer")
            message_id = await self._queue.send(message)
        self._faults.after()
        return message_id

    async def in_flight(self) -> int:
        self._begin()
        return await self._queue.in_flight()

    def _begin(self) -> None:
        self._faults.before()
        if self._faults.strike("call failed"):
            raise QueueError("ServiceUnavailable", "a fault")

    async def _batch(self, call: Any, deliveries: Sequence[Delivery], *arguments: Any) -> list[Failed]:
        self._begin()
        sound = [delivery for delivery in deliveries if not self._faults.strike("entry failed")]
        failed = [Failed(one, "InternalError", "a fault") for one in deliveries if one not in sound]
        if sound:
            failed += await call(sound, *arguments)
        if sound and self._faults.strike("call's answer lost"):
            if not self._again:
                raise QueueError("ReadTimeoutError", "no answer")
            await call(sound, *arguments)
        self._faults.after()
        return failed


class FaultyRecords:
    """The `Records` port of one process, whose calls go wrong; one whose answer is lost is sent again."""

    def __init__(self, records: Records, faults: Faults) -> None:
        self._records = records
        self._faults = faults

    async def begin(self, key: str, owner: str, now: float, until: float) -> Begun | Busy | Done:
        return await self._call(self._records.begin, key, owner, now, until)  # type: ignore[no-any-return]

    async def extend(self, key: str, owner: str, until: float) -> bool:
        return await self._call(self._records.extend, key, owner, until)  # type: ignore[no-any-return]

    async def finish(self, key: str, owner: str, now: float) -> bool:
        return await self._call(self._records.finish, key, owner, now)  # type: ignore[no-any-return]

    async def release(self, key: str, owner: str) -> None:
        await self._call(self._records.release, key, owner)

    async def count(self, key: str, owner: str, now: float) -> int:
        return await self._call(self._records.count, key, owner, now)  # type: ignore[no-any-return]

    async def forget(self, key: str) -> None:
        await self._call(self._records.forget, key)

    async def _call(self, call: Any, *arguments: Any) -> Any:
        self._faults.before()
        if self._faults.strike("call failed"):
            self._faults.unreached.add(arguments[0])
            raise RecordsError("a fault")
        answer = await call(*arguments)
        if self._faults.strike("call's answer lost"):
            answer = await call(*arguments)
        self._faults.after()
        return answer
