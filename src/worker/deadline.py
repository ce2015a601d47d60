"""Limits each part of an invocation: Lambda ends the function when its time is over."""

from __future__ import annotations

from collections.abc import Callable

SOFT_SECONDS = 5.0
"""Time before Lambda's own end when a task is interrupted, so that its message can still be postponed."""

HARD_SECONDS = 3.0
"""Time before Lambda's own end when we end an attempt that the interruption did not stop."""

GRACE_SECONDS = SOFT_SECONDS - HARD_SECONDS
"""Time that an interrupted task may take to end, also after its own timeout."""

ANOTHER_SECONDS = 15.0
"""Least time that is left when a further task of a batch starts."""


class Deadline:
    """The time of one invocation. In a short one, the three limits are fractions of it.

    seconds_left -- how long until Lambda ends the function.

    whole -- all seconds that it has.
    """

    def __init__(self, seconds_left: Callable[[], float]) -> None:
        self.whole = whole = seconds_left()
        self._seconds_left = seconds_left
        self._soft = min(SOFT_SECONDS, whole / 4)
        self._hard = min(HARD_SECONDS, whole / 6)
        self._another = min(ANOTHER_SECONDS, whole * 2 / 5)

    def task_seconds(self) -> float:
        """Returns how long until the task is interrupted."""
        return self._seconds_left() - self._soft

    def attempt_seconds(self) -> float:
        """Returns how long until the attempt is ended, even if it does not react."""
        return self._seconds_left() - self._hard

    def allows_another(self) -> bool:
        return self._seconds_left() >= self._another
