"""Works one batch: attempts, settles and reports one delivery after the other.

A batch of one group of a FIFO queue is worked in order: the next delivery starts when the one before is off
the queue. If one fails, the ones behind it wait as long as it does. In any other batch, the deliveries are
independent, and successes are deleted together, before a redelivered message starts.
"""

from __future__ import annotations

from _thread import allocate_lock
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

from shared.delivery import Batch, Delivery
from shared.ports.clock import Clock
from worker.attempt import Runner
from worker.deadline import Deadline
from worker.hold import Hold, LeaseLostError
from worker.host import Host
from worker.no_queue import NoSettler
from worker.outcome import (
    LEASE_LOST,
    AlreadyDone,
    DeadLetter,
    Ignored,
    LeftAlone,
    Outcome,
    Released,
    RetryLater,
    Succeeded,
)
from worker.result import Report, Result, report_of
from worker.settle import Settler

if TYPE_CHECKING:
    from worker.guards.guard import Guard
    from worker.observers.observer import Observer

RELEASED_SECONDS = 1
"""Time for which deliveries that were not started are hidden."""

DELETE_TOGETHER_SECONDS = 1.0
"""Time after the first success began when successes are deleted together, at the latest."""


class BatchWork:
    """Works one batch.

    guards    -- asked before the first start.
    observers -- told of every delivery.
    afterwards -- called when all is settled, also before the process is ended for an attempt that goes on.
    """

    def __init__(
        self,
        batch: Batch,
        runner: Runner,
        hold: Hold,
        settler: Settler | NoSettler,
        guards: Sequence[Guard],
        observers: Sequence[Observer],
        clock: Clock,
        host: Host,
        deadline: Deadline,
        afterwards: Sequence[Callable[[], Awaitable[None]]] = (),
    ) -> None:
        self._batch = batch
        self._runner = runner
        self._hold = hold
        self._settler = settler
        self._guards = guards
        self._observers = observers
        self._clock = clock
        self._host = host
        self._deadline = deadline
        self._afterwards = afterwards
        self._reports: list[Report] = []
        self._undeleted: list[Result] = []  # successes
        self._excused: Released | None = None  # the last start: the rest is hidden as well

    async def run(self) -> list[Report]:
        """Works all deliveries and returns a report for each."""
        deliveries = self._batch.deliveries
        refusal = await self._refusal()
        if refusal is not None:
            self._report_not_started(deliveries, refusal)
            return self._reports
        for number in range(len(deliveries)):
            remaining = deliveries[number:]
            if self._undeleted and self._must_be_deleted_before(remaining[0]):
                await self._delete_undeleted()
            if number and (stop := self._reason_to_stop(remaining)) is not None:
                await self._release(remaining, stop)
                break
            if not await self._work(remaining):
                break
        await self._delete_undeleted()
        if self._hold.is_cut_off and self._host.exit_reason is None:
            self._host.exit_reason = "no heartbeat got through"
        await self._end()
        return self._reports

    async def _end(self) -> None:
        for call in self._afterwards:
            await call()

    async def _refusal(self) -> Outcome | None:
        """Returns why no delivery may be started, or None."""
        for guard in self._guards:
            if (refusal := await guard(self._batch, self._clock.now())) is not None:
                return refusal
        try:
            await self._hold.secure(self._batch.deliveries)
        except LeaseLostError:
            return LEASE_LOST
        return None

    def _reason_to_stop(self, remaining: Sequence[Delivery]) -> Outcome | None:
        """Returns the outcome of the remaining deliveries if another dispatch must start them, or None."""
        if self._hold.has_lost(remaining[0]):
            return LEASE_LOST
        if self._host.exit_reason is not None:
            return Released(RELEASED_SECONDS, self._host.exit_reason)
        if self._excused is not None:
            return self._excused
        if not self._deadline.allows_another():
            return Released(RELEASED_SECONDS, "no time is left for another task")
        return None

    async def _work(self, remaining: Sequence[Delivery]) -> bool:
        """Attempts the first delivery. Returns whether the next one may start."""
        self._hold.cover([*remaining, *[result.start.delivery for result in self._undeleted]])
        start = self._runner.start(remaining[0], first=len(remaining) == len(self._batch.deliveries))
        settling = allocate_lock()  # acquired by the thread that settles: this one, or the heartbeats'

        async def end(error: BaseException | None = None) -> None:
            if not settling.acquire(blocking=False):
                return
            self._host.exit_reason = reason = "its attempt went on after its time"
            try:
                await self._delete_undeleted()
                if await self._settle(await self._runner.interrupted(start, error), remaining[1:]):
                    await self._release(remaining[1:], Released(RELEASED_SECONDS, "its process ends"))
                await self._delete_undeleted()  # this one, if it had succeeded before
                await self._end()
            finally:  # also after an error of ours: the attempt's thread waits for the end
                await self._host.exit(reason)

        async with self._hold.while_running(self._deadline.attempt_seconds, end):
            result = await self._runner.attempt(start, end)
            if not settling.acquire(blocking=False):
                await self._host.exited()
        self._excused = result.start.attempt.excused
        return await self._settle(result, remaining[1:])

    def _must_be_deleted_before(self, delivery: Delivery) -> bool:
        """Returns whether the successes are deleted before this delivery starts. A redelivered message may
        have killed its process, and may do so again before the successes are deleted."""
        first = self._undeleted[0].start.at
        return delivery.receive_count > 1 or self._clock.now() >= first + DELETE_TOGETHER_SECONDS

    async def _settle(self, result: Result, followers: Sequence[Delivery]) -> bool:
        """Carries out the outcome on SQS, now or later with others. Returns whether the next may start."""
        if isinstance(result.outcome, DeadLetter | Ignored) and self._hold.has_lost(result.start.delivery):
            result = result._replace(outcome=LEASE_LOST)  # the worker that has it now decides
        outcome = result.outcome
        deleted = isinstance(outcome, Succeeded | AlreadyDone)
        if deleted and not self._batch.ordered and self._settler.deletes_together:
            self._undeleted.append(result)
            return True
        settled = await self._settler.settle(result, self._hold.ends_of(result.start.delivery))
        self._report(result, settled)
        if not self._batch.ordered or (settled and not isinstance(outcome, RetryLater)):
            return True
        if settled and followers and isinstance(outcome, RetryLater):  # none may become visible before it
            await self._release(followers, Released(outcome.seconds, "waits for the one before it"))
        else:
            self._report_not_started(followers, LeftAlone("the one before it is not settled"))
        return False

    async def _release(self, deliveries: Sequence[Delivery], outcome: Outcome) -> None:
        """Leaves deliveries that were not started to another dispatch, or to the dead letters."""
        if not deliveries or not isinstance(outcome, Released):
            self._report_not_started(deliveries, outcome)
            return
        until = self._hold.ends_of(deliveries[0])
        for delivery, told, settled in await self._settler.release(deliveries, outcome, until):
            self._report_not_started([delivery], told, settled)

    async def _delete_undeleted(self) -> None:
        results, self._undeleted = self._undeleted, []
        for result, deleted in zip(results, await self._settler.delete(results), strict=True):
            self._report(result, deleted)

    def _report_not_started(
        self, deliveries: Sequence[Delivery], outcome: Outcome, settled: bool = False
    ) -> None:
        for delivery in deliveries:
            self._tell(delivery, None, report_of(outcome, None, settled=settled))

    def _report(self, result: Result, settled: bool) -> None:
        result.start.attempt.lease_lost = self._hold.has_lost(result.start.delivery)
        report = report_of(result.outcome, result.start.attempt, settled=settled)
        self._tell(result.start.delivery, result, report)

    def _tell(self, delivery: Delivery, result: Result | None, report: Report) -> None:
        self._reports.append(report)
        for observer in self._observers:
            observer.settled(delivery, result, report)
