"""The starts and effects of a stack's tasks, by the items that they wrote; and a stack to act on."""

from __future__ import annotations

import json
import uuid
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from zigzag_operate import StackGates, Target
from zigzag_operate.counts import depths
from zigzag_verify.door import Door
from zigzag_verify.stacks import Made

THE_SERVICE = {"id": {"S": "the service"}, "run": {"S": "is back"}}


@dataclass
class Seen:
    """When each task started and had its effect, by its id, in epoch seconds of Lambda's clock.

    left -- how many messages the queue still has, by SQS's counts.
    """

    starts: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    effects: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    left: int = 0


class Stack:
    """A stack of a run, with its queue, its table of effects and its gate."""

    def __init__(self, door: Door, made: Made) -> None:
        self.made, self.door = made, door
        self.target = Target(made.name, cast(Any, door), {})  # it makes clients as a session does
        self.gates = StackGates(self.target)
        self._sqs, self._dynamodb = door.client("sqs"), door.client("dynamodb")
        self._table = made.outputs["EffectsTableName"]

    def send(self, task: str, payload: Mapping[str, Any], id: str, group: str | None = None) -> None:
        """Sends a task, on a FIFO queue in its group, or in one of its own."""
        self.send_body(json.dumps({"task": task, "payload": payload, "id": id}), group or id)

    def send_body(self, body: str, group: str) -> None:
        fifo = {"MessageGroupId": group, "MessageDeduplicationId": uuid.uuid4().hex}
        of_fifo = fifo if self.made.is_fifo else {}
        self._sqs.send_message(QueueUrl=self.made.outputs["QueueUrl"], MessageBody=body, **of_fifo)

    def mend(self) -> None:
        """Tells the tasks that the service is back."""
        self._dynamodb.put_item(TableName=self._table, Item=THE_SERVICE)

    def look(self) -> Seen:
        seen = Seen(left=sum(depths(self._sqs, self.made.outputs["QueueUrl"]).values()))
        pages = self._dynamodb.get_paginator("scan").paginate(TableName=self._table, ConsistentRead=True)
        for item in (item for page in pages for item in page.get("Items", ())):
            what = item["run"]["S"].partition("#")[0]
            if what in ("start", "effect"):
                times = seen.starts if what == "start" else seen.effects
                times[item["id"]["S"]].append(float(item["at"]["N"]))
        return seen
