"""The way of a sender to AWS: whose identity signs, in which region, by which transport."""

from __future__ import annotations

import functools
import os
import re
from typing import TYPE_CHECKING

from shared.aws.identity import Identity, alone
from zigzag.outbox import Sender, scheduler_standing_in

if TYPE_CHECKING:
    from shared.aws.transport import Transport
    from zigzag.extra.schedules import Scheduler

# Compiled at the first use, not at each cold start of a worker.
_REGION = r"(?i)https://sqs(?:-fips)?\.([a-z]+(?:-[a-z]+)+-\d+)\.(?:amazonaws\.com(?:\.cn)?|api\.aws)/"
"""The region in a queue's URL. The queue is only there, and the producer may be in another region
(https://docs.aws.amazon.com/general/latest/gr/sqs-service.html)."""

_identity: Identity | None = None
"""The identity that signs sends to AWS. None in a producer: its process's own counts, as it is at the first
send to a queue of an account."""


def send_as(identity: Identity) -> None:
    """Makes later sends use the function's identity: tasks may change the variables for their own calls."""
    global _identity
    _identity = identity
    forget()


def forget() -> None:
    """Forgets all clients: the next send makes its own."""
    for made in (queue_at, _transport_in, _scheduler_in):
        made.cache_clear()


def identity() -> Identity | None:
    """Returns the identity that signs sends, or None for the process's own."""
    return _identity


@functools.cache
def queue_at(url: str) -> Sender:
    """Returns the queue of a URL, for sends one by one."""
    from shared.aws.sqs_queue import SqsQueue  # loaded at the first send

    return SqsQueue(transport_to(url, attempts=3, usual="boto"), url)


def transport_to(url: str, *, attempts: int, usual: str) -> Transport:
    """Returns the transport to a queue, whose calls block. It is the one that ZIGZAG_TRANSPORT names, as
    Zigzag's own functions have it, or else the `usual` one."""
    with alone():  # threads that send at the same time would each make one
        return _transport_in(url.rpartition("/")[0], attempts, usual)


@functools.cache
def _transport_in(account: str, attempts: int, usual: str) -> Transport:
    """Returns the transport to all queues of an account, of whose URLs that is the begin. One to each queue
    would keep a connection to each; for another account, the process may have another identity by now."""
    from shared.aws.choice import transport_in_place

    variables = os.environ if _identity is None else _identity.variables
    wanted = variables.get("ZIGZAG_TRANSPORT", usual)
    return transport_in_place(wanted, attempts=attempts, identity=_identity, region=region_of(f"{account}/"))


def scheduler_for(url: str) -> Scheduler:
    """Returns EventBridge Scheduler in the region of a queue, or what stands in for it in a test."""
    return scheduler_standing_in() or _scheduler_in(region_of(url))


@functools.cache
def _scheduler_in(region: str | None) -> Scheduler:
    from zigzag.extra.aws_scheduler import AwsScheduler

    return AwsScheduler(_identity, region)


def region_of(url: str) -> str | None:
    """Returns the region of a queue, if its URL names one."""
    named = re.match(_REGION, url)
    return named[1].lower() if named else None
