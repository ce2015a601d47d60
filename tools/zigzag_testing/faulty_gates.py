"""The `Gates` port of one consumer whose calls fail, are slow, or get no answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from shared.aws.transport import ANSWER_SECONDS
from shared.ports.clock import Clock
from shared.ports.gates import Gate, Gates, GatesError
from shared.ports.workers import Reply
from zigzag_testing.faults import Faults
from zigzag_testing.outages import UNANSWERED, reply_of, suffer


class FaultyGates:
    """Gates in the table of records: what befalls that befalls them. A call is sent once.

    clock -- the world's, not the process's own.
    """

    def __init__(self, gates: Gates, faults: Faults, clock: Clock) -> None:
        self._gates = gates
        self._faults = faults
        self._clock = clock

    async def read(self, queues: Sequence[str]) -> dict[str, Gate]:
        return await self._call(self._gates.read, queues)

    async def swap(self, queue: str, rev: int, next: float) -> tuple[bool, Gate]:
        return await self._call(self._gates.swap, queue, rev, next)

    async def _call[R](self, call: Callable[..., Awaitable[R]], *arguments: Any) -> R:
        self._faults.before()
        outage = self._faults.outage("records", self._clock.now())
        if outage and (error := await suffer(outage, self._clock, ANSWER_SECONDS["dynamodb"])):
            raise GatesError(": ".join(error), reply_of(error))
        slow_before, slow_after = self._faults.slowness()
        await self._clock.sleep(slow_before)
        if self._faults.strike("call failed"):
            raise GatesError("ServiceUnavailable: a fault")
        answer = await call(*arguments)
        if self._faults.strike("call's answer lost"):
            raise GatesError(": ".join(UNANSWERED), Reply.AMBIGUOUS)
        await self._clock.sleep(slow_after)
        self._faults.after()
        return answer
