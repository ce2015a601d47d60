"""Who operates: a note of who paused, limited or redrove, and when. It is told, and decides nothing.

A queue's note is an item beside its gate, for an attribute of the gate that a consumer does not know would
close the queue.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from shared.aws.dynamodb_records import KEY
from shared.ports.gates import Gate
from shared.ports.records import record_key
from zigzag_operate.errors import OperateError
from zigzag_operate.target import Target

PAUSED, RESUMED, LIMITED = "paused", "resumed", "limited"
"""The attributes of a queue's note."""

MAX_BY_CHARACTERS = 256
_LATEST = 1e11
_SAME_SECONDS = 1.0
"""DynamoDB and a float may write one time in two ways."""

_PATIENCE = Config(connect_timeout=2, read_timeout=3, retries={"total_max_attempts": 1})


@dataclass(frozen=True, slots=True)
class Note:
    """Who did something, and when, in epoch seconds."""

    who: str
    at: float


def caller(target: Target) -> str:
    """Returns the ARN of who calls AWS, which needs no permission; where STS can't be asked, the name of this
    machine's user."""
    try:
        found = str(target.client("sts", _PATIENCE).get_caller_identity()["Arn"])
    except (OperateError, BotoCoreError, ClientError):
        found = os.environ.get("USER") or "unknown"
    return _plain(found)


def short(who: str) -> str:
    """Returns what an ARN names, such as user/ann."""
    return who.split(":", 5)[-1]


def note(target: Target, table: str, queue: str, what: str, at: float) -> None:
    """Writes who did this with a queue. It is done without the note as well, so a failure is not told."""
    said = {"M": {"who": {"S": caller(target)}, "at": {"N": str(at)}}}
    set_to = "if_not_exists(#what, :said)" if what == PAUSED else ":said"  # who came later paused nothing
    removed = " REMOVE #paused" if what == RESUMED else ""
    try:
        target.client("dynamodb").update_item(
            TableName=table,
            Key=_key(queue),
            UpdateExpression=f"SET #what = {set_to}{removed}",
            ExpressionAttributeNames={"#what": what} | ({"#paused": PAUSED} if removed else {}),
            ExpressionAttributeValues={":said": said},
        )
    except (OperateError, BotoCoreError, ClientError):
        return


def notes(dynamodb: Any, table: str, queues: Iterable[str]) -> dict[str, dict[str, Note]]:
    """Returns the notes of each queue, by what was done. Raises what boto3 raises."""
    names = {record_key("gate", queue, "by"): queue for queue in queues}
    asked = {table: {"Keys": [{KEY: {"S": key}} for key in names], "ConsistentRead": True}}
    items = dynamodb.batch_get_item(RequestItems=asked)["Responses"].get(table, [])
    return {names[item[KEY]["S"]]: _read(item) for item in items}


def notes_or_none(target: Target, table: str, queues: Iterable[str]) -> dict[str, dict[str, Note]]:
    """Returns the notes, or none if they can't be read."""
    try:
        return notes(target.client("dynamodb"), table, queues)
    except (OperateError, BotoCoreError, ClientError):
        return {}


def by_of(by: Mapping[str, Note], gate: Gate) -> dict[str, Note]:
    """Returns those of a queue's notes that are of its gate as it is: a person may have paused it by hand."""
    of_this = PAUSED in by and gate.since is not None and abs(by[PAUSED].at - gate.since) < _SAME_SECONDS
    return {what: said for what, said in by.items() if what != PAUSED or of_this}


def _key(queue: str) -> dict[str, Any]:
    return {KEY: {"S": record_key("gate", queue, "by")}}


def _read(item: Mapping[str, Any]) -> dict[str, Note]:
    found = {}
    for what in (PAUSED, RESUMED, LIMITED):
        try:
            said = item[what]["M"]
            one = Note(_plain(str(said["who"]["S"])), float(said["at"]["N"]))
        except (LookupError, TypeError, ValueError):
            continue
        if 0 < one.at < _LATEST:
            found[what] = one
    return found


def _plain(who: str) -> str:
    """Returns a name that no terminal obeys: who may change a gate may write any note."""
    return re.sub(r"[^!-~]", "?", who)[:MAX_BY_CHARACTERS]
