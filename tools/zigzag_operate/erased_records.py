"""Deletes records of the table for `erase`: of messages, and of runs of idempotent tasks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from time import time
from typing import Any

from botocore.exceptions import ClientError

from shared.aws.dynamodb_records import KEY
from shared.ports.records import record_key
from tasks import TASKS
from worker.lookup import BrokenTaskError, NoSuchTaskError, find
from zigzag_operate.causes import is_gone
from zigzag_operate.held import Held

_IDLE = "attribute_exists(done) OR attribute_not_exists(#owner) OR #until < :now"


class ErasedRecords:
    """Deletes records of a table, or with `dry_run` finds them. Asks for each key once.

    busy -- keys of those that stay: a run that has an owner now would begin twice.
    """

    def __init__(self, dynamodb: Any, table: str, dry_run: bool) -> None:
        self._dynamodb = dynamodb
        self._table = table
        self._dry_run = dry_run
        self._keys: set[str] = set()
        self.busy: set[str] = set()

    def forget(self, keys: Iterable[str]) -> int:
        """Returns how many were there. Raises what boto3 raises."""
        new = [key for key in dict.fromkeys(keys) if key not in self._keys]
        self._keys.update(new)
        return sum(map(self._forget, new))

    def _forget(self, key: str) -> bool:
        place: dict[str, Any] = {"TableName": self._table, "Key": {KEY: {"S": key}}}
        if self._dry_run:
            return "Item" in self._dynamodb.get_item(**place)
        try:
            old = self._dynamodb.delete_item(
                **place,
                ReturnValues="ALL_OLD",
                ConditionExpression=_IDLE,
                ExpressionAttributeNames={"#owner": "owner", "#until": "until"},
                ExpressionAttributeValues={":now": {"N": str(time())}},
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise
            self.busy.add(key)
            return False
        return "Attributes" in old


def runs_of(held: Held, ids: frozenset[str]) -> list[str]:
    """Returns the keys of the records that an idempotent task may have of this payload."""
    keys = []
    for id in [held.id] if held.id else sorted(ids):
        if held.task is not None:
            keys.append(record_key("run", held.task, id))
            with suppress(BrokenTaskError, NoSuchTaskError):
                task = find(held.task, TASKS)
                if callable(task.policy.idempotent):
                    with suppress(Exception):  # of the key function, or of a payload that does not fit
                        keys.append(
                            record_key("run", held.task, task.policy.key(task.parse(held.payload), id))
                        )
    return keys


@contextmanager
def unless_gone() -> Iterator[None]:
    """Ends the block, and raises nothing, if something is no longer there."""
    try:
        yield
    except ClientError as error:
        if not is_gone(error):
            raise
