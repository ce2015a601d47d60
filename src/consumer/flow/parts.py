"""The parts that queues of different weight have of a limit.

The queues of the largest weight may use all of it. The others, the lesser ones, leave the kept part free. But
they always have their part by weight of what is not kept.
"""

from __future__ import annotations

from collections.abc import Sequence


class Parts:
    """The parts of a stack's queues.

    keep   -- the kept part, from 0 to 1.
    lesser -- the numbers of the lesser queues.
    """

    def __init__(self, weights: Sequence[int], keep_percent: int = 0) -> None:
        self.keep = keep_percent / 100
        self._weights = weights
        self.lesser = [number for number, each in enumerate(weights) if each < max(weights)]
        self._of_lesser = sum(weights[each] for each in self.lesser) / sum(weights) * (1 - self.keep)

    def of_each(self) -> list[float]:
        """Returns the part of each queue while all have messages: those of the largest weight have the kept
        part, and all share the rest by weight."""
        weights, largest = self._weights, len(self._weights) - len(self.lesser)
        kept = [0.0 if number in self.lesser else self.keep / largest for number in range(len(weights))]
        return [
            more + (1 - self.keep) * weight / sum(weights) for weight, more in zip(weights, kept, strict=True)
        ]

    def of_lesser(self, limit: float) -> float:
        """Returns the lesser queues' part of a limit."""
        return limit * self._of_lesser

    def used_by_lesser(self, used: Sequence[int]) -> int:
        """Returns how many of these messages are of the lesser queues."""
        return sum(used[each] for each in self.lesser)

    def left(self, limit: int, used: Sequence[int], number: int) -> int:
        """Returns what is left of a limit for a queue, while each queue has used so much of it."""
        left = limit - sum(used)
        if number not in self.lesser:
            return left
        of_part = max(1, int(self.of_lesser(limit))) - self.used_by_lesser(used)
        return min(left, max(left - int(limit * self.keep), of_part))
