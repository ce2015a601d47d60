"""What does one attempt at a message come to? Decode, look up, validate, begin, run, decide.

Nothing is settled here.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from random import Random
from typing import Any, NamedTuple

from shared.dead_letter import original_attributes
from shared.delivery import Delivery
from shared.lease import KEPT_SECONDS, SAFETY_SECONDS
from shared.ports.clock import Clock
from shared.ports.queue import MAX_VISIBILITY_SECONDS
from shared.ports.records import Begun, Busy, Done, Records, RecordsError
from worker.call import call
from worker.decode import BadMessageError, Message, decode
from worker.heartbeat import Heartbeat
from worker.host import Host, SoftDeadline
from worker.lookup import find
from worker.outcome import (
    LEASE_LOST,
    AlreadyDone,
    Attempt,
    DeadLetter,
    Outcome,
    OutOfTimeError,
    RetryLater,
    Succeeded,
    decide,
    is_permanent,
    used_up,
)
from worker.record import Record, key_of
from zigzag import BadPayloadError, Context, Task
from zigzag.policy import Policy

GRACE_SECONDS = 5.0
"""How long before Lambda's own end a task is interrupted, so that its message can still be postponed."""

NO_RECORDS_SECONDS = (15, 60)
BUSY_MORE_SECONDS = (1, 5)


class Attempted(NamedTuple):
    """An attempt and what should become of its message.

    error  -- what the task raised, or None.
    record -- the task's record, if there may be one.
    """

    attempt: Attempt
    outcome: Outcome
    error: BaseException | None = None
    record: Record | None = None


class _Trial:
    """What is known of the attempt so far."""

    def __init__(self, delivery: Delivery, policy: Policy, attempt: Attempt) -> None:
        self.delivery = delivery
        self.policy = policy
        self.attempt = attempt
        self.record: Record | None = None
        self.counted = False


class Attempter(NamedTuple):
    """Makes attempts.

    table -- the tasks: name to module.
    """

    records: Records
    table: Mapping[str, str | Task[Any, Any, Any]]
    clock: Clock
    random: Random
    host: Host
    default_policy: Policy = Policy()

    async def attempt(
        self,
        delivery: Delivery,
        heartbeat: Heartbeat,
        held: list[Delivery],
        seconds_left: Callable[[], float],
    ) -> Attempted:
        """One attempt, under the heartbeat of all that is held. Never raises what a task raised."""
        first = Attempt(1 if delivery.can_be_settled else delivery.receive_count)
        trial = _Trial(delivery, self.default_policy, first)
        heartbeat.hold(held)
        try:
            refusal = await self._begin_and_run(trial, heartbeat, held, seconds_left)
        except (Exception, SystemExit, SoftDeadline) as error:
            return await self._failed(trial, heartbeat, error)
        if refusal is not None:
            return Attempted(trial.attempt, refusal, record=trial.record)
        if trial.record is not None:
            await trial.record.finish()
        return Attempted(trial.attempt, Succeeded(), record=trial.record)

    async def _begin_and_run(
        self, trial: _Trial, heartbeat: Heartbeat, held: list[Delivery], seconds_left: Callable[[], float]
    ) -> Outcome | None:
        """Runs the task, or says why it must not run now."""
        message = decode(trial.delivery)
        trial.attempt = Attempt(trial.attempt.number, message.task, message.id)
        trial.record = self._record(trial.delivery, message.task, trial.delivery.message_id)
        task = find(message.task, self.table)
        trial.policy = task.policy
        if task.policy.idempotent is True:
            trial.record = self._record(trial.delivery, message.task, message.id, outlives_message=True)
        payload = _payload(task, message)
        if callable(task.policy.idempotent):
            key = task.policy.key(payload, message.id)
            trial.record = self._record(trial.delivery, message.task, key, outlives_message=True)
        refusal = await self._begin_if_ours(trial, heartbeat, held)
        if refusal is not None:
            return refusal
        grace = min(GRACE_SECONDS, seconds_left() / 4)
        context = _context(trial, lambda: max(0.0, seconds_left() - grace))
        beats = self.host.beside(heartbeat.keep) if trial.delivery.can_be_settled else None
        try:
            await call(task, payload, context, self.host, seconds_left() - grace)
        except SoftDeadline as deadline:
            raise OutOfTimeError.after(deadline) from None
        finally:
            if beats is not None:
                await beats.stop()
        return None

    def _record(
        self, delivery: Delivery, task: str, what: str, *, outlives_message: bool = False
    ) -> Record | None:
        if not delivery.can_be_settled:
            return None
        owner = f"{self.random.getrandbits(64):016x}"
        return Record(self.records, key_of(task, what), owner, self.clock, outlives_message=outlives_message)

    async def _begin_if_ours(
        self, trial: _Trial, heartbeat: Heartbeat, held: list[Delivery]
    ) -> Outcome | None:
        """Begins under a lease that holds: what came before, and the beginning, may have taken their time."""
        if not trial.delivery.can_be_settled:
            return None
        await heartbeat.beat_if_due()
        if heartbeat.lost:
            return LEASE_LOST
        refusal = await self._begin(trial, heartbeat)
        if refusal is not None:
            return refusal
        heartbeat.hold(held, trial.record)
        await heartbeat.beat_if_due()
        return LEASE_LOST if heartbeat.lost else None

    async def _begin(self, trial: _Trial, heartbeat: Heartbeat) -> Outcome | None:
        """Counts the start where it must be, or says why there must be none now."""
        record = trial.record
        if record is None or (trial.delivery.receive_count == 1 and not trial.policy.idempotent):
            return None
        try:
            begun = await record.begin(heartbeat.ends)
        except RecordsError as error:
            if trial.policy.idempotent:
                seconds = self.random.randint(*NO_RECORDS_SECONDS)
                return RetryLater(seconds, f"whether it is done can't be known: {error.reason}")
            trial.attempt = trial.attempt.numbered(trial.delivery.receive_count)
            return None
        match begun:
            case Done():
                return AlreadyDone()
            case Busy(until):
                wait = max(0.0, until + SAFETY_SECONDS / 2 - self.clock.now())
                return RetryLater(
                    int(wait) + self.random.randint(*BUSY_MORE_SECONDS), "another worker runs it"
                )
            case Begun(starts):
                trial.attempt, trial.counted = trial.attempt.numbered(starts), True
        return used_up(trial.attempt, trial.policy)

    async def _failed(self, trial: _Trial, heartbeat: Heartbeat, error: BaseException) -> Attempted:
        if heartbeat.lost and trial.delivery.can_be_settled:
            return Attempted(trial.attempt, LEASE_LOST, error)
        if trial.record is not None and not trial.counted and not is_permanent(error, trial.policy):
            number = await trial.record.count(trial.delivery.receive_count)
            trial.attempt, trial.counted = trial.attempt.numbered(number), True
        outcome = decide(
            error,
            trial.attempt,
            trial.policy,
            self.random,
            max_seconds=MAX_VISIBILITY_SECONDS - self._elapsed(trial.delivery),
            kept_seconds=self._kept(trial.delivery),
        )
        if trial.record is not None and not isinstance(outcome, DeadLetter):
            await trial.record.disown()
        known = trial.counted or trial.delivery.receive_count > 1  # else no start of it is recorded
        return Attempted(trial.attempt, outcome, error, trial.record if known else None)

    def _kept(self, delivery: Delivery) -> float:
        """For how many seconds SQS still keeps the message."""
        if delivery.sent_at is None or not delivery.can_be_settled:
            return float("inf")  # a file, which is on no queue
        return delivery.sent_at + KEPT_SECONDS - self.clock.now()

    def _elapsed(self, delivery: Delivery) -> float:
        """Seconds since the receive, which count against SQS's 12 hours."""
        if delivery.lease is None:
            return 3600  # nobody knows; an hour is more than a dispatch by hand takes
        return max(0.0, self.clock.now() - delivery.lease.received_at) + 1


def _payload(task: Task[Any, Any, Any], message: Message) -> Any:
    """What the task takes. A payload that does not fit is the message's fault; BadPayloadError, raised while
    the task runs, is the task's own."""
    try:
        return task.parse(message.payload)
    except BadPayloadError as error:
        raise BadMessageError(str(error)) from None


def _context(trial: _Trial, seconds_left: Callable[[], float]) -> Context:
    delivery, attempt = trial.delivery, trial.attempt
    fields = {"task": attempt.task, "id": attempt.id, "attempt": attempt.number}
    sent_at = delivery.sent_at
    return Context(
        id=attempt.id or delivery.message_id,
        task=attempt.task or "",
        attempt=attempt.number,
        sent_at=None if sent_at is None else datetime.fromtimestamp(sent_at, UTC),
        attributes={
            name: attribute.get("BinaryValue", attribute.get("StringValue", ""))
            for name, attribute in original_attributes(delivery).items()
        },
        log=logging.LoggerAdapter(logging.getLogger("zigzag.task"), {"fields": fields}),
        seconds_left=seconds_left,
    )
