"""How long may what goes on in an invocation take? Lambda ends the function when its time is over."""

from __future__ import annotations

from collections.abc import Callable

SOFT_SECONDS = 5.0
"""How long before Lambda's own end a task is interrupted, so that its message can still be postponed."""

HARD_SECONDS = 3.0
"""How long before that end the attempt is ended in its stead, if the interruption did not get through."""

ANOTHER_SECONDS = 15.0
"""With less time left, no further task of a batch is started."""


class Deadline:
    """The time of one invocation. Of a short one, each of the three is a part.

    seconds_left -- how long until Lambda ends the function.
    """

    def __init__(self, seconds_left: Callable[[], float]) -> None:
        whole = seconds_left()
        self._seconds_left = seconds_left
        self._soft = min(SOFT_SECONDS, whole / 4)
        self._hard = min(HARD_SECONDS, whole / 6)
        self._another = min(ANOTHER_SECONDS, whole * 2 / 5)

    def task_seconds(self) -> float:
        """How long until the task is interrupted."""
        return self._seconds_left() - self._soft

    def attempt_seconds(self) -> float:
        """How long until the attempt is ended, whatever it does."""
        return self._seconds_left() - self._hard

    def allows_another(self) -> bool:
        """Whether a further task may start."""
        return self._seconds_left() >= self._another
