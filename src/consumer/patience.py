"""Decides how often a queue's calls may fail, one after the other, before its turn ends.

| answer | what a queue's turn does |
|---|---|
| definite | ends |
| transient | pauses, longer each time; the third in a row ends it |
| ambiguous | goes on; the third in a row ends it |

Calls that were under way together count once in a row, whether one of them failed or ten.
"""

from __future__ import annotations

from collections.abc import Collection
from random import Random

from shared.ports.workers import Meaning

MAX_IN_A_ROW = 3
PAUSE_SECONDS = (1.0, 2.0)
"""Bounds of the random pause after the first failure in a row; twice as long after the second."""

_BEARABLE = (Meaning.TRANSIENT, Meaning.AMBIGUOUS)


class Patience:
    """The patience with one kind of call, of one queue, in one turn.

    calls -- their name in the reason why the turn ends: "receives" or "invokes".
    """

    def __init__(self, calls: str) -> None:
        self._calls = calls
        self._in_a_row = dict.fromkeys(_BEARABLE, 0)
        self._counted = dict.fromkeys(_BEARABLE, 0)

    def begin(self) -> dict[Meaning, int]:
        """Returns the counts when a call begins, for `ended`."""
        return dict(self._counted)

    def ended(self, meanings: Collection[Meaning | None], begun: dict[Meaning, int]) -> str | None:
        """Counts the answers to calls that went out together. Returns why the turn should end, or None."""
        for meaning in _BEARABLE:
            if self._counted[meaning] != begun[meaning]:
                continue  # calls under way at the same time have counted already
            if meaning in meanings:
                self._counted[meaning] += 1
                self._in_a_row[meaning] += 1
            else:
                self._in_a_row[meaning] = 0
        if Meaning.DEFINITE in meanings:
            return f"{self._calls} refused"
        for meaning, times in self._in_a_row.items():
            if meaning in meanings and times >= MAX_IN_A_ROW:
                return f"{self._calls} {meaning.value} {MAX_IN_A_ROW} times in a row"
        return None

    def pause_seconds(self, meanings: Collection[Meaning | None], random: Random) -> float:
        """Returns how long to wait before the next call; 0 unless one was transient."""
        if Meaning.TRANSIENT not in meanings:
            return 0.0
        return max(1, self._in_a_row[Meaning.TRANSIENT]) * random.uniform(*PAUSE_SECONDS)
