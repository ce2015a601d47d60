"""The schedules of the consumer, as the parameter Schedule has them: at a rate, or by the hours of a week."""

from __future__ import annotations

from collections.abc import Callable

type Schedule = Callable[[float], float]
"""Takes a time in epoch seconds, and returns the next firing after it."""

MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0
OFFICE_HOURS = (8, 18)
WORKING_DAYS = 5

_A_MONDAY = 4 * DAY
"""The first Monday after the epoch, a Thursday, at midnight."""


def every(seconds: float) -> Schedule:
    """Returns a schedule like `rate(…)`, which fires every `seconds`."""
    return lambda now: now + seconds


def office_hours(minutes: float = 1) -> Schedule:
    """Returns a schedule like `cron(0/… 8-17 ? * MON-FRI *)`, silent at night and at the weekend."""
    first, last = (hour * HOUR for hour in OFFICE_HOURS)

    def next_after(now: float) -> float:
        day, second = divmod(now + minutes * MINUTE - _A_MONDAY, DAY)
        while day % 7 >= WORKING_DAYS or second >= last:
            day, second = day + 1, 0.0
        return _A_MONDAY + day * DAY + max(second, first)

    return next_after
