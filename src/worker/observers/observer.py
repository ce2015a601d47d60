"""The interface for observers: they are told of each delivery, and decide nothing."""

from __future__ import annotations

from typing import Protocol

from shared.delivery import Delivery
from worker.result import Report, Result


class Observer(Protocol):
    """Takes the end of each delivery."""

    def settled(self, delivery: Delivery, result: Result | None, report: Report) -> None:
        """Takes a delivery's end. `report.settled` says whether its outcome is carried out on SQS.

        result -- None if nothing was started.
        """
