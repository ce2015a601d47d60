"""What does the worker do with one delivery? Decode, look up, validate, run, decide, settle."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from random import Random
from typing import Any

from shared import log
from shared.dead_letter import original_attributes
from shared.delivery import Delivery
from shared.lease import SAFETY_SECONDS
from shared.ports import LONGEST_VISIBILITY_SECONDS, Clock, Queue, QueueError
from worker.decode import BadMessageError, Message, decode
from worker.lookup import NoSuchTaskError, find
from worker.outcome import Attempt, DeadLetter, Ignored, Outcome, RetryLater, Succeeded, decide, used_up
from worker.run import Finish, run
from worker.settle import Settler
from zigzag import BadPayloadError, Context, Reject, Retry, Task
from zigzag.policy import Policy

_SAID_IN_WORDS = (BadMessageError, NoSuchTaskError, Reject, Retry)
"""Errors whose message says it all: a traceback would add nothing."""


@dataclass(frozen=True, slots=True)
class Report:
    """One delivery, worked: what is logged and answered. `settled`: the outcome is true on SQS."""

    outcome: str
    task: str | None
    id: str | None
    attempt: int
    settled: bool
    reason: str | None = None
    retry_seconds: int | None = None


@dataclass(frozen=True, slots=True)
class _Worked:
    """An attempt and what became of it; `error` where its traceback is worth a log line."""

    attempt: Attempt
    outcome: Outcome
    error: BaseException | None = None


@dataclass(frozen=True, slots=True)
class Worker:
    """Works deliveries of one queue.

    table  -- the tasks: name to module.
    finish -- how what an `async def` task returns is awaited.
    """

    queue: Queue
    dead_letters: Queue
    table: Mapping[str, str | Task[Any, Any, Any]]
    clock: Clock
    random: Random
    finish: Finish
    default_policy: Policy = field(default_factory=Policy)

    async def work(self, delivery: Delivery, seconds_left: Callable[[], float]) -> Report:
        """One delivery, from its lease to its settling.

        seconds_left -- how long until the function is ended.
        """
        started = self.clock.now()
        refusal = await self._secure(delivery, seconds_left)
        if refusal is not None:
            worked = _Worked(Attempt(delivery.receive_count), refusal)
        else:
            worked = await self._attempt(delivery, seconds_left)
        settler = Settler(self.queue, self.dead_letters, self.clock, self.random)
        settled = await settler.settle(worked.outcome, delivery)
        return _reported(worked, settled, self.clock.now() - started)

    async def _secure(self, delivery: Delivery, seconds_left: Callable[[], float]) -> Ignored | None:
        """Makes sure that the message stays ours for as long as the function may run."""
        if not delivery.can_be_settled:
            return None
        now, lease = self.clock.now(), delivery.lease
        if lease is not None and now > lease.start_by:
            return Ignored(f"started {now - lease.start_by:.0f} s too late: the message is somebody else's")
        needed = seconds_left() + SAFETY_SECONDS
        if lease is not None and lease.ends >= now + needed:
            return None
        try:
            failed = await self.queue.postpone([delivery], int(min(needed, LONGEST_VISIBILITY_SECONDS)))
        except QueueError as error:
            return Ignored(f"lease lost: {error}")
        return Ignored(f"lease lost: {failed[0].reason}") if failed else None

    async def _attempt(self, delivery: Delivery, seconds_left: Callable[[], float]) -> _Worked:
        """Runs the task that the delivery asks for; never raises what the task raised."""
        attempt, policy = Attempt(delivery.receive_count), self.default_policy
        try:
            message = decode(delivery)
            attempt = Attempt(delivery.receive_count, message.task, message.id)
            task = find(message.task, self.table)
            policy = task.policy
            too_many = used_up(attempt, policy)
            if too_many is not None:
                return _Worked(attempt, too_many)
            payload = _payload(task, message)
            await run(task, payload, _context(attempt, delivery, seconds_left), self.finish)
        except (Exception, SystemExit) as error:
            longest = LONGEST_VISIBILITY_SECONDS - self._elapsed(delivery)
            outcome = decide(error, attempt, policy, longest, self.random)
            return _Worked(attempt, outcome, None if isinstance(error, _SAID_IN_WORDS) else error)
        return _Worked(attempt, Succeeded())

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


def _context(attempt: Attempt, delivery: Delivery, seconds_left: Callable[[], float]) -> Context:
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


def _reported(worked: _Worked, settled: bool, seconds: float) -> Report:
    """The report, and its log line: the only one that we write for a delivery."""
    reason: str | None = None
    retry_seconds: int | None = None
    match worked.outcome:
        case Succeeded():
            name = "succeeded"
        case RetryLater(retry_seconds, reason):
            name = "retry later"
        case DeadLetter(death):
            name, reason = "dead-letter", death.reason
        case Ignored(reason):
            name = "ignored"
    attempt = worked.attempt
    report = Report(name, attempt.task, attempt.id, attempt.number, settled, reason, retry_seconds)
    level = logging.INFO if name == "succeeded" else logging.WARNING
    log.write(level, "delivery", error=worked.error, seconds=round(seconds, 3), **asdict(report))
    return report
