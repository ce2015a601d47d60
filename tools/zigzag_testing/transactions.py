"""DynamoDB's transactions in a test: a client that keeps the condition of a `context.completion`.

    client = Transactions(sandbox)
    monkeypatch.setattr("tasks.book.dynamodb", lambda: client)

The sandbox's records are in memory, so no other client can judge a completion.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from zigzag_testing.memory_records import TABLE, MemoryRecords

if TYPE_CHECKING:
    from botocore.exceptions import ClientError

    from zigzag_testing import Sandbox

type Item = Mapping[str, Any]

MAX_ITEMS = 100
"""Of a transaction
(https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html)."""

REFUSED = "ConditionalCheckFailed"


class Transactions:
    """Stands in for `boto3.client("dynamodb")` in the tasks of a sandbox, and has the sandbox's faults.

    client  -- gets all items but completions, and every other call. moto's client judges expressions as
               DynamoDB does. Without a client, each item is accepted.
    written -- the items of all transactions that were accepted, without their completions.
    """

    def __init__(self, sandbox: Sandbox, client: Any = None) -> None:
        self._records: MemoryRecords = sandbox.records
        self._faults = sandbox.faults
        self._client = client
        self.written: list[Item] = []

    def transact_write_items(self, *, TransactItems: Sequence[Item], **more: Any) -> Any:  # noqa: N803
        """Writes all items, or none. Raises botocore's ClientError, and what the other client raises."""
        self._faults.before()
        if self._faults.strike("call failed"):
            raise _error("InternalServerError", "a fault")
        answer = self._transact(TransactItems, more)
        if all(self._faults.lose()):  # boto3 sends a lost call again, with the same token
            raise _error("InternalServerError", "no answer")
        self._faults.after()
        return answer

    def __getattr__(self, name: str) -> Any:
        if self._client is None:
            raise AttributeError(f"for {name}, give it a client: Transactions(sandbox, client)")
        return getattr(self._client, name)

    def _transact(self, items: Sequence[Item], more: Mapping[str, Any]) -> Any:
        completions = [item["Update"] for item in items if _is_completion(item)]
        others = [item for item in items if not _is_completion(item)]
        if not 1 <= len(items) <= MAX_ITEMS or len(completions) > 1:
            raise _error("ValidationException", f"1 to {MAX_ITEMS} items, and only one of them a completion")
        if not all(map(self._is_owned, completions)):
            raise _refused([REFUSED if _is_completion(item) else "None" for item in items])
        asked = self._client is not None and others
        answer = self._client.transact_write_items(TransactItems=others, **more) if asked else {}
        for completion in completions:
            if (record := self._records.records.get(_key(completion))) is not None:
                record.done = True
                record.unsent = completion["ExpressionAttributeValues"].get(":unsent", {"S": ""})["S"]
        self.written += others
        return answer

    def _is_owned(self, completion: Item) -> bool:
        """Returns whether its condition holds. That of a `Context()` has none."""
        record = self._records.records.get(_key(completion))
        owner = completion["ExpressionAttributeValues"].get(":owner")
        return owner is None or (record is not None and {"S": record.owner} == owner and not record.done)


def _is_completion(item: Item) -> bool:
    return "Update" in item and item["Update"]["TableName"] == TABLE


def _key(completion: Item) -> str:
    key: str = completion["Key"]["key"]["S"]
    return key


def _refused(reasons: Sequence[str]) -> ClientError:
    said = "Transaction cancelled, please refer cancellation reasons for specific reasons"
    said = f"{said} [{', '.join(reasons)}]"
    return _error(
        "TransactionCanceledException", said, CancellationReasons=[{"Code": reason} for reason in reasons]
    )


def _error(code: str, message: str, **more: Any) -> ClientError:
    from botocore.exceptions import ClientError  # only a call that fails needs it

    answer: Any = {"Error": {"Code": code, "Message": message}} | more
    return ClientError(answer, "TransactWriteItems")
