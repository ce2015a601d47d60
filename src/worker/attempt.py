"""Makes one attempt at a message, in a straight line: start, decode, find, parse, own, run, decide.

It settles nothing. All code of the user's, with its import and checks, runs between the start and the
decision: there the message is held, and the timer runs.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import nullcontext
from random import Random

from shared import log
from shared.dead_letter import note_of
from shared.delivery import Delivery
from shared.errors import free_values
from shared.ports.clock import Clock
from shared.ports.records import Records
from worker.context import context_of
from worker.deadline import GRACE_SECONDS, SOFT_SECONDS, Deadline
from worker.excuses import Excuse, excused, excused_interrupt
from worker.finish import Finish
from worker.hold import Hold, LeaseLostError
from worker.host import Host, Sleep, SoftDeadline, call, in_time
from worker.lookup import BrokenTaskError, NoSuchTaskError
from worker.outcome import (
    LEASE_LOST,
    AlreadyDone,
    Attempt,
    Limits,
    Outcome,
    RetryLater,
    Succeeded,
    as_import_error,
    before_it_is_dropped,
    decide,
    is_permanent,
    used_up,
    waiting_at_least,
)
from worker.prepare import Prepare, Prepared
from worker.raised import INTERRUPTED, FunctionEndsError, OutOfTimeError, meant, overdue
from worker.record import Record
from worker.result import Result, Start
from worker.starts import Starts

type End = Callable[[BaseException], Awaitable[None]]


class Runner:
    """Makes attempts at the deliveries of one batch, one after the other.

    prepare -- reads a delivery and finds its task.
    limits  -- returns the limits that SQS sets to a delivery's message now.
    finish  -- does what is left to do between the task's end and the delete.
    excuses -- asked whether a failure was no attempt.
    """

    def __init__(
        self,
        *,
        prepare: Prepare,
        records: Records,
        clock: Clock,
        random: Random,
        host: Host,
        hold: Hold,
        limits: Callable[[Delivery], Limits],
        deadline: Deadline,
        finish: Finish,
        excuses: Sequence[Excuse] = (),
    ) -> None:
        self._prepare = prepare
        self._records = records
        self._clock = clock
        self._random = random
        self._host = host
        self._hold = hold
        self._limits = limits
        self._deadline = deadline
        self._finish = finish
        self._excuses = excuses

    def start(self, delivery: Delivery, *, first: bool) -> Start:
        """Returns the start of a delivery, before any step of it.

        first -- whether it is the first of its batch.
        """
        token = note_of(delivery).get("token")
        starts = Starts(delivery, self._records, self._clock, self._random, token)
        start = Start(delivery, Attempt(), starts, self._clock.now(), first)
        if token is None:
            return start
        from worker.redrive import Redrive  # for what an operator's redrive has sent

        redrive = Redrive(token, delivery, self._records, self._clock, self._random, self._host)
        return start._replace(redrive=redrive)

    async def attempt(self, start: Start, end: End) -> Result:
        """Makes the attempt while its delivery is held. Never raises an error of the user's code.

        end -- ends the attempt with an error, and the process, if the task goes on after its own timeout.
        """
        error: BaseException | None = None
        try:
            outcome = await self._run(start, end)
            start.attempt.outcome = self._finish.if_time_ends(start, outcome)
            if not start.attempt.decided.acquire(blocking=False):  # the hard end has given the attempt up
                await self._host.exited()
        except LeaseLostError:
            outcome = LEASE_LOST
        except (Exception, SystemExit, SoftDeadline) as raised:
            free_values(raised)
            error = start.attempt.error = as_import_error(meant(raised), start.attempt)
            outcome = await self._failed(start, error)
        outcome = await self._finish(start, outcome)  # before the delete, so that it can't run again
        return await self._result(start, outcome, error)

    async def interrupted(self, start: Start, error: BaseException | None) -> Result:
        """Returns the result of an attempt that runs on after its time; without `error`, the function's. The
        user's code may be running, or a call of ours before or after it."""
        attempt = start.attempt
        attempt.decided.acquire(blocking=False)  # first: what is done from now on is not finished
        if attempt.outcome is not None:
            return await self._result(start, attempt.outcome, None)
        error = attempt.error or error or as_import_error(FunctionEndsError(INTERRUPTED), attempt)
        outcome = self._finish.if_time_ends(start, await self._failed(start, error))
        return await self._result(start, outcome, error)

    async def _run(self, start: Start, end: End) -> Outcome:
        """Runs the task, or returns why it must not run now."""
        await self._hold.confirm()
        if start.redrive is None:
            return await self._start(start, end)
        if (refusal := await start.redrive.own(self._hold.ends)) is not None:
            return refusal
        async with start.redrive.while_running():
            return await self._start(start, end)

    async def _start(self, start: Start, end: End) -> Outcome:
        attempt, delivery = start.attempt, start.delivery
        refusal = await start.starts.count(attempt, self._limits(delivery))
        if refusal is not None:
            return refusal
        seconds = self._enter(attempt)
        prepared = await in_time(self._host.prepare(lambda: self._prepare(attempt, delivery), seconds))
        attempt.entered = self._took_all_the_time()
        if not isinstance(prepared, Prepared):
            return prepared
        await start.starts.allow(attempt)  # before the task may kill the process
        await self._hold.confirm()  # the steps above may have taken long
        if prepared.key is None:
            return await self._call(prepared, start, end)
        receives = delivery.receive_count
        attempt.record = Record(self._records, prepared.key, receives, self._clock, self._random, self._host)
        refusal = await attempt.record.own(self._hold.ends)
        if isinstance(refusal, RetryLater):
            await start.starts.excuse(attempt)
        elif refusal is None and (refusal := used_up(attempt)) is not None:
            await attempt.record.disown()
        if refusal is not None:
            return refusal
        async with attempt.record.while_running():
            return await self._call(prepared, start, end)

    async def _call(self, prepared: Prepared, start: Start, end: End) -> Outcome:
        seconds = self._enter(start.attempt)
        context = context_of(start, self._deadline.task_seconds, self._finish.completion)
        timeout = prepared.task.policy.timeout
        if timeout is not None and timeout > self._deadline.whole + SOFT_SECONDS and start.first:
            what = "its timeout is longer than its worker's time"
            log.write(logging.WARNING, what, task=prepared.task.name, timeout=timeout, seconds=round(seconds))

        async def watch(sleep: Sleep) -> None:
            if timeout is not None and not await sleep(timeout + GRACE_SECONDS):
                await end(OutOfTimeError(overdue(timeout)))

        start.attempt.began = self._clock.now()
        try:
            async with nullcontext() if timeout is None else self._host.beside(watch):
                returned = await call(prepared.task, prepared.payload, context, self._host, seconds)
        finally:
            start.attempt.ended = self._clock.now()
        start.attempt.returned = returned
        return Succeeded()

    def _took_all_the_time(self) -> bool:
        """Returns whether the user's code, which has just ended, was to be interrupted: it caught that. Then
        no call of ours is the reason if the task can't start."""
        return self._deadline.task_seconds() <= 0

    def _enter(self, attempt: Attempt) -> float:
        """Returns how long the user's code may take. Raises FunctionEndsError if no time is left."""
        if (seconds := self._deadline.task_seconds()) <= 0:
            raise FunctionEndsError(INTERRUPTED)
        attempt.entered = True
        return seconds

    async def _failed(self, start: Start, error: BaseException) -> Outcome:
        """Counts the start, if it is not counted yet, and decides the outcome of the error."""
        attempt, record = start.attempt, start.attempt.record
        no_attempt = excused_interrupt(
            error,
            start,
            lease_lost=self._hold.lost,
            stop_reason=self._host.stop_reason,
            random=self._random,
        )
        if no_attempt is None and self._hold.lost:
            return LEASE_LOST
        if record is not None and (instead := await record.disown(error)) is not None:
            return instead
        free_in = 0.0 if record is None else record.free_in
        if no_attempt is None:
            no_attempt = await excused(self._excuses, error, start)
        if no_attempt is not None:
            await start.starts.excuse(attempt)
            return waiting_at_least(free_in, no_attempt)
        if isinstance(error, NoSuchTaskError | BrokenTaskError):
            await start.starts.excuse(attempt, unloaded=True)
        elif not is_permanent(error, attempt.policy):
            await start.starts.failed(attempt)
        if start.starts.concluded:
            return AlreadyDone()
        return waiting_at_least(free_in, decide(error, attempt, self._random, self._limits(start.delivery)))

    async def _result(self, start: Start, outcome: Outcome, error: BaseException | None) -> Result:
        outcome = before_it_is_dropped(outcome, start.attempt, self._limits(start.delivery))
        if start.redrive is not None:
            outcome = await start.redrive.ended(outcome)
        if isinstance(error, FunctionEndsError) and not start.attempt.entered:
            error = None  # no code of the user's raised it; the reason is enough
        return Result(start, outcome, error, self._clock.now() - start.at)
