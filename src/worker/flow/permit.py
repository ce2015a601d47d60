"""The permit of a batch whose queue has an exact cap: as many tasks run at once as there are permits.

The consumer took it before it received the messages. Before any of the user's code the worker claims it by a
unique name, because an event that Lambda starts twice has only one permit. The worker renews it while it
works the batch, and gives it back when all is settled. If it can't be renewed in time, the process ends, and
the messages come again when their leases end, as after any crash.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from math import inf
from random import Random

from shared import log
from shared.delivery import Batch
from shared.errors import words
from shared.lease import (
    BEAT_AGAIN_SECONDS,
    BEAT_EVERY_SECONDS,
    ENDING_SECONDS,
    PERMIT_SECONDS,
    SAFETY_SECONDS,
)
from shared.ports.clock import Clock
from shared.ports.gates import GatesError, WorkedGates
from worker.host import Host, Sleep
from worker.outcome import LeftAlone

OWN_SECONDS = PERMIT_SECONDS - SAFETY_SECONDS / 2
"""Time after the last renewal by which the worker has ended. The permit leaves the gate only later, even if
clocks differ."""


class Permit:
    """A permit.

    beats -- the gates for renewals, which send a call once.
    """

    def __init__(
        self,
        name: str,
        queue: str,
        gates: WorkedGates,
        beats: WorkedGates,
        clock: Clock,
        random: Random,
        host: Host,
    ) -> None:
        self._name = name
        self._own = f"{name}.{random.getrandbits(24):06x}"
        self._queue = queue
        self._gates = gates
        self._beats = beats
        self._clock = clock
        self._host = host
        self._ends_at = inf
        self._to_release: list[str] = []

    async def claim(self, batch: Batch, now: float) -> LeftAlone | None:
        """Claims the permit, as a guard. A batch without one is left alone: another worker may have it."""
        try:
            claimed = await self._gates.claim(self._queue, self._name, self._own, now, now + PERMIT_SECONDS)
        except GatesError as error:
            self._to_release = [self._own, self._name]
            return LeftAlone(f"not started: its permit can't be had: {error.reason}")
        if not claimed:
            return LeftAlone("not started: its permit has ended, or another worker has it")
        self._to_release, self._ends_at = [self._own], now + OWN_SECONDS
        return None

    async def around[R](self, work: Callable[[], Awaitable[R]]) -> R:
        """Does the work and returns its result. Renews the permit meanwhile, and gives it back after it."""
        async with self._host.beside(self._keep), self._host.beside(self._end_in_time):
            done = await work()
        await self._release()
        return done

    async def _release(self) -> None:
        if not self._to_release:
            return
        ends = self._clock.now() + ENDING_SECONDS
        try:
            if self._host.exit_reason is None or self._ends_at == inf:
                await self._gates.release(self._queue, self._to_release)
            else:
                await self._beats.renew(self._queue, self._own, ends)
        except GatesError as error:
            reason = error.reason
            log.write(logging.WARNING, "a permit is not given back: it ends by itself", reason=reason)

    async def _keep(self, sleep: Sleep) -> None:
        next_at = self._clock.now() + BEAT_EVERY_SECONDS
        while not await sleep(next_at - self._clock.now()):
            now = self._clock.now()
            next_at = now + BEAT_EVERY_SECONDS
            try:
                held = await self._beats.renew(self._queue, self._own, now + PERMIT_SECONDS)
            except Exception as error:  # of any kind: the next renewal may succeed
                log.write(logging.WARNING, "a permit was not renewed", reason=words(error))
                next_at = now + BEAT_AGAIN_SECONDS
                continue
            if not held:
                await self._host.exit("its permit is not held any more")
            self._ends_at = now + OWN_SECONDS

    async def _end_in_time(self, sleep: Sleep) -> None:
        """Ends the process when the permit has ended, even if a renewal hangs: it has a thread of its own."""
        while not await sleep(min(self._ends_at - self._clock.now(), BEAT_EVERY_SECONDS)):
            if self._clock.now() >= self._ends_at:
                await self._host.exit("its permit ended: it could not be renewed in time")
