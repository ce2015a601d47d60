"""The seam for whatever is to know of deliveries: an observer is told of each, and decides nothing."""

from __future__ import annotations

from typing import Protocol

from shared.delivery import Delivery
from worker.result import Report, Result


class Observer(Protocol):
    """Is told of deliveries."""

    def settled(self, delivery: Delivery, result: Result | None, report: Report) -> None:
        """The outcome is true on SQS, or could not be made true: `report.settled`.

        result -- None where nothing was started.
        """
