"""One attempt at a message, as a straight line: decode, find, parse, own, run, decide. It settles nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

from shared.delivery import Delivery
from shared.ports.clock import Clock
from shared.ports.records import Records
from worker.context import context_of
from worker.decode import decode, payload_of
from worker.hold import Hold, LeaseLostError
from worker.host import Host, SoftDeadline, call
from worker.lookup import Table, find
from worker.no_queue import NoHold
from worker.observers.observer import Observer
from worker.outcome import (
    LEASE_LOST,
    Attempt,
    DeadLetter,
    Limits,
    Outcome,
    Succeeded,
    decide,
    is_permanent,
    meant,
)
from worker.result import Result
from worker.starts import starts_of
from zigzag.policy import Policy

GRACE_SECONDS = 5.0
"""How long before Lambda's own end a task is interrupted, so that its message can still be postponed."""


class Attempts:
    """Makes attempts at the deliveries of one batch.

    limits       -- what SQS allows a delivery's message now.
    policy       -- of a message whose task is not found.
    seconds_left -- how long until the function is ended.
    """

    def __init__(
        self,
        tasks: Table,
        records: Records,
        clock: Clock,
        random: Random,
        host: Host,
        hold: Hold | NoHold,
        limits: Callable[[Delivery], Limits],
        observers: Sequence[Observer],
        policy: Policy,
        seconds_left: Callable[[], float],
    ) -> None:
        self._tasks = tasks
        self._records = records
        self._clock = clock
        self._random = random
        self._host = host
        self._hold = hold
        self._limits = limits
        self._observers = observers
        self._policy = policy
        self._seconds_left = seconds_left

    async def make(self, delivery: Delivery) -> Result:
        """One attempt, while its delivery is held. Never raises what a task raised."""
        attempt, started = Attempt(policy=self._policy), self._clock.now()
        error: BaseException | None = None
        try:
            outcome = await self._run(attempt, delivery)
        except LeaseLostError:
            outcome = LEASE_LOST
        except (Exception, SystemExit, SoftDeadline) as raised:
            error = meant(raised)
            outcome = await self._failed(attempt, delivery, error)
        for observer in self._observers:
            await observer.ended(attempt, outcome)
        return Result(delivery, attempt, outcome, error, started, self._clock.now() - started)

    async def _run(self, attempt: Attempt, delivery: Delivery) -> Outcome:
        """Runs the task, or says why it must not run now."""
        message = decode(delivery)
        attempt.task, attempt.id = message.task, message.id
        task = find(message.task, self._tasks)
        attempt.policy = task.policy
        payload = payload_of(task, message)
        if task.policy.idempotent or delivery.receive_count != 1:
            attempt.starts = starts_of(attempt, delivery, payload, self._records, self._clock, self._random)
        await self._hold.confirm()  # all this may have taken its time
        if attempt.starts is not None:
            refusal = await attempt.starts.own(attempt, self._hold.ends, self._random)
            if refusal is not None:
                return refusal
        async with self._hold.while_running(attempt.starts):
            grace = min(GRACE_SECONDS, self._seconds_left() / 4)
            context = context_of(attempt, delivery, lambda: max(0.0, self._seconds_left() - grace))
            await call(task, payload, context, self._host, self._seconds_left() - grace)
        return Succeeded()

    async def _failed(self, attempt: Attempt, delivery: Delivery, error: BaseException) -> Outcome:
        """Counts the start, if it is not counted yet, and decides what the error means."""
        if self._hold.lost:
            return LEASE_LOST
        if attempt.starts is None and attempt.task is not None:
            attempt.starts = starts_of(attempt, delivery, None, self._records, self._clock, self._random)
        if attempt.starts is not None and not is_permanent(error, attempt.policy):
            await attempt.starts.count(attempt)
        outcome = decide(error, attempt, self._random, self._limits(delivery))
        if attempt.starts is not None and not isinstance(outcome, DeadLetter):
            await attempt.starts.disown()
        return outcome
