"""The flow of a queue that has a gate: the gate decides before each receive, then the flow without one."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile
from random import Random
from typing import Any

from consumer.flow.flow import ASK_AGAIN_SECONDS, NOTHING, Flow, Share, Slot
from consumer.flow.gate import LOOK_AGAIN_SECONDS, SeenGates
from consumer.flow.opening import Opening
from consumer.flow.permits import CLAIM_SECONDS, limits_of, overdue_in
from consumer.flow.slots import AHEAD_SECONDS, LATE_SECONDS
from consumer.summary import ALL_RUN, RATE_REACHED, UNAVAILABLE
from shared.lease import FAILING, PROBE
from shared.ports.breaker import PROBE_SECONDS
from shared.ports.clock import Clock
from shared.ports.gates import Gate, Gates
from shared.ports.queue import MAX_PER_CALL
from shared.queues import TaskQueue

WAIT_SECONDS = 60.0
"""Longest wait for a slot. A later one is for the next tick, which comes in a minute. If ticks ended sooner,
the slots between two ticks would be lost."""

MAX_NAP_SECONDS = 5.0
"""Longest wait until the gate is read again, while no slot is near: a limit may have been removed."""

TRY_SECONDS = 10.0
"""While the breaker is shut, a tick waits so long until the next message may be received to try, and then so
long until one comes. If each consumer kept its try, all would try at once when messages come."""

LOOK_FOR_PERMITS_SECONDS = 0.5
"""Most age of a read while no permit is free: a worker may have given one back."""

PERMIT_WAIT_SECONDS = 20.0
"""Time that a tick waits for a permit if it has received nothing yet: longer than the tick before may go on.
A tick that has received messages waits until its end, since more may wait. So does a tick that sees an
overdue permit."""


class Gated:
    """The flow of a queue with a gate: nothing while the gate is closed, else the share of `flow`.

    While the breaker is shut, one message a minute is received. With a rate, each message needs a slot. With
    an exact cap, each needs a permit, and `flow` is not asked. The first receives take one, since most ticks
    find nothing. The next receive uses those that one did not use.
    """

    def __init__(
        self, queue: TaskQueue, gates: SeenGates, flow: Flow, clock: Clock, opening: Opening | None = None
    ) -> None:
        self._queue = queue
        self._gates = gates
        self._flow = flow
        self._clock = clock
        self._closed: str | None = None
        self._came = False
        self._unused: list[Slot] = []
        self._taken: Sequence[Slot] = ()  # the last take, and the gate's `rev` after it
        self._rev = 0
        self._none_since: float | None = None  # when a look at the gate first found no slot or permit
        self._opening = opening or Opening()

    async def may_receive(self) -> Share:
        age = LOOK_AGAIN_SECONDS if self._none_since is None else LOOK_FOR_PERMITS_SECONDS
        self._closed = await self._gates.why_closed(self._queue, age)
        share = NOTHING if self._closed else await self._share()
        self._opening.let_through(share.most)
        return share._replace(doubt=self._doubt(share)) if share.most else share

    async def _share(self) -> Share:
        gate, now = self._gate, self._clock.now()
        if gate.breaker.is_shut(now):
            trying = any(slot.probe for slot in self._good(self._in_time(self._unused)))
            if gate.breaker.shut_until > now + TRY_SECONDS and not trying:
                self._closed = UNAVAILABLE
                return NOTHING
            return await self._with_slots(1)
        if gate.at_once is not None:
            return await self._with_slots(self._opening.most(MAX_PER_CALL, gate.breaker, now))
        share = await self._flow.may_receive()
        if share.most == 0:  # nothing is to be given back: the queue waits on for its turn
            return share
        self._closed = await self._gates.why_closed(self._queue)  # the flow may have waited for SQS's answer
        gate, now = self._gate, self._clock.now()
        if self._closed:
            self._flow.received(share, 0)  # other queues may have it
            return NOTHING._replace(slow=share.slow)
        most = 0 if gate.breaker.is_shut(now) else self._opening.most(share.most, gate.breaker, now)
        limited = await self._with_slots(most) if gate.limited and most else Share(most)
        asked_for = _of_the_flow(limited.slots) if limited.slots else limited.most
        self._flow.received(Share(share.most - asked_for), 0)
        return limited._replace(slow=share.slow or self._opening.is_slow(now))

    @property
    def _gate(self) -> Gate:
        return self._gates.gate(self._queue)

    def _doubt(self, share: Share) -> str:
        """Returns the breaker's doubt, for the lease."""
        probe = any(slot.probe for slot in share.slots)
        return PROBE if probe else FAILING if self._gate.breaker.failing else ""

    async def _with_slots(self, most: int) -> Share:
        want = most if self._came else min(most, 1)
        slots = await self._kept(want)
        if not slots and (taken := await self._gates.take(self._queue, want)):
            self._taken, self._rev = taken, self._gate.rev
            slots = self._in_time(taken)  # to take them may have needed longer than last time
            self._unused += [slot for slot in taken if slot not in slots]
        if slots:
            self._none_since = None
            return Share(len(slots), slots)
        gate, now = self._gate, self._clock.now()
        self._none_since = self._none_since or now
        if gate.next > now + WAIT_SECONDS:
            self._closed = RATE_REACHED
        elif self._waits_in_vain(gate, now, now - self._none_since):
            self._closed = ALL_RUN
        return NOTHING._replace(again_seconds=_again_in(gate, now))

    def _waits_in_vain(self, gate: Gate, now: float, waited: float) -> bool:
        """Returns whether no permit seems to become free soon."""
        if gate.at_once is None or self._came or waited <= PERMIT_WAIT_SECONDS:
            return False
        return not overdue_in(gate, now)

    async def _kept(self, want: int) -> tuple[Slot, ...]:
        """Returns unused slots of earlier receives that are still good. Gives back permits that are not."""
        good = self._good(self._unused)
        bad = [slot for slot in self._unused if slot.permit and slot not in good]
        self._unused = good
        if bad:
            await self._gates.release(self._queue, bad)
        shut = self._gate.breaker.is_shut(self._clock.now())
        good = self._good(self._in_time(self._unused))
        slots = tuple(slot for slot in good if slot.probe or not shut)[:want]
        self._unused = [slot for slot in self._unused if slot not in slots]
        return slots

    def _good(self, slots: Sequence[Slot]) -> list[Slot]:
        """Returns those whose permit lasts, and which were taken by limits that are still the same. A try is
        neither old, nor has a report allowed an earlier one than the next after it."""
        gate, now = self._gate, self._clock.now()
        limits, by = limits_of(gate), gate.breaker.shut_until - PROBE_SECONDS + 1  # by its own take, or later
        good = [slot for slot in slots if slot.held_until >= now + CLAIM_SECONDS and slot.limits == limits]
        return [slot for slot in good if not slot.probe or now - TRY_SECONDS <= slot.taken_at < by]

    def _in_time(self, slots: Sequence[Slot]) -> tuple[Slot, ...]:
        """Returns the slots for which a worker can start in time, once a message is received."""
        in_time = self._clock.now() + LATE_SECONDS / 2
        return tuple(slot for slot in slots if slot.start_by > in_time)

    def received(self, share: Share, came: int) -> None:
        if share.slots:  # `flow` did not give the slots that have a permit
            self._flow.received(Share(_of_the_flow(share.slots)), _of_the_flow(share.slots[:came]))
        else:
            self._flow.received(share, came)
        self._opening.let_through(came - share.most)
        self._came |= came > 0
        self._unused += share.slots[came:]

    def unsent(self, slot: Slot) -> None:
        self._unused.append(slot)

    async def end(self) -> None:
        """Gives back unused permits, and unused slots if no later slot was taken or used."""
        if permits := [slot for slot in self._unused if slot.permit]:
            await self._gates.release(self._queue, permits)
        behind = list(takewhile(lambda slot: slot in self._unused, reversed(self._taken)))
        gate = self._gate if behind else Gate()
        if gate.rate is not None and gate.rev == self._rev:
            await self._gates.give_back(self._queue, behind[-1])

    @property
    def over(self) -> str | None:
        return self._closed or self._flow.over


def _again_in(gate: Gate, now: float) -> float:
    """Returns the seconds until a look at the gate can find a slot or a permit that is not there now."""
    least = ASK_AGAIN_SECONDS if gate.at_once is None else LOOK_FOR_PERMITS_SECONDS
    near = 0.0 if gate.rate is None else gate.next - AHEAD_SECONDS - now
    return max(least, min(near, MAX_NAP_SECONDS))


def _of_the_flow(slots: Sequence[Slot]) -> int:
    """Returns the number of slots that come from the flow behind the gate."""
    return sum(not slot.permit and not slot.probe for slot in slots)


class GatesOfTicks:
    """Puts gates in front of the flows of queues, for each tick."""

    def __init__(self, gates: Gates, queues: Sequence[TaskQueue], clock: Clock, random: Random) -> None:
        self._gates = gates
        self._queues = queues
        self._clock = clock
        self._random = random
        self._seen: SeenGates | None = None

    def limits(self) -> dict[str, Any] | None:
        """Returns the limits of each queue that has some, as the last tick saw them; None if it saw none."""
        return None if self._seen is None else self._seen.limits()

    def counts(self, number: int) -> bool:
        """Returns whether what is in flight of a queue takes the others' places: not with an exact cap."""
        return self._seen is None or self._seen.gate(self._queues[number]).at_once is None

    def before(self, flows: Sequence[Flow], opening: Opening | None = None) -> list[Flow]:
        """Returns the flows of one tick, one for each queue.

        opening -- the slow begin of a server's queue, whose flows last for one message.
        """
        seen = self._seen = SeenGates(self._gates, self._queues, self._clock, self._random)
        both = zip(self._queues, flows, strict=True)
        return [Gated(queue, seen, flow, self._clock, opening) for queue, flow in both]
