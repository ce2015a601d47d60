"""Decides how long a server waits after a receive that failed: longer each time, and at once after a
refusal."""

from __future__ import annotations

from random import Random

from shared.ports.workers import Meaning

FIRST_PAUSE_SECONDS = 1.0
MAX_PAUSE_SECONDS = 60.0
"""The bounds of the pause. The longest is that of a consumer: its next tick comes in a minute."""


class Patience:
    """The patience with the receives of one process."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._in_a_row = 0

    def went_well(self) -> None:
        self._in_a_row = 0

    def pause_seconds(self, meaning: Meaning) -> float:
        """Returns how long to wait after a receive that failed so."""
        self._in_a_row += 1
        longest = min(FIRST_PAUSE_SECONDS * 2.0 ** min(self._in_a_row, 10), MAX_PAUSE_SECONDS)
        if meaning is Meaning.DEFINITE:  # a retry won't help: somebody has to give a permission, or a queue
            longest = MAX_PAUSE_SECONDS
        return self._random.uniform(0.5, 1.0) * longest
