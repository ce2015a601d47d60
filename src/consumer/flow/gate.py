"""The gate of a queue: may anything be received at all? An operator says so in the table, without a deploy.

All gates are read at once before a tick's first receive, and again before a receive if that was more than a
second ago. So what is written holds from then on, but for a poll that is under way. Where the gates can't be
read nothing is received: what waits is safe, and what an operator wants is not known.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from random import Random

from consumer.flow.flow import Flow
from consumer.patience import Patience
from consumer.summary import PAUSED
from shared.lease import DROP_MARGIN_SECONDS, KEPT_SECONDS
from shared.ports.clock import Clock
from shared.ports.gates import Gate, Gates, GatesError

LOOK_AGAIN_SECONDS = 1.0
"""How old a read may be when a receive begins."""

_DAY_SECONDS = 24 * 3600


def why_closed(queue: str, gate: Gate, now: float) -> str | None:
    """Why nothing may be received from the queue, or None. It counts as an error where somebody must look."""
    if gate.odd:
        return f"the gate of {queue} says what nobody understands: {', '.join(gate.odd)}"
    if not gate.paused:
        return None
    seconds = now - (now if gate.since is None else gate.since)
    if seconds < KEPT_SECONDS - DROP_MARGIN_SECONDS:
        return PAUSED
    days, kept = int(seconds / _DAY_SECONDS), KEPT_SECONDS // _DAY_SECONDS
    return f"{PAUSED} for {days} days: SQS drops what is older than {kept}"


class SeenGates:
    """The gates of all queues, as one tick has seen them last."""

    def __init__(self, gates: Gates, queues: Sequence[str], clock: Clock, random: Random) -> None:
        self._gates = gates
        self._queues = queues
        self._clock = clock
        self._random = random
        self._reading = asyncio.Lock()
        self._began = float("-inf")
        self._seen: Mapping[str, Gate] = {}
        self._unread: str | None = None

    async def why_closed(self, queue: str) -> str | None:
        """As above; in all that is left of the tick, if the gates can't be read."""
        since = self._clock.now() - LOOK_AGAIN_SECONDS
        async with self._reading:  # who waits here shares what is read
            if self._began <= since and self._unread is None:
                self._unread = await self._read()
        return self._unread or why_closed(queue, self._seen[queue], self._clock.now())

    async def _read(self) -> str | None:
        """Why they can't be read; None if they are."""
        patience = Patience("reads of the gates")
        while True:
            self._began, begun = self._clock.now(), patience.begin()
            try:
                self._seen = await self._gates.read(self._queues)
            except GatesError as error:
                if stop := patience.ended([error.reply], begun):
                    return f"{stop}: {error}"
                await self._clock.sleep(patience.pause_seconds([error.reply], self._random))
            else:
                return None


class BehindGate:
    """The flow of a queue that has a gate: nothing while it is closed, else what `flow` lets through."""

    def __init__(self, queue: str, gates: SeenGates, flow: Flow) -> None:
        self._queue = queue
        self._gates = gates
        self._flow = flow
        self._closed: str | None = None

    async def may_receive(self) -> int:
        self._closed = await self._gates.why_closed(self._queue)
        asked = 0 if self._closed else await self._flow.may_receive()
        if asked:  # the flow may have asked SQS, and waited for the answer
            self._closed = await self._gates.why_closed(self._queue)
        return 0 if self._closed else asked

    def received(self, asked: int, came: int) -> None:
        self._flow.received(asked, came)

    @property
    def over(self) -> str | None:
        return self._closed or self._flow.over


class GatesOfTicks:
    """Puts gates before the flows of queues with these names, in each tick anew."""

    def __init__(self, gates: Gates, queues: Sequence[str], clock: Clock, random: Random) -> None:
        self._gates = gates
        self._queues = queues
        self._clock = clock
        self._random = random

    def before(self, flows: Sequence[Flow]) -> list[Flow]:
        """The flows of one tick, a queue's each."""
        seen = SeenGates(self._gates, self._queues, self._clock, self._random)
        return [BehindGate(queue, seen, flow) for queue, flow in zip(self._queues, flows, strict=True)]
