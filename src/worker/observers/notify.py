"""Notifies a person of a task that has failed, if its policy asks for that: at most once an hour a task.

A record of the task's name says until when nobody is notified again, over all workers: whoever writes it
sends the notice. A failure here is logged, and changes nothing: the message is a dead letter in any case.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from random import Random

from shared import log
from shared.dead_letter import Cause
from shared.delivery import Delivery
from shared.ports.clock import Clock
from shared.ports.notices import Notice, NoticeError, Notices
from shared.ports.records import Owned, Records, RecordsError, record_key
from worker.host import Host
from worker.outcome import DeadLetter
from worker.result import Report, Result
from zigzag.aws import region_of
from zigzag.policy import NOTIFY

NOTICE_EVERY_SECONDS = 3600
"""Time after a notice in which no other one of its task is sent."""

NOTICE_AGAIN_SECONDS = 60
"""The same, after a notice that was certainly not sent."""

WHOLE_SECONDS = 5.0
"""Most time for the notices of one batch."""

LEFT_SECONDS = 1.0
"""Of the function's time, which no notice takes."""

MAX_SAID_CHARACTERS, MAX_SHORT_CHARACTERS = 500, 140
"""Most characters of the reason in a mail, and in a text message, whose parts have that many
(https://docs.aws.amazon.com/sns/latest/dg/sms_sending-overview.html)."""


class Notify:
    """Notes the failed tasks of a batch, and sends their notices when all its messages are settled."""

    def __init__(self, notices: Notices, records: Records, clock: Clock, random: Random, host: Host) -> None:
        self._notices = notices
        self._records = records
        self._clock = clock
        self._random = random
        self._host = host
        self._causes: dict[str, Cause] = {}  # the first of each task

    def settled(self, delivery: Delivery, result: Result | None, report: Report) -> None:
        if result is not None and isinstance(result.outcome, DeadLetter):
            cause = result.outcome.cause
            if cause.on_failure == NOTIFY and cause.task is not None:
                self._causes.setdefault(cause.task, cause)

    async def tell(self, seconds_left: Callable[[], float]) -> None:
        """Sends the notices. Raises nothing.

        seconds_left -- how long until Lambda ends the function.
        """
        ends = self._clock.now() + WHOLE_SECONDS
        while self._causes:
            task, cause = self._causes.popitem()
            left = min(ends - self._clock.now(), seconds_left() - LEFT_SECONDS)
            try:
                await self._notify(task, cause, left)
            except RecordsError as error:
                self._say(task, error.reason)

    async def _notify(self, task: str, cause: Cause, seconds: float) -> None:
        key, owner = record_key("notice", task), f"{self._random.getrandbits(64):016x}"
        if seconds <= 0:
            self._say(task, "no time was left for it")
            return
        now = self._clock.now()
        if not isinstance(await self._records.own(key, owner, now, now + NOTICE_EVERY_SECONDS), Owned):
            return
        try:
            await self._notices.publish(notice_of(cause, self._notices.dead_letter_url), seconds)
        except NoticeError as error:
            self._say(task, error.reason)
            if error.maybe:  # its thread may be at work still
                self._host.exit_reason = self._host.exit_reason or "a notice was not answered"
            else:
                await self._records.extend(key, owner, now + NOTICE_AGAIN_SECONDS)

    def _say(self, task: str, reason: str) -> None:
        log.write(logging.ERROR, "nobody is notified of a failed task", task=task, reason=reason)


def notice_of(cause: Cause, dead_letter_url: str) -> Notice:
    """Returns the notice: the task, the command that shows the dead letters, reason, attempts, and id.

    A sender may choose the words of a reason, and an id. They come last, and can't begin a line of their own.
    """
    reason = _in_a_line(cause.reason)
    id = "unknown" if cause.id is None else f'"{_in_a_line(cause.id)[:MAX_SAID_CHARACTERS]}"'
    region = region_of(dead_letter_url)
    command = (
        f"aws sqs receive-message {f'--region {region} ' if region else ''}--queue-url {dead_letter_url} "
        "--message-attribute-names All --max-number-of-messages 10 --visibility-timeout 30"
    )
    title = f"Zigzag: {cause.task} has failed"
    lines = (
        f"The task {cause.task} has failed, and its message is a dead letter.",
        "To see the dead letters, type in the project's folder:\n./zigzag dead-letters",
        f"Or, anywhere else:\n{command}",
        "To move them back once the cause is corrected, type what the stack's output RedriveCommand says.",
        f"No other notice of {cause.task} is sent for an hour.",
        f"Attempts: {cause.attempts}",
        f"Id: {id}",
        f"Reason: {reason[:MAX_SAID_CHARACTERS]}",
    )
    short = f"{title} (attempts: {cause.attempts}): {reason}"[:MAX_SHORT_CHARACTERS]
    return Notice(title, "\n\n".join(lines), short)


def _in_a_line(text: str) -> str:
    """Returns the text with an escape for each line break, and for each character that can't be printed."""
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)
