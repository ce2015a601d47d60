"""The context: the facts that a running task can read about itself."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from zigzag.values import Value

_LOG = logging.getLogger("zigzag.task")


def _unlimited() -> float:
    return float("inf")


def _completion_of_a_test(*_: Any) -> dict[str, Any]:
    return {
        "Update": {
            "TableName": "zigzag-records",
            "Key": {"key": {"S": "run#test#test"}},
            "UpdateExpression": "SET done = :yes",
            "ExpressionAttributeValues": {":yes": {"BOOL": True}},
        }
    }


class Failed(Value):
    """Says which task failed, to the task that repairs it.

    task, id -- its name and its id.
    reason   -- why it has failed, as in its dead letter.
    attempts -- how often it was tried.
    before   -- the names of the tasks that failed before it, if it was to repair another one.
    """

    __match_args__ = ("task", "id", "reason", "attempts", "before")

    def __init__(
        self, task: str, id: str = "test", reason: str = "", attempts: int = 1, before: tuple[str, ...] = ()
    ) -> None:
        self.task: Final = task
        self.id: Final = id
        self.reason: Final = reason
        self.attempts: Final = attempts
        self.before: Final = before


class Context(Value):
    """Describes one attempt to its task. In a test, make one: `Context()`.

    id           -- the task's id: the producer's, else the first MessageId. It is the same in every attempt,
                    so it can be the key of an effect that must happen only once.
    task         -- the task's name.
    attempt      -- the attempt's number, from 1.
    sent_at      -- when SQS took the message.
    attributes   -- the message's attributes: text for String and Number, bytes for Binary.
    log          -- a logger whose lines carry id, task and attempt.
    seconds_left -- a function that returns the seconds until the attempt is interrupted, which happens before
                    Lambda ends it.
    failed       -- the task that has failed, if this one is its `on_failure`; else None.
    complete     -- a function that returns `completion`, or of a result, `completion_with` it.
    """

    __match_args__ = (
        "id",
        "task",
        "attempt",
        "sent_at",
        "attributes",
        "log",
        "seconds_left",
        "failed",
        "complete",
    )

    def __init__(
        self,
        id: str = "test",
        task: str = "test",
        attempt: int = 1,
        sent_at: datetime | None = None,
        attributes: Mapping[str, str | bytes] | None = None,
        log: logging.Logger | logging.LoggerAdapter[logging.Logger] = _LOG,
        seconds_left: Callable[[], float] = _unlimited,
        failed: Failed | None = None,
        complete: Callable[..., dict[str, Any]] = _completion_of_a_test,
    ) -> None:
        self.id: Final = id
        self.task: Final = task
        self.attempt: Final = attempt
        self.sent_at: Final = sent_at
        self.attributes: Final[Mapping[str, str | bytes]] = {} if attributes is None else attributes
        self.log: Final = log
        self.seconds_left: Final = seconds_left
        self.failed: Final = failed
        self.complete: Final = complete

    @property
    def completion(self) -> Any:
        """The completion of an idempotent task, as an item for a transaction of the task's own: if DynamoDB
        accepts the transaction, the task is done, whatever becomes of its process.

            client.transact_write_items(TransactItems=[…, context.completion])

        It is an `{"Update": {…}}` in the form of `boto3.client("dynamodb")`; a client of `boto3.resource` has
        another form. It goes into one transaction, the last thing that the task does: a second one is
        refused, and so is one of a worker that no longer owns the run. Then nothing of it is written, and
        boto3 raises TransactionCanceledException
        (https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html).

        Raises ZigzagError if the task is not idempotent, or was called directly. A test's own `Context()` has
        an item for a table `zigzag-records`.
        """
        return self.complete()

    def completion_with(self, result: Any) -> Any:
        """As `completion`, for a task that names the next one, or whose message may ask for a reply:

            following = ship.then({…})
            client.transact_write_items(TransactItems=[…, context.completion_with(following)])
            return following

        The transaction then records what follows as well, so that no kill loses it.

        result -- what the task is about to return.
        """
        return self.complete(result)

    def __hash__(self) -> int:
        return hash((self.id, self.task, self.attempt))  # `attributes` may be a dict, which can't be hashed
