"""The trigger by a direct call: a caller invokes the worker with a task, and gets what the task returns.

The event is as a message's body: `{"task": "hello", "payload": {…}}`, perhaps with an `id`. No queue has it.
So the task runs at most once: nothing is recorded, and nobody tries it again.
A task that fails raises here. Then Lambda itself says that the call failed, and Step Functions, destinations
and alarms know it without reading an answer
(https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html, `FunctionError`).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from shared.delivery import Batch, Delivery
from worker.result import Report, Result
from worker.returned import ResultError, json_of

MAX_RESULT_BYTES = 6_000_000
"""Most bytes of a result. Lambda takes answers of "6 MB", which is read as the smaller number here
(https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html)."""


class TaskFailedError(Exception):
    """The called task did not succeed. The text is the reason."""


class Call:
    """One direct call, as an observer of its only delivery.

    request -- Lambda's id of the invocation. The task has it as its id if the caller gave none.
    """

    def __init__(self, event: dict[str, Any], request: str) -> None:
        self.batch = Batch((Delivery({"MessageId": request, "Body": json.dumps(event)}),))
        self._returned: Any = None

    def settled(self, delivery: Delivery, result: Result | None, report: Report) -> None:
        if result is not None:
            self._returned = result.start.attempt.returned

    def answer(self, reports: Sequence[Report]) -> dict[str, Any]:
        """Returns the function's answer. Raises TaskFailedError or ResultError."""
        (report,) = reports
        if report.outcome not in ("succeeded", "already done"):  # by its own database: nothing is recorded
            raise TaskFailedError(report.reason or report.outcome)
        return {"outcome": report.outcome, "result": self._result(report.task)}

    def _result(self, task: str | None) -> Any:
        """Returns what the task returned, as JSON has it. Raises ResultError."""
        try:
            return json_of(self._returned, MAX_RESULT_BYTES, "an answer")
        except ResultError as error:
            said = f"{task} has succeeded, but what it returned can't be told"
            raise ResultError(f"{said}: {error}") from None
