"""The seam for whatever is to know of attempts: an observer is told of each, and decides nothing."""

from __future__ import annotations

from shared.delivery import Delivery
from worker.outcome import Attempt, Outcome
from worker.result import Report, Result


class Observer:
    """Is told of attempts. A method that it does not need does nothing."""

    async def ended(self, attempt: Attempt, outcome: Outcome) -> None:
        """The attempt is over, and its message is not settled yet."""

    def settled(self, delivery: Delivery, result: Result | None, report: Report) -> None:
        """The outcome is true on SQS, or could not be made true: `report.settled`.

        result -- None where nothing was started.
        """
