"""Gives a message up: the three reasons of a consumer or a server, in the words of the dead letter."""

from __future__ import annotations

import logging
from random import Random

from shared import log
from shared.dead_letter import Cause, Move, move_to_dead_letters
from shared.delivery import MAX_EVENT_BYTES, Delivery
from shared.envelope import is_writable
from shared.lease import DROP_MARGIN_SECONDS, KEPT_SECONDS, MAX_RECEIVE_COUNT
from shared.ports.clock import Clock
from shared.ports.queue import Queue

TOO_LARGE = (
    f"too large for an asynchronous invoke, even compressed: at most {MAX_EVENT_BYTES:,} bytes with "
    "its envelope; send what is large to S3 and put its key in the payload"
)


def worn(delivery: Delivery) -> str:
    """Returns the reason for a message that was received almost as often as SQS allows."""
    return (
        f"received {delivery.receive_count} times, and never settled: SQS would give it up after "
        f"{MAX_RECEIVE_COUNT}, without a reason. The workers' log tells whether they started it"
    )


def old(delivery: Delivery) -> str:
    """Returns the reason for a message that SQS may soon drop, and that could not be dispatched."""
    days, times = DROP_MARGIN_SECONDS // (24 * 3600), delivery.receive_count
    received = "once" if times == 1 else f"{times} times"
    return (
        f"SQS would drop the message in less than {days} days, and no worker could be sent for it: "
        f"received {received}. The consumer's log tells why"
    )


def is_near_its_end(delivery: Delivery, now: float) -> bool:
    """Returns whether SQS may drop the message before it comes again: a schedule may pause for three days."""
    if delivery.sent_at is None or delivery.sent_at + KEPT_SECONDS - now >= DROP_MARGIN_SECONDS:
        return False
    return is_writable(delivery.message)  # otherwise no dead letter can hold it, either


async def give_up(
    delivery: Delivery, reason: str, queue: Queue, dead_letters: Queue, clock: Clock, random: Random
) -> bool:
    """Moves the message to the dead letters, and logs it. Returns whether the letter is stored."""
    moved = await move_to_dead_letters(delivery, Cause(reason), queue, dead_letters, clock, random)
    log.write(
        logging.WARNING,
        "dead-letter",
        message_id=delivery.message_id,
        receives=delivery.receive_count,
        settled=moved is Move.MOVED,
        reason=reason,
    )
    return moved is not Move.REFUSED
