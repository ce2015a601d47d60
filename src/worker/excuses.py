"""Says which failures were no attempt: the message comes again, uncounted."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from random import Random

from shared.errors import words
from worker.outcome import Released, RetryLater
from worker.raised import INTERRUPTED, FunctionEndsError, OutOfTimeError
from worker.result import Start

NOT_ENTERED_SECONDS = (15, 60)
WITHOUT_ITS_TIME_SECONDS = 1

type Excuse = Callable[[BaseException, Start], Awaitable[Released | None]]
"""Takes an error, and the start that has failed with it. Returns for how long the message and the rest of its
batch are hidden, and why, if that was no attempt; None if it was one."""


async def excused(excuses: Iterable[Excuse], error: BaseException, start: Start) -> RetryLater | None:
    """Returns how long the message waits, and why, if an excuse takes the error for no attempt, or None. They
    are asked once: a call that hangs must not take the time of the hard end as well."""
    attempt = start.attempt
    if not attempt.asked:
        attempt.asked = True
        for excuse in excuses:
            attempt.excused = attempt.excused or await excuse(error, start)
    if attempt.excused is None:
        return None
    return RetryLater(attempt.excused.seconds, f"no attempt, {attempt.excused.reason}: {words(error)}")


def excused_interrupt(
    error: BaseException, start: Start, *, lease_lost: bool, stop_reason: str | None, random: Random
) -> RetryLater | None:
    """Returns how long the message waits, and why, if the error was no attempt, or None if it was one.

    stop_reason -- why the process stops, if it does.
    """
    concluded = start.starts.concluded  # then the message need not come again
    ends = isinstance(error, FunctionEndsError)
    if stop_reason is not None and isinstance(error, OutOfTimeError) and not (lease_lost or concluded):
        return RetryLater(WITHOUT_ITS_TIME_SECONDS, f"no attempt: {stop_reason}")
    if ends and not (start.attempt.entered or concluded):  # our own calls took all the time
        return RetryLater(random.randint(*NOT_ENTERED_SECONDS), "not started: no time was left for it")
    if ends and start.had_less_time and not lease_lost:  # it comes again at once, as the first of its group
        return RetryLater(WITHOUT_ITS_TIME_SECONDS, f"no attempt, behind others of its batch: {INTERRUPTED}")
    return None
