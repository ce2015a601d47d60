"""The record of one run of an idempotent task: its owner, and whether it is done."""

from __future__ import annotations

import logging
from contextlib import AbstractAsyncContextManager
from random import Random
from typing import Any

from shared import log
from shared.errors import words
from shared.lease import (
    BEAT_AGAIN_SECONDS,
    BEAT_EVERY_SECONDS,
    ENDING_SECONDS,
    LEASE_SECONDS,
    SAFETY_SECONDS,
)
from shared.ports.clock import Clock
from shared.ports.records import Busy, Done, Owned, Records, RecordsError
from worker.host import Host, Sleep
from worker.outcome import AlreadyDone, Outcome, RetryLater, Succeeded, wait_seconds

BUSY = "not started: another worker runs its task, or has its key"
BUSY_MORE_SECONDS = (1, 5)

EARLIER_SECONDS = SAFETY_SECONDS / 2
"""The ownership ends this long before the lease, so that the next receiver finds the run free."""


class Record:
    """The record of one run.

    key      -- the record's own.
    owned    -- whether this worker owns the run now.
    free_in  -- seconds until another worker can begin, once the ownership is given up.
    unsent   -- what follows the run, if it is done, and that may not have been sent.
    receives -- how often the message was received: after many receives it waits longer.
    """

    def __init__(
        self, records: Records, key: str, receives: int, clock: Clock, random: Random, host: Host
    ) -> None:
        self.owned = False
        self.free_in = 0.0
        self.unsent = ""
        self._records = records
        self.key = key
        self._receives = receives
        self._owner = f"{random.getrandbits(64):016x}"  # an event that Lambda sent twice has two owners
        self._clock = clock
        self._random = random
        self._host = host
        self._until = 0.0
        self._handed_out = False
        self._unknown = ""
        self._lost: list[str] = []
        self._instead: Outcome | None = None

    async def own(self, lease_ends: float) -> Outcome | None:
        """Takes the ownership for the time of the lease. Returns the outcome if the task must not run."""
        until = lease_ends - EARLIER_SECONDS
        try:
            owned = await self._records.own(self.key, self._owner, self._clock.now(), until)
        except RecordsError as error:
            seconds = wait_seconds(self._receives, self._random)
            return RetryLater(seconds, f"not started: whether it is done can't be known: {error.reason}")
        match owned:
            case Done(unsent=unsent):
                self.unsent = unsent
                return AlreadyDone()
            case Busy(other):
                return self._after(other, BUSY)
            case Owned():
                self.owned, self._until = True, until
        return None

    def while_running(self) -> AbstractAsyncContextManager[None]:
        """Extends the ownership while the block runs. It does so even if the message is lost: the worker that
        gets it must find the run owned."""
        return self._host.beside(self._keep)

    async def _keep(self, sleep: Sleep) -> None:
        now = self._clock.now()
        next_at = min(now + BEAT_EVERY_SECONDS, self._until - EARLIER_SECONDS)
        while not await sleep(next_at - self._clock.now()):
            if not self.owned:  # another thread ends the attempt
                return
            now = self._clock.now()
            until = now + LEASE_SECONDS - EARLIER_SECONDS
            next_at = now + BEAT_EVERY_SECONDS
            try:
                if not await self._records.extend(self.key, self._owner, until):
                    log.write(logging.WARNING, "another worker has the record of this task")
                    self._lost.append("record")
                    return
                self._until = until
            except Exception as error:  # of any kind: the next beat may succeed
                reason = words(error)
                log.write(logging.WARNING, "a heartbeat of the record failed", reason=reason)
                next_at = now + BEAT_AGAIN_SECONDS

    def completion(self, unsent: str, *, known: bool) -> dict[str, Any]:
        """Returns the completion as an item of a transaction of the task's own.

        unsent -- what is to be sent if the worker does not come to record what follows.
        known  -- whether that is what follows, and not only what can be said without knowing it.
        """
        completion = self._records.completion(self.key, self._owner, self._clock.now(), unsent)
        self._handed_out, self._unknown = True, "" if known else unsent
        return completion

    async def finish(self, unsent: str = "") -> bool:
        """Records the completion, and what is to be sent after it. Returns False if the run is another
        worker's."""
        if not self.owned:
            return True
        self._lost.append("completion")  # until there is an answer: the hard end may ask meanwhile
        try:
            ours = await self._records.finish(self.key, self._owner, self._clock.now(), unsent)
        except RecordsError as error:
            log.write(logging.ERROR, "done, but not recorded: possible duplicate", reason=error.reason)
            return True
        self._lost.remove("completion")
        if not ours:
            log.write(logging.WARNING, "done, but no longer ours: possible duplicate")
            self._lost.append("record")
        return ours

    def lost(self, ended: float) -> list[str]:
        """Returns what the run had lost when it ended: its record to another worker, or its completion.

        ended -- the time of that.
        """
        overdue = ["record"] if 0 < self._until <= ended else []
        return [*dict.fromkeys(self._lost + overdue)]

    async def sent(self) -> None:
        """Records that nothing is unsent any more."""
        try:
            await self._records.sent(self.key, self._clock.now())
        except RecordsError as error:  # sent again, under the same ids, if the task is asked for again
            log.write(logging.WARNING, "a record was not changed", reason=error.reason)

    async def disown(self, error: BaseException | None = None) -> Outcome | None:
        """Gives up the ownership. Returns the outcome if `error` is no failure of the task: it is done, or,
        with its completion handed out, whether it is can't be known or depends on another worker.

        If the process has to end, code of the task may still run: then the ownership ends a little later, by
        itself. Its completion is refused at once.
        """
        if not self.owned:
            return self._instead
        now, ends = self._clock.now(), self._host.exit_reason is not None
        self.owned = False
        if self._handed_out:  # as long as there is no answer; another thread may ask meanwhile
            self._instead = self._after(self._until, "whether it is done can't be known", error)
        try:
            found = await self._records.disown(self.key, self._owner, now + ENDING_SECONDS if ends else None)
        except RecordsError as failed:  # the ownership ends by itself as well
            log.write(logging.WARNING, "a record was not changed", reason=failed.reason)
            self.free_in = max(0.0, self._until + EARLIER_SECONDS - now)
        else:
            self.free_in = ENDING_SECONDS + EARLIER_SECONDS if ends else 0.0
            self._instead = self._instead_of(found, error)
        return self._instead

    def _instead_of(self, found: Done | Busy | None, error: BaseException | None) -> Outcome | None:
        match found:
            case Done(mine, unsent) if mine or not unsent:
                self.unsent = unsent
                if error is not None:
                    reason = words(error)
                    log.write(
                        logging.WARNING, "its task raised, but had recorded that it is done", reason=reason
                    )
                return Succeeded() if mine and unsent == self._unknown else AlreadyDone()
            case Done():  # which is about to send what follows
                return self._after(0.0, "another worker has the record of its run", error)
            case Busy(other) if self._handed_out:
                return self._after(other, "another worker has the record of its run", error)
        return None

    def _after(self, until: float, why: str, error: BaseException | None = None) -> RetryLater:
        """Returns the outcome of a message that waits for the end of an ownership."""
        wait = max(0.0, until + EARLIER_SECONDS - self._clock.now())
        seconds = int(wait) + self._random.randint(*BUSY_MORE_SECONDS)
        reason = why if error is None else f"{why}: {words(error)}"
        return RetryLater(max(seconds, wait_seconds(self._receives, self._random)), reason)
