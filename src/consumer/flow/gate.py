"""The gate of a queue, which an operator closes and opens in the table, without a deploy.

All gates are read together before a tick's first receive, and again before a receive if that was more than a
second ago. So a change holds at once, except for a poll that is under way. If the gates can't be read,
nothing is received: waiting messages are safe, and the operator's wish is not known.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from random import Random
from typing import Any

from consumer.flow.flow import Slot
from consumer.flow.permits import names_of, open_slots, taking_of
from consumer.patience import Patience
from consumer.summary import PAUSED
from shared import log
from shared.lease import DROP_MARGIN_SECONDS, KEPT_SECONDS
from shared.ports.clock import Clock
from shared.ports.gates import AT_ONCE, BURST, EVERY, Gate, Gates, GatesError, Taking
from shared.queues import TaskQueue

LOOK_AGAIN_SECONDS = 1.0
"""Most age of a read when a receive begins."""

SWAPS = 5
"""Most tries to take slots while other consumers are quicker."""

SWAP_AGAIN_SECONDS = 0.1
"""Longest random wait until the next try."""

CLOCKS_SECONDS = 60.0
"""Time by which the next slot may be ahead of the rate: clocks differ, and slots are taken ahead."""

MAX_SWAP_SECONDS = 10.0
"""Most time of a write that counts as a measure for the next one."""

_DAY_SECONDS = 24 * 3600


def why_closed(queue: TaskQueue, gate: Gate, now: float) -> str | None:
    """Returns why nothing may be received, or None. A reason that needs a person counts as an error."""
    if gate.odd:
        return f"the gate of {queue.name} says what nobody understands: {', '.join(gate.odd)}"
    if (gate.rate or gate.at_once) and queue.fifo:
        return (
            f"the gate of {queue.name} has a {'rate' if gate.rate else 'cap'}, which a FIFO queue can't keep"
        )
    if gate.rate and gate.next > now + gate.rate.every + CLOCKS_SECONDS and not gate.paused:
        ahead = gate.next - now
        return (
            f"the next slot of {queue.name} is {ahead:,.0f} s ahead, and its rate has one each "
            f"{gate.rate.every:g} s: set the rate again with `zigzag limit`"
        )
    if not gate.paused:
        return None
    seconds = now - (now if gate.since is None else gate.since)
    if seconds < KEPT_SECONDS - DROP_MARGIN_SECONDS:
        return PAUSED
    days, kept = int(seconds / _DAY_SECONDS), KEPT_SECONDS // _DAY_SECONDS
    return f"{PAUSED} for {days} days: SQS drops what is older than {kept}"


def _limits(gate: Gate) -> dict[str, float | int]:
    said: dict[str, float | int | None] = {AT_ONCE: gate.at_once}
    if gate.rate is not None:
        said |= {EVERY: gate.auto.fastest if gate.auto else gate.rate.every, BURST: gate.rate.burst}
    return {name: value for name, value in said.items() if value is not None}


class SeenGates:
    """The gates of all queues, as the tick read them last."""

    def __init__(self, gates: Gates, queues: Sequence[TaskQueue], clock: Clock, random: Random) -> None:
        self._gates = gates
        self._queues = queues
        self._clock = clock
        self._random = random
        self._reading = asyncio.Lock()
        self._taking = {queue.name: asyncio.Lock() for queue in queues}
        self._swaps = {queue.name: Patience(f"writes to the gate of {queue.name}") for queue in queues}
        self._began = float("-inf")
        self._seen: dict[str, Gate] = {}
        self._unread: str | None = None
        self._unwritten: dict[str, str] = {}  # each gate is an item of its own: only its queue's turn ends
        self._swap_seconds = 0.0  # the time that the last write took

    def gate(self, queue: TaskQueue) -> Gate:
        """Returns the queue's gate, as it was read last."""
        return self._seen[queue.name]

    def limits(self) -> dict[str, Any] | None:
        """Returns the limits of each queue that has some; of a rate that changes, the most that it may be.
        None if no gate could be read. Once a read fails nothing is received, so the one before it counts."""
        if not self._seen:
            return None
        return {name: _limits(gate) for name, gate in self._seen.items() if gate.limited}

    async def why_closed(self, queue: TaskQueue, age: float = LOOK_AGAIN_SECONDS) -> str | None:
        """Returns why nothing may be received, or None.

        age -- most age of the read, in seconds.
        """
        since = self._clock.now() - age
        async with self._reading:  # all that wait here share one read
            if self._began <= since and self._unread is None:
                self._unread = await self._read()
        unknown = self._unread or self._unwritten.get(queue.name)
        return unknown or why_closed(queue, self.gate(queue), self._clock.now())

    async def _read(self) -> str | None:
        """Reads the gates. Returns why they can't be read, or None."""
        patience = Patience("reads of the gates")
        while True:
            self._began, begun = self._clock.now(), patience.begin()
            try:
                self._seen = await self._gates.read([queue.name for queue in self._queues])
            except GatesError as error:
                if stop := patience.ended([error.meaning], begun):
                    return f"{stop}: {error}"
                await self._clock.sleep(patience.pause_seconds([error.meaning], self._random))
            else:
                return None

    async def take(self, queue: TaskQueue, want: int) -> tuple[Slot, ...]:
        """Takes at most `want` slots; none if there are none now, or other consumers are quicker."""
        names = names_of(self._random, want)
        doubtful: tuple[Slot, ...] = ()
        async with self._taking[queue.name]:
            for _ in range(SWAPS):
                gate, now = self.gate(queue), self._clock.now()
                limited = gate.limited or gate.breaker.is_shut(now)
                slots = open_slots(gate, names, now, self._swap_seconds) if limited else ()
                if not slots or gate.paused or self._unread or queue.name in self._unwritten:
                    break
                taken = await self._swap(queue, gate.rev, taking_of(gate, slots, now))
                if taken:
                    return slots
                if ours := tuple(one for one in doubtful if one.permit in self.gate(queue).held):
                    return ours  # they were taken, but the answer was lost
                doubtful = slots if taken is None else doubtful
                await self._clock.sleep(self._random.uniform(0, SWAP_AGAIN_SECONDS))
        return ()

    async def give_back(self, queue: TaskQueue, slot: Slot) -> None:
        """Gives back this slot and all later ones, unless others have taken slots since."""
        await self._swap(queue, self.gate(queue).rev, Taking(slot.at))

    async def release(self, queue: TaskQueue, slots: Sequence[Slot]) -> None:
        """Gives back permits that no worker has. If the call fails, they end by themselves."""
        try:
            await self._gates.release(queue.name, [slot.permit for slot in slots])
        except GatesError as error:
            log.write(
                logging.WARNING, "permits are not given back: they end by themselves", reason=str(error)
            )

    async def _swap(self, queue: TaskQueue, rev: int, taking: Taking) -> bool | None:
        """Makes the change. Returns whether it was made, or None if that is not known."""
        patience = self._swaps[queue.name]
        begun, at = patience.begin(), self._clock.now()
        try:
            taken, self._seen[queue.name] = await self._gates.swap(queue.name, rev, taking)
        except GatesError as error:
            if stop := patience.ended([error.meaning], begun):
                self._unwritten[queue.name] = f"{stop}: {error}"
            await self._clock.sleep(patience.pause_seconds([error.meaning], self._random))
            return None
        patience.ended([], begun)
        self._swap_seconds = min(self._clock.now() - at, MAX_SWAP_SECONDS)
        return taken
