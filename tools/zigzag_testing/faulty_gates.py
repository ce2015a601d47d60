"""The `Gates` port of one consumer whose calls fail, are slow, or get no answer."""

from __future__ import annotations

from collections.abc import Sequence

from shared.aws.transport import ANSWER_SECONDS
from shared.ports.clock import Clock
from shared.ports.gates import Gate, Gates, GatesError
from shared.ports.workers import Reply
from zigzag_testing.faults import Faults
from zigzag_testing.outages import UNANSWERED, reply_of, suffer


class FaultyGates:
    """Gates in the table of records: what befalls that befalls them. A read is sent once.

    clock -- the world's, not the process's own.
    """

    def __init__(self, gates: Gates, faults: Faults, clock: Clock) -> None:
        self._gates = gates
        self._faults = faults
        self._clock = clock

    async def read(self, queues: Sequence[str]) -> dict[str, Gate]:
        self._faults.before()
        outage = self._faults.outage("records", self._clock.now())
        if outage and (error := await suffer(outage, self._clock, ANSWER_SECONDS["dynamodb"])):
            raise GatesError(": ".join(error), reply_of(error))
        slow_before, slow_after = self._faults.slowness()
        await self._clock.sleep(slow_before)
        if self._faults.strike("call failed"):
            raise GatesError("ServiceUnavailable: a fault")
        seen = await self._gates.read(queues)
        if self._faults.strike("call's answer lost"):
            raise GatesError(": ".join(UNANSWERED), Reply.AMBIGUOUS)
        await self._clock.sleep(slow_after)
        self._faults.after()
        return seen
