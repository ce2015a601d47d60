"""The work of one batch: each delivery in turn is attempted, settled and reported.

A batch of one group of a FIFO queue is worked in order: the next one starts when the one before it is
off the queue, and if that fails, all behind it wait as long as it does. In any other batch, each
delivery stands for itself, and the successes are deleted together.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from shared.delivery import Batch, Delivery
from shared.ports.clock import Clock
from worker.attempt import GRACE_SECONDS, Attempts
from worker.guards.guard import Guard
from worker.hold import Hold, LeaseLostError
from worker.host import Host
from worker.no_queue import NoHold, NoSettler
from worker.observers.observer import Observer
from worker.outcome import LEASE_LOST, AlreadyDone, Attempt, LeftAlone, Outcome, RetryLater, Succeeded
from worker.result import Report, Result, report_of
from worker.settle import Settler

ANOTHER_SECONDS = GRACE_SECONDS + 10
"""With less time left, no further task of a batch is started."""

RELEASE_SECONDS = 1
"""Deliveries of a batch that are not started are hidden for so long."""

KEEP_DELETES_SECONDS = 1.0
"""Successes are deleted together once the first of them began so long ago."""


class BatchWork:
    """Works one batch.

    guards       -- each is asked before the first start.
    observers    -- each is told of every delivery.
    seconds_left -- how long until the function is ended.
    """

    def __init__(
        self,
        batch: Batch,
        attempts: Attempts,
        hold: Hold | NoHold,
        settler: Settler | NoSettler,
        guards: Sequence[Guard],
        observers: Sequence[Observer],
        clock: Clock,
        host: Host,
        seconds_left: Callable[[], float],
    ) -> None:
        self._batch = batch
        self._attempts = attempts
        self._hold = hold
        self._settler = settler
        self._guards = guards
        self._observers = observers
        self._clock = clock
        self._host = host
        self._seconds_left = seconds_left
        self._reports: list[Report] = []
        self._kept: list[Result] = []  # successes that are not deleted yet

    async def done(self) -> list[Report]:
        """A report for each delivery."""
        deliveries = self._batch.deliveries
        refusal = await self._refusal()
        if refusal is not None:
            self._pass_over(deliveries, refusal)
            return self._reports
        for number, delivery in enumerate(deliveries):
            rest = deliveries[number:]
            if number and (stop := self._reason_to_stop(rest)) is not None:
                await self._give_back(rest, stop)
                break
            if not self._batch.ordered:
                await self._one(delivery, rest)
            elif not await self._one_in_order(delivery, rest):
                break
        await self._delete_kept()
        return self._reports

    async def _refusal(self) -> Outcome | None:
        """Why no delivery may be started, or None."""
        for guard in self._guards:
            if (refusal := guard(self._batch, self._clock.now())) is not None:
                return refusal
        try:
            await self._hold.secure(self._batch.deliveries)
        except LeaseLostError:
            return LEASE_LOST
        return None

    def _reason_to_stop(self, rest: Sequence[Delivery]) -> Outcome | None:
        """The outcome of the rest if it must be left to another dispatch, or None."""
        if self._hold.has_lost(rest[0]):
            return LEASE_LOST
        if self._host.exit_reason is not None:
            return RetryLater(RELEASE_SECONDS, f"not started: {self._host.exit_reason}")
        if self._seconds_left() < ANOTHER_SECONDS:
            return RetryLater(RELEASE_SECONDS, "not started: no time is left for another task")
        return None

    async def _give_back(self, rest: Sequence[Delivery], outcome: Outcome) -> None:
        """Makes the same outcome true for deliveries that were not started."""
        settled = isinstance(outcome, RetryLater) and await self._settler.postpone(rest, outcome.seconds)
        self._pass_over(rest, outcome, settled)

    async def _one(self, delivery: Delivery, rest: Sequence[Delivery]) -> None:
        """One delivery that stands for itself."""
        if self._kept and self._clock.now() >= (self._kept[0].started or 0.0) + KEEP_DELETES_SECONDS:
            await self._delete_kept()
        self._hold.hold(self._held(rest))
        result = await self._attempts.make(delivery)
        if isinstance(result.outcome, Succeeded | AlreadyDone) and self._batch.can_be_settled:
            self._kept.append(result)
        else:
            await self._settle(result)

    def _held(self, rest: Sequence[Delivery]) -> list[Delivery]:
        """The deliveries that stay ours while the first of the rest is attempted."""
        return [*rest, *[result.delivery for result in self._kept]]

    async def _one_in_order(self, delivery: Delivery, rest: Sequence[Delivery]) -> bool:
        """One delivery of a group; whether the next one may start: this one is off the queue."""
        self._hold.hold(rest)
        result = await self._attempts.make(delivery)
        settled = await self._settle(result)
        if settled and not isinstance(result.outcome, RetryLater):
            return True
        await self._make_wait(rest[1:], result.outcome, settled)
        return False

    async def _make_wait(self, followers: Sequence[Delivery], outcome: Outcome, settled: bool) -> None:
        """Hides the followers as long as their head, once it is hidden: none may be visible before it."""
        if settled and followers and isinstance(outcome, RetryLater):
            await self._give_back(followers, RetryLater(outcome.seconds, "waits for the one before it"))
        else:
            self._pass_over(followers, LeftAlone("the one before it is not settled"))

    async def _settle(self, result: Result) -> bool:
        settled = await self._settler.settle(result.outcome, result.delivery, result.attempt.starts)
        self._report(result, settled)
        return settled

    async def _delete_kept(self) -> None:
        kept, self._kept = self._kept, []
        if not kept:
            return
        left = [one.message_id for one in await self._settler.delete([result.delivery for result in kept])]
        for result in kept:
            self._report(result, result.delivery.message_id not in left)

    def _pass_over(self, deliveries: Sequence[Delivery], outcome: Outcome, settled: bool = False) -> None:
        """Reports deliveries whose tasks were not started."""
        for delivery in deliveries:
            self._report(Result(delivery, Attempt(0), outcome), settled)

    def _report(self, result: Result, settled: bool) -> None:
        report = report_of(result, settled=settled)
        self._reports.append(report)
        for observer in self._observers:
            observer.settled(result, report)
