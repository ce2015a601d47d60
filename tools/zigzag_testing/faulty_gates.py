"""The `Gates` port of one consumer whose calls fail, are slow, or get no answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from shared.aws.transport import ANSWER_SECONDS
from shared.ports.auto import Cut
from shared.ports.clock import Clock
from shared.ports.gates import Gate, GatesError, OperatedGates, Taking
from shared.ports.workers import Meaning
from zigzag_testing.faults import Faults
from zigzag_testing.outages import UNANSWERED, meaning_of, suffer


class FaultyGates:
    """Gates in the table of records, with the table's faults.

    clock -- the sandbox's clock, not the process's own.
    tries -- times that the client sends a call that gets no answer.
    """

    def __init__(self, gates: OperatedGates, faults: Faults, clock: Clock, tries: int = 1) -> None:
        self._gates = gates
        self._faults = faults
        self._clock = clock
        self._tries = tries

    async def read(self, queues: Sequence[str]) -> dict[str, Gate]:
        return await self._call(self._gates.read, queues)

    async def swap(self, queue: str, rev: int, taking: Taking) -> tuple[bool, Gate]:
        return await self._call(self._gates.swap, queue, rev, taking)

    async def claim(self, queue: str, permit: str, own: str, now: float, until: float) -> bool:
        return await self._call(self._gates.claim, queue, permit, own, now, until)

    async def renew(self, queue: str, own: str, until: float) -> bool:
        return await self._call(self._gates.renew, queue, own, until)

    async def release(self, queue: str, permits: Sequence[str]) -> None:
        await self._call(self._gates.release, queue, permits)

    async def unavailable(self, queue: str, message: str, now: float, until: float | None) -> Gate:
        return await self._call(self._gates.unavailable, queue, message, now, until)

    async def cut(self, queue: str, cut: Cut) -> bool:
        return await self._call(self._gates.cut, queue, cut)

    async def succeeded(self, queue: str, now: float, received_at: float) -> None:
        await self._call(self._gates.succeeded, queue, now, received_at)

    async def _call[R](self, call: Callable[..., Awaitable[R]], *arguments: Any) -> R:
        self._faults.before()
        patience = self._tries * ANSWER_SECONDS["dynamodb"]
        outage = self._faults.outage("records", self._clock.now())
        if outage and (error := await suffer(outage, self._clock, patience)):
            raise GatesError(": ".join(error), meaning_of(error))
        slow_before, slow_after = self._faults.slowness()
        await self._clock.sleep(slow_before)
        if self._faults.strike("call failed"):
            raise GatesError("ServiceUnavailable: a fault")
        answer = await call(*arguments)
        if self._tries == 1:
            unanswered = self._faults.strike("call's answer lost")
        else:
            lost, unanswered = self._faults.lose()
            answer = await call(*arguments) if lost else answer
        if unanswered:
            raise GatesError(": ".join(UNANSWERED), Meaning.AMBIGUOUS)
        await self._clock.sleep(slow_after)
        self._faults.after()
        return answer
