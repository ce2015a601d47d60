"""What does the worker do with one dispatch? Each delivery of its batch in turn: attempt, settle, report.

A batch of one group of a FIFO queue is worked in order: the next one starts when the one before it is
off the queue, and if that fails, all behind it wait as long as it does. In any other batch, each
delivery stands for itself, and the successes are deleted together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any, NamedTuple

from shared.delivery import Batch, Delivery
from shared.ports.clock import Clock
from shared.ports.queue import Queue
from shared.ports.records import Records
from worker.attempt import GRACE_SECONDS, Attempted, Attempter
from worker.heartbeat import Heartbeat
from worker.host import Host
from worker.outcome import (
    LEASE_LOST,
    AlreadyDone,
    Attempt,
    DeadLetter,
    LeftAlone,
    Outcome,
    RetryLater,
    Succeeded,
)
from worker.report import Report, Reporter
from worker.settle import Settler
from zigzag import Task
from zigzag.policy import Policy

ANOTHER_SECONDS = GRACE_SECONDS + 10
"""With less time left, no further task of a batch is started."""

RELEASE_SECONDS = 1
KEEP_DELETES_SECONDS = 1.0
"""How long a success may wait for its deletion together with others."""


class Worker(NamedTuple):
    """Works the batches of one queue.

    table      -- the tasks: name to module.
    metrics_of -- the URL of the queue whose metrics the log lines are as well, if they are.
    """

    queue: Queue
    dead_letters: Queue
    records: Records
    table: Mapping[str, str | Task[Any, Any, Any]]
    clock: Clock
    random: Random
    host: Host
    default_policy: Policy = Policy()
    metrics_of: str | None = None

    async def work(self, batch: Batch, seconds_left: Callable[[], float]) -> list[Report]:
        """One batch, from its lease to its settling; a report for each delivery.

        seconds_left -- how long until the function is ended.
        """
        return await _Work(self, batch, seconds_left).done()


class _Work:
    """One batch being worked."""

    def __init__(self, worker: Worker, batch: Batch, seconds_left: Callable[[], float]) -> None:
        self._host = worker.host
        self._clock = worker.clock
        self._queue = worker.queue
        self._batch = batch
        self._seconds_left = seconds_left
        self._settler = Settler(worker.queue, worker.dead_letters, worker.clock, worker.random)
        self._attempter = Attempter(
            worker.records, worker.table, worker.clock, worker.random, worker.host, worker.default_policy
        )
        self._heartbeat = Heartbeat(batch.lease, batch.ordered, worker.clock, worker.queue)
        self._reporter = Reporter(worker.clock, worker.host, worker.metrics_of)
        self._reports: list[Report] = []
        # Successes that are not deleted yet: when each began, and for how long it ran.
        self._kept: list[tuple[Delivery, Attempted, float, float]] = []

    async def done(self) -> list[Report]:
        refusal = await self._secure()
        if refusal is not None:
            self._pass_over(self._batch.deliveries, refusal)
            return self._reports
        for number, delivery in enumerate(self._batch.deliveries):
            rest = self._batch.deliveries[number:]
            if number and await self._must_stop(rest):
                break
            if not self._batch.ordered:
                await self._one(delivery, rest)
            elif not await self._one_in_order(delivery, rest):
                break
        await self._delete_kept()
        return self._reports

    async def _secure(self) -> Outcome | None:
        """Makes sure that the messages are ours, or says why they must not be touched."""
        first, now = self._batch.deliveries[0], self._clock.now()
        if not first.can_be_settled:
            return None
        lease = self._batch.lease
        if lease is not None and now > lease.start_by:
            return LeftAlone(f"started {now - lease.start_by:.0f} s too late: the message is somebody else's")
        if lease is None or self._batch.ordered:
            # A FIFO queue refuses an expired handle: there, the first beat is an exact check.
            self._heartbeat.hold(self._batch.deliveries)
            if not await self._heartbeat.beat() or self._heartbeat.lost:
                return LEASE_LOST
        return None

    async def _must_stop(self, rest: Sequence[Delivery]) -> bool:
        """Whether the rest must be left to another dispatch."""
        if rest[0].can_be_settled and self._heartbeat.has_lost(rest[0]):
            self._pass_over(rest, LEASE_LOST)
            return True
        if self._seconds_left() >= ANOTHER_SECONDS and self._host.exit_reason is None:
            return False
        reason = self._host.exit_reason or "no time is left for another task"
        released = RetryLater(RELEASE_SECONDS, f"not started: {reason}")
        self._pass_over(rest, released, await self._settler.postpone(rest, RELEASE_SECONDS))
        return True

    async def _one(self, delivery: Delivery, rest: Sequence[Delivery]) -> None:
        """One delivery that stands for itself."""
        if self._kept and self._clock.now() >= self._kept[0][2] + KEEP_DELETES_SECONDS:
            await self._delete_kept()
        started = self._clock.now()
        held = [*rest, *(kept for kept, *_ in self._kept)]
        attempted = await self._attempter.attempt(delivery, self._heartbeat, held, self._seconds_left)
        if isinstance(attempted.outcome, Succeeded | AlreadyDone) and delivery.can_be_settled:
            self._kept.append((delivery, attempted, started, self._clock.now() - started))
        else:
            await self._settle(delivery, attempted, started)

    async def _one_in_order(self, delivery: Delivery, rest: Sequence[Delivery]) -> bool:
        """One delivery of a group; whether the next one may start: this one is off the queue."""
        started, followers = self._clock.now(), rest[1:]
        attempted = await self._attempter.attempt(delivery, self._heartbeat, list(rest), self._seconds_left)
        settled = await self._settle(delivery, attempted, started)
        if settled and not isinstance(attempted.outcome, RetryLater):
            return True
        if settled and followers and isinstance(attempted.outcome, RetryLater):
            # After it, so that they are not visible before it.
            waits = RetryLater(attempted.outcome.seconds, "waits for the one before it")
            self._pass_over(followers, waits, await self._settler.postpone(followers, waits.seconds))
        else:
            self._pass_over(followers, LeftAlone("the one before it is not settled"))
        return False

    async def _settle(self, delivery: Delivery, attempted: Attempted, started: float) -> bool:
        seconds = self._clock.now() - started
        settled = await self._settler.settle(attempted.outcome, delivery, attempted.record)
        if isinstance(attempted.outcome, DeadLetter) and attempted.record is not None and not settled:
            await attempted.record.disown()
        self._reports.append(self._reporter.report(delivery, attempted, settled, started, seconds))
        return settled

    async def _delete_kept(self) -> None:
        kept, self._kept = self._kept, []
        if not kept:
            return
        left = {one.message_id for one in await self._settler.delete([delivery for delivery, *_ in kept])}
        for delivery, attempted, *times in kept:
            settled = delivery.message_id not in left
            self._reports.append(self._reporter.report(delivery, attempted, settled, *times))

    def _pass_over(self, deliveries: Sequence[Delivery], outcome: Outcome, settled: bool = False) -> None:
        """Reports deliveries whose tasks were not started."""
        passed = Attempted(Attempt(0), outcome)
        self._reports.extend(self._reporter.report(one, passed, settled) for one in deliveries)
