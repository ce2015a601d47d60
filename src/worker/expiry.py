"""The expiry of a message: a first start would come too late to be of use, so it never starts.

Its time ends at the message's `expires_at`, and `start_within` seconds after it was due: when SQS took it,
and its delay later. The earlier end counts. The message is on time if it is *received* by then. Its task may
start later: 90 s at most, or behind others of its batch. So all workers of one delivery decide the same, also
if Lambda doubles its event. Both times of `start_within` are SQS's own: the worker's clock is not asked.

A message that has started never expires. A first delivery has not. For later ones the record says so, which
is written before a first start (`Starts.allow`), and after a redrive the letter's note. A message of which it
is unknown whether it started, or when it was received, runs.
"""

from __future__ import annotations

from datetime import UTC, datetime
from math import ceil, inf

from shared.dead_letter import Cause, note_of
from shared.delivery import Delivery
from worker.decode import Message
from worker.outcome import Attempt, DeadLetter, Ignored
from zigzag.policy import IGNORE


def expire(attempt: Attempt, delivery: Delivery, message: Message) -> None:
    """Notes in the attempt whether the message has expired, or could until it starts."""
    if attempt.started or _started_before_its_redrive(delivery):
        return
    why = _why(attempt, delivery, message)
    attempt.bounded = why is None
    if why is not None:
        cause = Cause(f"expired: {why}", attempt.task, attempt.id)
        attempt.expired = Ignored(cause) if attempt.policy.on_expiry == IGNORE else DeadLetter(cause)


def _why(attempt: Attempt, delivery: Delivery, message: Message) -> str | None:
    """Returns why it is too late for the message, or None."""
    within, at = attempt.policy.start_within, message.expires_at
    due = None if delivery.sent_at is None else delivery.sent_at + message.delay_seconds
    relative = inf if within is None or due is None else due + within
    absolute = inf if at is None else at
    received = delivery.received_at
    if received is None or received <= min(relative, absolute):
        return None
    if absolute <= relative:
        said = f"{datetime.fromtimestamp(absolute, UTC):%Y-%m-%d %H:%M:%S} UTC"
        return f"received {ceil(received - absolute):,} s after its expires_at, {said}"
    late = ceil(received - relative + (within or 0))
    return f"received {late:,} s after it was due, and its start_within is {within:,} s"


def _started_before_its_redrive(delivery: Delivery) -> bool:
    """Returns whether the message was a dead letter that had a start, or may have had one."""
    note = note_of(delivery)
    return "message_id" in note and "attempts" not in note
