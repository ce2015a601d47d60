"""The gate of a queue: may anything be received at all? An operator says so in the table, without a deploy.

All gates are read at once before a tick's first receive, and again before a receive if that was more than a
second ago. So what is written holds from then on, but for a poll that is under way. Where the gates can't be
read nothing is received: what waits is safe, and what an operator wants is not known.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from random import Random

from consumer.flow.flow import NOTHING, Flow, Share, Slot
from consumer.flow.slots import LATE_SECONDS, slots_of
from consumer.patience import Patience
from consumer.summary import PAUSED, RATE_REACHED
from shared.lease import DROP_MARGIN_SECONDS, KEPT_SECONDS
from shared.ports.clock import Clock
from shared.ports.gates import Gate, Gates, GatesError
from shared.queues import TaskQueue

LOOK_AGAIN_SECONDS = 1.0
"""How old a read may be when a receive begins."""

SWAPS = 5
"""How often slots are tried to be taken, while others are quicker."""

SWAP_AGAIN_SECONDS = 0.1
"""Until the next try, at most, by chance."""

WAIT_SECONDS = 10.0
"""A slot that is not so near is the next tick's, which comes in a minute."""

_DAY_SECONDS = 24 * 3600


def why_closed(queue: TaskQueue, gate: Gate, now: float) -> str | None:
    """Why nothing may be received from the queue, or None. It counts as an error where somebody must look."""
    if gate.odd:
        return f"the gate of {queue.name} says what nobody understands: {', '.join(gate.odd)}"
    if gate.rate and queue.fifo:
        return f"the gate of {queue.name} has a rate, which a FIFO queue can't keep"
    if not gate.paused:
        return None
    seconds = now - (now if gate.since is None else gate.since)
    if seconds < KEPT_SECONDS - DROP_MARGIN_SECONDS:
        return PAUSED
    days, kept = int(seconds / _DAY_SECONDS), KEPT_SECONDS // _DAY_SECONDS
    return f"{PAUSED} for {days} days: SQS drops what is older than {kept}"


class SeenGates:
    """The gates of all queues, as one tick has seen them last."""

    def __init__(self, gates: Gates, queues: Sequence[TaskQueue], clock: Clock, random: Random) -> None:
        self._gates = gates
        self._queues = queues
        self._clock = clock
        self._random = random
        self._reading = asyncio.Lock()
        self._taking = asyncio.Lock()
        self._swaps = Patience("writes to the gates")
        self._began = float("-inf")
        self._seen: dict[str, Gate] = {}
        self._unread: str | None = None

    def gate(self, queue: TaskQueue) -> Gate:
        """As it was seen last."""
        return self._seen[queue.name]

    async def why_closed(self, queue: TaskQueue) -> str | None:
        """As above; in all that is left of the tick, if the gates can't be read, or slots not be taken."""
        since = self._clock.now() - LOOK_AGAIN_SECONDS
        async with self._reading:  # who waits here shares what is read
            if self._began <= since and self._unread is None:
                self._unread = await self._read()
        return self._unread or why_closed(queue, self.gate(queue), self._clock.now())

    async def _read(self) -> str | None:
        """Why they can't be read; None if they are."""
        patience = Patience("reads of the gates")
        while True:
            self._began, begun = self._clock.now(), patience.begin()
            try:
                self._seen = await self._gates.read([queue.name for queue in self._queues])
            except GatesError as error:
                if stop := patience.ended([error.reply], begun):
                    return f"{stop}: {error}"
                await self._clock.sleep(patience.pause_seconds([error.reply], self._random))
            else:
                return None

    async def take(self, queue: TaskQueue, want: int) -> tuple[Slot, ...]:
        """At most so many slots; none if there are none now, or others are quicker."""
        async with self._taking:
            for _ in range(SWAPS):
                gate = self.gate(queue)
                slots = () if gate.rate is None else slots_of(gate, gate.rate, self._clock.now(), want)
                if gate.rate is None or not slots or gate.paused or self._unread:
                    break
                if await self._swap(queue, gate.rev, slots[-1].at + gate.rate.every):
                    return slots
                await self._clock.sleep(self._random.uniform(0, SWAP_AGAIN_SECONDS))
        return ()

    async def give_back(self, queue: TaskQueue, slot: Slot) -> None:
        """The slots from this one on, which were taken last, unless somebody has taken some since."""
        await self._swap(queue, self.gate(queue).rev, slot.at)

    async def _swap(self, queue: TaskQueue, rev: int, next: float) -> bool:
        begun = self._swaps.begin()
        try:
            taken, self._seen[queue.name] = await self._gates.swap(queue.name, rev, next)
        except GatesError as error:
            if stop := self._swaps.ended([error.reply], begun):
                self._unread = f"{stop}: {error}"
            await self._clock.sleep(self._swaps.pause_seconds([error.reply], self._random))
            return False
        self._swaps.ended([], begun)
        return taken


class BehindGate:
    """The flow of a queue that has a gate: nothing while it is closed, else what `flow` lets through.

    With a rate, that is a slot a message. The first receives ask for one slot, since most ticks find nothing;
    what a receive did not use is the next one's.
    """

    def __init__(self, queue: TaskQueue, gates: SeenGates, flow: Flow, clock: Clock) -> None:
        self._queue = queue
        self._gates = gates
        self._flow = flow
        self._clock = clock
        self._closed: str | None = None
        self._came = False
        self._unused: list[Slot] = []
        self._last_used = float("-inf")
        self._last_taken = float("-inf")  # the first of those that were taken last, and the gate's `rev` then
        self._rev = 0

    async def may_receive(self) -> Share:
        self._closed = await self._gates.why_closed(self._queue)
        share = NOTHING if self._closed else await self._flow.may_receive()
        if share.most:  # the flow may have asked SQS, and waited for the answer
            self._closed = await self._gates.why_closed(self._queue)
        if share.most and not self._closed and self._gates.gate(self._queue).rate is not None:
            share = await self._with_slots(share)
        return NOTHING if self._closed else share

    async def _with_slots(self, share: Share) -> Share:
        want = share.most if self._came else 1
        in_time = self._clock.now() + LATE_SECONDS / 2
        slots = tuple(slot for slot in self._unused if slot.start_by > in_time)[:want]
        self._unused = [slot for slot in self._unused if slot not in slots]
        if not slots and (slots := await self._gates.take(self._queue, want)):
            self._last_taken, self._rev = slots[0].at, self._gates.gate(self._queue).rev
        self._flow.received(Share(share.most - len(slots)), 0)
        if not slots and self._gates.gate(self._queue).next > self._clock.now() + WAIT_SECONDS:
            self._closed = RATE_REACHED
        return Share(len(slots), slots)

    def received(self, share: Share, came: int) -> None:
        self._flow.received(share, came)
        self._came |= came > 0
        self._last_used = max([self._last_used, *(slot.at for slot in share.slots[:came])])
        self._unused += share.slots[came:]

    async def end(self) -> None:
        """Gives slots back if they are the last that anybody took: behind them is nothing that was used."""
        behind = [slot for slot in self._unused if self._last_used < slot.at >= self._last_taken]
        if behind and self._gates.gate(self._queue).rev == self._rev:
            await self._gates.give_back(self._queue, min(behind))

    @property
    def over(self) -> str | None:
        return self._closed or self._flow.over


class GatesOfTicks:
    """Puts gates before the flows of queues, in each tick anew."""

    def __init__(self, gates: Gates, queues: Sequence[TaskQueue], clock: Clock, random: Random) -> None:
        self._gates = gates
        self._queues = queues
        self._clock = clock
        self._random = random

    def before(self, flows: Sequence[Flow]) -> list[Flow]:
        """The flows of one tick, a queue's each."""
        seen = SeenGates(self._gates, self._queues, self._clock, self._random)
        both = zip(self._queues, flows, strict=True)
        return [BehindGate(queue, seen, flow, self._clock) for queue, flow in both]
