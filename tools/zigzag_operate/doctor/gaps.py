"""How long the expression of a schedule leaves the consumer without a tick
(https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html)."""

from __future__ import annotations

import re
from datetime import date, timedelta
from itertools import pairwise

_DAYS = [date(2027, 1, 1) + timedelta(n) for n in range(800)]
"""Days with each end of a month, and each weekday."""

_NUMBERS = {
    names[at : at + 3]: at // 3 + 1
    for names in ("SUNMONTUEWEDTHUFRISAT", "JANFEBMARAPRMAYJUNJULAUGSEPOCTNOVDEC")
    for at in range(0, len(names), 3)
}


def longest_gap_days(expression: str) -> float:
    """Returns the most days from a tick to the next one; of `cron(…)`, whole ones. 0 if it is neither."""
    if rate := re.fullmatch(r"rate\((\d+) (minute|hour|day)s?\)", expression):
        return int(rate[1]) / {"minute": 1440, "hour": 24, "day": 1}[rate[2]]
    found = re.fullmatch(r"cron\(\S+ \S+ (\S+) (\S+) (\S+) \S+\)", expression)
    if found is None:
        return 0
    days, months, weekdays = map(_numbers, found.groups(), (31, 12, 7))
    fires = [
        day
        for day in _DAYS
        if day.day in days and day.month in months and day.isoweekday() % 7 + 1 in weekdays
    ]
    gaps = [(later - one).days for one, later in pairwise(fires)]
    return max(gaps, default=len(_DAYS))


def _numbers(field: str, most: int) -> set[int]:
    """Returns the numbers of a field. `L`, `W` and `#` have none: such days are a week apart, or a month."""
    found: set[int] = set()
    for part in field.upper().split(","):
        ends, _, step = part.partition("/")
        first, _, last = (f"1-{most}" if ends in ("*", "?") else ends).partition("-")
        try:
            begin = int(_NUMBERS.get(first, first))
            end = min(most, int(_NUMBERS.get(last, last or (most if step else begin))))
            around = [*range(begin, most + 1), *range(1, end + 1)] if end < begin else range(begin, end + 1)
            found |= set(around[:: int(step or 1)])
        except ValueError:
            continue
    return found
