"""EventBridge Scheduler, called by boto3: it makes the schedules of a stack, in the stack's group.

The caller needs the permissions of the output `SchedulerPolicy`.
"""

from __future__ import annotations

import os
import re
import shlex
import time
from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

from shared.aws.identity import Identity
from shared.aws.transport import AnsweredError, CallError, NotSentError, is_throttle
from shared.queues import more_queues
from zigzag.errors import AlreadyScheduledError, SendError
from zigzag.extra.schedules import Scheduled, at_expression
from zigzag.in_place import run_in_place

MAX_RETRIES, MAX_RETRY_SECONDS = 185, 86_400
"""How often, and for how long, the Scheduler tries to send: its most
(https://docs.aws.amazon.com/scheduler/latest/APIReference/API_RetryPolicy.html)."""

_ATTEMPTS = 3
"""Times that the call is sent. All have one client token, so that only one makes a schedule
(https://docs.aws.amazon.com/scheduler/latest/APIReference/API_CreateSchedule.html)."""


class Place(NamedTuple):
    """The parts of the stack that a schedule needs, as the output `Scheduler` tells it.

    group       -- the name of the schedules' group.
    role        -- the ARN of the role by which they send.
    dead_letter -- the ARN of the queue that gets what they can't send.
    """

    group: str
    role: str
    dead_letter: str

    @classmethod
    def of(cls, text: str) -> Place:
        """Returns what the text says. Raises SendError if it says nothing, or something else."""
        words = text.split()
        if not words:
            raise SendError(
                "a time later than 15 minutes from now needs a schedule: deploy the stack with the parameter "
                "Scheduler=true; outside of its functions, set ZIGZAG_SCHEDULER to its new output Scheduler"
            )
        if len(words) != len(cls._fields) or not all(word.startswith("arn:") for word in words[1:]):
            raise SendError("ZIGZAG_SCHEDULER is wrong; it may be the text of the stack's output Scheduler")
        return cls(*words)


class _Transport(Protocol):
    """The part of boto's transport that is used."""

    def client(self, service: Any) -> Any: ...

    async def call(self, service: Any, operation: str, parameters: Mapping[str, Any]) -> Any: ...


class AwsScheduler:
    """Makes schedules.

    identity  -- the identity that calls, and whose variables count; without one, the process's own.
    region    -- the queue's region, if its URL names one.
    variables -- those that count in place of the identity's.
    transport -- what calls, in place of the identity.
    """

    def __init__(
        self,
        identity: Identity | None,
        region: str | None,
        variables: Mapping[str, str] | None = None,
        transport: _Transport | None = None,
    ) -> None:
        own = os.environ if identity is None else identity.variables
        self._variables = own if variables is None else variables
        self._identity, self._region = identity, region
        self._made = transport

    def now(self) -> float:
        return time.time()

    def create(self, scheduled: Scheduled) -> None:
        """Makes the schedule. Raises AlreadyScheduledError if there is one of its name, or SendError."""
        place = Place.of(self._variables.get("ZIGZAG_SCHEDULER", ""))
        self._check(scheduled.url)
        transport = self._transport()
        try:
            region = self._region or transport.client("scheduler").meta.region_name
            asked = _request(scheduled, place, region)
            run_in_place(transport.call("scheduler", "CreateSchedule", asked))
        except CallError as error:
            raise _meaning(error, scheduled, place) from error

    def _check(self, url: str) -> None:
        """Raises SendError for a queue to which the stack's role can't send."""
        try:
            more = {queue.url for queue in more_queues(self._variables.get("ZIGZAG_QUEUES", ""))}
        except ValueError:
            more = set()
        if url not in {self._variables.get("ZIGZAG_QUEUE_URL"), *more}:
            raise SendError(
                "a schedule sends to the stack's own queues only, those of ZIGZAG_QUEUE_URL and "
                "ZIGZAG_QUEUES: name one of them, or send at most 15 minutes before"
            )

    def _transport(self) -> _Transport:
        if self._made is None:
            from shared.aws.boto import BotoTransport  # boto3 is loaded here, and only here

            self._made = BotoTransport(attempts=_ATTEMPTS, identity=self._identity, region=self._region)
        return self._made


def _request(scheduled: Scheduled, place: Place, region: str) -> dict[str, Any]:
    partition = place.role.split(":")[1]
    account, name = scheduled.url.split("/")[-2:]
    target = {
        "Arn": f"arn:{partition}:sqs:{region}:{account}:{name}",
        "RoleArn": place.role,
        "Input": scheduled.message.body,
        "DeadLetterConfig": {"Arn": place.dead_letter},
        "RetryPolicy": {"MaximumRetryAttempts": MAX_RETRIES, "MaximumEventAgeInSeconds": MAX_RETRY_SECONDS},
    }
    if scheduled.message.group is not None:
        target["SqsParameters"] = {"MessageGroupId": scheduled.message.group}
    return {
        "Name": scheduled.name,
        "GroupName": place.group,
        "ScheduleExpression": at_expression(scheduled.at),
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "ActionAfterCompletion": "DELETE",
        "Target": target,
    }


def _meaning(error: CallError, scheduled: Scheduled, place: Place) -> SendError:
    """Returns the error for the caller: what was refused, and what to do."""
    what = scheduled.what
    if isinstance(error, NotSentError):
        return SendError(f"{what} is not scheduled: {error}")
    if not isinstance(error, AnsweredError):
        return SendError(
            f"{what} may be scheduled: no answer came ({error}). Send it again with the same `id`: "
            "AlreadyScheduledError then says that it is"
        )
    if error.code == "ConflictException":
        command = f"./zigzag cancel {shlex.join((scheduled.task, scheduled.id))}"
        return AlreadyScheduledError(
            f"{what} is scheduled already: cancel that by `{command}`, or choose another id"
        )
    if is_throttle(error):
        return SendError(f"{what} is not scheduled, as calls come too fast for the account: try again")
    if error.code == "ServiceQuotaExceededException":
        return SendError(f"{what} is not scheduled: the account has as many schedules as its quota allows")
    if re.match("AccessDenied", error.code):
        return SendError(
            f"{what} is not scheduled, as the credentials do not allow it: the output SchedulerPolicy has "
            f"what they need ({error.reason})"
        )
    if error.code == "ResourceNotFoundException":
        return SendError(
            f"{what} is not scheduled, as there is no group {place.group}: deploy the stack with "
            "Scheduler=true, and set ZIGZAG_SCHEDULER to its output Scheduler"
        )
    return SendError(f"{what} is not scheduled: {error}")
