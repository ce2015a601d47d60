"""Erases what a stack holds of a task's id, or of payloads with certain values, for a person's request.

It can be ended anywhere and called again: a message goes only after its records, and everything else is found
by what it holds itself.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Event
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from shared.dead_letter import note_of, original_attributes
from shared.delivery import Delivery
from shared.ports.records import record_key
from tasks import TASKS
from zigzag.extra.pointers import Pointer, pointer_or_none
from zigzag_operate.acting import Stop, deleted
from zigzag_operate.causes import cause
from zigzag_operate.counts import depths
from zigzag_operate.dead_letters import letter_queues
from zigzag_operate.erased_records import ErasedRecords, runs_of, unless_gone
from zigzag_operate.errors import Kind, OperateError
from zigzag_operate.held import Held, Whose, held_in, ids_of
from zigzag_operate.looking import Poll, act
from zigzag_operate.peek import NEAR_END
from zigzag_operate.queues import queues_of
from zigzag_operate.target import Target

WAITING, LETTERS, RECORDS = "waiting messages", "dead letters", "records"
LARGE, SCHEDULED = "large payloads", "scheduled messages"

NOT_SEEN = "not seen: in flight, delayed, or behind others of a FIFO group"
_CLOCK_SECONDS = 3
"""Of a count, until the first answer of a receive tells SQS's time, to the second."""

RUNS = "not deleted: a worker has it now"
UNREAD = "not read: no JSON object, or too deep, with the value in it: find it and drop it by hand"
_TOO_FEW = "of a queue that is not looked at: its maxReceiveCount is too small"


@dataclass(slots=True)
class Erased:
    """The things that were found, and are erased unless it was a dry run.

    found -- how many, by the store. A store that the stack has not is not there.
    left  -- how many may hold more, by the reason. The same call later finds them.
    logs  -- the log groups that are not touched, with the days for which each keeps a line.
    """

    dry_run: bool
    found: dict[str, int] = field(default_factory=dict)
    left: dict[str, int] = field(default_factory=dict)
    logs: dict[str, int | None] = field(default_factory=dict)
    stopped: bool = False


def erase(target: Target, whose: Whose, *, dry_run: bool = False, stop: Stop | None = None) -> Erased:
    """Erases what is meant: messages that wait, dead letters, records, large payloads, scheduled messages.

    stop -- once it is set, it ends after the call under way, and says so.

    A message that waits is received, as a consumer would, and if it is not meant, is given back at the end.
    Needs what redrive, drop, peek and cancel need, `dynamodb:DeleteItem`, `s3:ListBucket` and
    `s3:DeleteObject`. Raises OperateError.
    """
    if whose.id is None and not whose.where:
        raise OperateError("say whose data is meant: an id, or a value of the payload", Kind.WRONG)
    stack, stop = target.stack_as_it_is(), stop or Event()
    erasing = _Erasing(target, stack.outputs, whose, dry_run)
    waiting = [one.url for one in queues_of(stack).values()]
    try:
        erasing.schedules(stop)  # first: one that fires meanwhile becomes a message that is seen
        for store, urls in ((WAITING, erasing.lookable(waiting)), (LETTERS, letter_queues(target))):
            erasing.messages(store, urls, stop)
        for step in (erasing.records, erasing.objects):
            if not stop.is_set():
                step(stop)
    except (BotoCoreError, ClientError) as error:
        raise OperateError(f"not all was erased: {cause(error)}; the same command goes on") from error
    days = stack.parameters.get("LogRetentionDays", "")
    groups = (stack.outputs.get(f"{one}LogGroupName") for one in ("Worker", "Consumer"))
    erasing.said.logs = {one: int(days) if days.isdecimal() else None for one in groups if one}
    erasing.said.stopped = stop.is_set()
    return erasing.said


class _Erasing:
    def __init__(self, target: Target, outputs: Mapping[str, str], whose: Whose, dry_run: bool) -> None:
        self._target = target
        self._sqs = target.client("sqs")
        self._whose = whose
        self._group = next(iter(outputs.get("Scheduler", "").split()), None)
        self._bucket = outputs.get("LargeBucketName")
        table = outputs.get("RecordsTableName")
        self._records = ErasedRecords(target.client("dynamodb"), table, dry_run) if table else None
        self._tasks = {whose.task} if whose.task else set(TASKS)
        self._objects: set[str] = set()
        self._kept: set[str] = set()
        there = {SCHEDULED: self._group, RECORDS: table, LARGE: self._bucket}
        stores = (WAITING, LETTERS, *(store for store, name in there.items() if name))
        self.said = Erased(dry_run, dict.fromkeys(stores, 0))

    def lookable(self, urls: Sequence[str]) -> list[str]:
        """Returns the queues from which a look may receive without SQS moving a message for it."""
        found = []
        for url in urls:
            said = self._sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["RedrivePolicy"])
            most = json.loads(said.get("Attributes", {}).get("RedrivePolicy", "{}")).get("maxReceiveCount")
            if most is None or int(most) > NEAR_END:
                found.append(url)
            elif many := sum(depths(self._sqs, url).values()):
                self._leave(_TOO_FEW, many)
        return found

    def messages(self, store: str, urls: Sequence[str], stop: Stop) -> None:
        began, arrived = list[float](), 0

        def poll(one: Poll) -> tuple[set[str], bool]:
            nonlocal arrived
            began.append(one.at)
            new = [Delivery(message, one.url) for message in one.new]
            arrived += sum((each.sent_at or 0.0) > began[0] - _CLOCK_SECONDS for each in new)
            meant = [each.message for each in new if self._is_meant(each)]
            self._found(store, len(meant))
            return (set() if self.said.dry_run or not meant else self._delete(one.url, meant)), False

        counts = [depths(self._sqs, url) for url in urls]
        hidden = sum(one["in_flight"] + one["delayed"] for one in counts)
        look = act(self._sqs, urls, poll, stop.is_set)
        unseen = max(look.about - look.seen, min(hidden, look.about - look.seen + arrived))
        if unseen > 0:
            self._leave(NOT_SEEN, unseen)

    def schedules(self, stop: Stop) -> None:
        if self._group is None:
            return
        scheduler = self._target.client("scheduler")
        for page in scheduler.get_paginator("list_schedules").paginate(GroupName=self._group):
            for name in (one["Name"] for one in page["Schedules"] if not stop.is_set()):
                with unless_gone():
                    body = scheduler.get_schedule(GroupName=self._group, Name=name)["Target"].get("Input", "")
                    if any(map(self._whose.fits, self._held(body, {}))):
                        if not self.said.dry_run:
                            scheduler.delete_schedule(GroupName=self._group, Name=name)
                        self._found(SCHEDULED, 1)

    def records(self, stop: Stop) -> None:
        """Deletes the records of runs whose messages are gone. Only an id leads to them."""
        if self._whose.id is not None:
            self._forget([record_key("run", task, self._whose.id) for task in sorted(self._tasks)])

    def objects(self, stop: Stop) -> None:
        if self._bucket is None:
            return
        s3 = self._target.client("s3")
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=self._bucket):
            for key in (one["Key"] for one in page.get("Contents", []) if not stop.is_set()):
                if key in self._kept:
                    continue
                if key in self._objects or any(map(self._whose.fits, self._held(self._read(key), {}))):
                    self._delete_object(key)

    def _is_meant(self, delivery: Delivery) -> bool:
        """Returns whether it is to be deleted, and deletes what has to go before it."""
        note, ids = note_of(delivery), ids_of(delivery)
        task = original_attributes(delivery).get("task", {}).get("StringValue") or note.get("task")
        pointer = self._pointer(delivery.body, delivery.attributes)
        held = self._held(delivery.body, delivery.attributes, task)
        meant = [one for one in held if self._whose.fits(one, ids)]
        by_id = not held and self._whose.id in ids and not self._whose.where and self._whose.task is None
        if not meant and not by_id:
            return False
        self._tasks |= {one.task for one in meant if one.task}
        keys = [record_key("starts", id) for id in sorted(ids)]
        keys += [record_key("redrive", note[name]) for name in ("token", "from") if name in note]
        keys += [key for one in meant for key in runs_of(one, ids)]
        goes = self._forget(keys)
        if pointer is not None and goes:
            self._delete_pointed(pointer)
        elif pointer is not None:
            self._kept.add(pointer.key)
        return goes

    def _delete_pointed(self, pointer: Pointer) -> None:
        """Deletes the object before its message, unless it will be found by its content."""
        if not any(map(self._whose.fits, held_in(self._read(pointer.key)))):
            self._delete_object(pointer.key)

    def _held(self, body: str, attributes: Mapping[str, Any], task: str | None = None) -> list[Held]:
        """Returns what a body holds, or its object; notes if what is meant may be unread."""
        pointer = self._pointer(body, attributes)
        body = body if pointer is None else self._read(pointer.key)
        held = held_in(body, task)
        if not held and self._whose.where and self._whose.may_be_in(body):
            self._leave(UNREAD, 1)
        return held

    def _pointer(self, body: str, attributes: Mapping[str, Any]) -> Pointer | None:
        pointer = pointer_or_none(body, attributes)
        return pointer if pointer is not None and pointer.bucket == self._bucket else None

    def _read(self, key: str) -> str:
        with unless_gone():
            answer = self._target.client("s3").get_object(Bucket=self._bucket, Key=key)
            return str(answer["Body"].read().decode(errors="replace"))
        return ""

    def _delete_object(self, key: str) -> None:
        if key not in self._objects:
            self._found(LARGE, 1)
        self._objects.add(key)
        if not self.said.dry_run:
            self._target.client("s3").delete_object(Bucket=self._bucket, Key=key)

    def _delete(self, url: str, messages: Sequence[Mapping[str, Any]]) -> set[str]:
        """Returns the ids of those that are off the queue."""
        gone, codes = deleted(self._sqs, url, messages)
        for code in codes:
            self._leave(f"not deleted: {code}", 1)
        return gone

    def _forget(self, keys: Collection[str]) -> bool:
        """Returns whether all are gone."""
        if (records := self._records) is None:
            return True
        before = len(records.busy)
        self._found(RECORDS, records.forget(keys))
        if busy := len(records.busy) - before:
            self._leave(RUNS, busy)
        return records.busy.isdisjoint(keys)

    def _found(self, store: str, many: int) -> None:
        self.said.found[store] += many

    def _leave(self, reason: str, many: int) -> None:
        self.said.left[reason] = self.said.left.get(reason, 0) + many
