"""The lease: how long a delivery is ours. All other times depend on this relation.

A receive hides a message for `LEASE_SECONDS`. In that time the consumer must have dispatched it
(`DISPATCH_SECONDS`) and Lambda must have started the worker or dropped the event
(`EVENT_AGE_SECONDS`), with `SAFETY_SECONDS` to spare for clocks that differ:

    LEASE_SECONDS >= DISPATCH_SECONDS + EVENT_AGE_SECONDS + SAFETY_SECONDS

`tests/project/template` holds `template.yaml` to the same numbers. All times are epoch seconds.
"""

from __future__ import annotations

from typing import Any, NamedTuple

LEASE_SECONDS = 120
"""Visibility timeout asked for at every receive."""

EVENT_AGE_SECONDS = 60
"""MaximumEventAgeInSeconds of both functions: the least that Lambda takes."""

DISPATCH_SECONDS = 10
"""Most time from the receive to an invoke; later ones are not sent."""

SAFETY_SECONDS = 30
"""Spare time for clocks that differ, and for the network."""

PERMIT_SECONDS = LEASE_SECONDS - SAFETY_SECONDS / 2
"""Time for which a permit of an exact cap is held. It ends before the lease of its message, so that the next
receiver finds a permit free."""

BEAT_EVERY_SECONDS = LEASE_SECONDS / 3
"""Seconds between beats that extend a lease while its task runs: two beats may fail."""

BEAT_AGAIN_SECONDS = 5.0
"""Seconds until the next beat after a failed one."""

ENDING_SECONDS = SAFETY_SECONDS
"""Time for which a record and a permit are still held when their process has to end: code that the task left
behind may run until then. Half of it is for our last calls, and half for clocks that differ."""

KEPT_SECONDS = 14 * 24 * 3600
"""MessageRetentionPeriod of both queues, SQS's most: after that SQS drops a message, received or not."""

DROP_MARGIN_SECONDS = 4 * 24 * 3600
"""A message with less time left than this gets its dead letter when it fails. So a wait of SQS's 12 hours,
and then a gap of three days in the schedule, still leave time."""

MAX_PERMIT_CHARACTERS = 64
"""Most characters of a permit's name, as DynamoDB keeps all names of a queue in one item."""

FAILING, PROBE = "failing", "probe"
"""The two kinds of doubt about a queue's breaker."""

MAX_RUN_SECONDS = 12 * 3600 - 15 * 60
"""Most time that a task may take, on a server. SQS hides a message for 12 hours from its receive; a quarter
of an hour of it is left for the backoff after an attempt that took so long
(https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-visibility-timeout.html)."""

RECORD_SECONDS = 29 * 24 * 3600
"""Time for which a record is kept: a day longer than a message may be in both queues, 14 days in each."""

MAX_RECEIVE_COUNT = 1000
"""SQS's most, so that only our own count of attempts makes dead letters."""


class Lease(NamedTuple):
    """The time in which a delivery is ours.

    received_at -- the time of SQS's answer to the receive.
    start_by    -- the latest start: a later worker must not touch the message.
    ends        -- the time when the message becomes visible to others.
    permit      -- the name of the permit for the start; empty if none is needed.
    doubt       -- FAILING if tasks of the queue have said that what they need is away, PROBE for the one
                   message that is received to try. A success has to be told then.
    """

    received_at: float
    start_by: float
    ends: float
    permit: str = ""
    doubt: str = ""

    @classmethod
    def taken(cls, received_at: float, seconds: float = LEASE_SECONDS) -> Lease:
        ends = received_at + seconds
        return cls(received_at=received_at, start_by=ends - SAFETY_SECONDS, ends=ends)

    @property
    def dispatch_by(self) -> float:
        """The latest time for the invoke: a later one is not sent."""
        return self.received_at + DISPATCH_SECONDS

    def to_json(self) -> dict[str, float | str]:
        more = {"Permit": self.permit, "Doubt": self.doubt}
        times = {"ReceivedAt": self.received_at, "StartBy": self.start_by, "Ends": self.ends}
        return times | {name: value for name, value in more.items() if value}

    @classmethod
    def from_json(cls, value: Any) -> Lease:
        """Returns the lease in an event. Raises KeyError, TypeError or ValueError if `value` is none."""
        lease = cls(float(value["ReceivedAt"]), float(value["StartBy"]), float(value["Ends"]))
        permit = value.get("Permit", "")
        if not isinstance(permit, str) or len(permit) > MAX_PERMIT_CHARACTERS:
            raise ValueError("`Permit` of its lease is no permit's name")
        doubt = value.get("Doubt")
        return lease._replace(permit=permit, doubt=doubt if doubt in (FAILING, PROBE) else "")
