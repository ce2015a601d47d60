"""Says which interrupts of the user's code were no attempt: the message comes again, uncounted."""

from __future__ import annotations

from random import Random

from worker.outcome import RetryLater
from worker.raised import INTERRUPTED, FunctionEndsError, OutOfTimeError

NOT_ENTERED_SECONDS = (15, 60)
WITHOUT_ITS_TIME_SECONDS = 1


def of_an_interrupt(
    error: BaseException,
    *,
    entered: bool,
    lease_lost: bool,
    concluded: bool,
    had_less_time: bool,
    stop_reason: str | None,
    random: Random,
) -> RetryLater | None:
    """Returns how long the message waits, and why, if the error was no attempt, or None if it was one.

    entered       -- whether the user's code ran, or took all the time.
    concluded     -- whether only the message's delete is left to do: then it need not come again.
    had_less_time -- whether others of its batch used some of its time, and it comes first in a later one.
    stop_reason   -- why the process stops, if it does.
    """
    ends = isinstance(error, FunctionEndsError)
    if stop_reason is not None and isinstance(error, OutOfTimeError) and not (lease_lost or concluded):
        return RetryLater(WITHOUT_ITS_TIME_SECONDS, f"no attempt: {stop_reason}")
    if ends and not (entered or concluded):  # our own calls took all the time
        return RetryLater(random.randint(*NOT_ENTERED_SECONDS), "not started: no time was left for it")
    if ends and had_less_time and not lease_lost:  # it comes again at once, as the first of its group
        return RetryLater(WITHOUT_ITS_TIME_SECONDS, f"no attempt, behind others of its batch: {INTERRUPTED}")
    return None
