"""Saved example messages: does the code of today take those of the last weeks?

A message waits for up to 14 days, and a dead letter for 14 more. So a model that changes meets messages of
the one before. The examples are made from the model's JSON Schema, and saved if the model takes them. Later
the worker's own parsing says which it refuses.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from tasks import TASKS
from worker.lookup import BrokenTaskError, NoSuchTaskError, find
from zigzag import BadPayloadError, Task
from zigzag_operate.errors import Kind, OperateError
from zigzag_operate.examples import Maker
from zigzag_operate.schema import schema

FILE = Path("messages.jsonl")

KEPT_DAYS = 28
"""Days for which a message of an older version may come: 14 on its queue, and 14 as a dead letter."""

MAX_EXAMPLES = 400
"""Most examples of one task."""

MAX_SAID = 10
"""Most changes of one task that are told in words."""


@dataclass(frozen=True, slots=True)
class Change:
    """A change for the saved messages of a task, in a sentence. It concerns `examples` of them.

    breaks -- whether they are refused. If not, something of theirs is ignored.
    """

    task: str
    says: str
    do: str
    examples: int
    breaks: bool = True


@dataclass(frozen=True, slots=True)
class _Example:
    """One line of the file. `until`: the last day on which a model took it that is not the newest."""

    task: str
    payload: Any
    ignored: tuple[str, ...] = ()
    until: date | None = None

    @property
    def key(self) -> tuple[str, str]:
        return self.task, json.dumps(self.payload, sort_keys=True)

    def line(self) -> str:
        more = {"ignored": list(self.ignored)} if self.ignored else {}
        until = {"until": self.until.isoformat()} if self.until else {}
        return json.dumps({"task": self.task, **until, **more, "payload": self.payload}, sort_keys=False)


def save(file: Path = FILE, today: date | None = None) -> dict[str, int]:
    """Writes examples of all tasks' messages, beside those of older models that may still come.

    Returns how many there are now, by task. Raises OperateError for a file that can't be read or written, and
    for a task that can't be loaded.
    """
    today = today or date.today()
    newest = {one.key: one for name in sorted(TASKS) for one in _examples(name)}
    older = [
        _Example(one.task, one.payload, one.ignored, one.until or today)
        for one in (_read(file) if file.exists() else ())
        if one.key not in newest
    ]
    kept = [*newest.values(), *(one for one in older if _may_come(one, today))]
    try:
        file.write_text("".join(f"{one.line()}\n" for one in sorted(kept, key=lambda one: one.key)), "utf-8")
    except OSError as error:
        raise OperateError(f"{file} can't be written: {error.strerror}") from error
    return dict(Counter(one.task for one in kept))


def check(file: Path = FILE, today: date | None = None) -> list[Change]:
    """Returns what has changed for the saved messages. Raises OperateError for a file that can't be read."""
    if not file.exists():
        raise OperateError(f"{file} is not there: ./zigzag schema --save writes it", Kind.WRONG)
    today = today or date.today()
    found = Counter(change for one in _read(file) if _may_come(one, today) for change in _changes(one))
    changes, told = list[Change](), Counter[str]()
    for (task, says, do, breaks), examples in sorted(
        found.items(), key=lambda item: (not item[0][3], item[0])
    ):
        told[task] += 1
        if told[task] <= MAX_SAID:
            changes.append(Change(task, says, do, examples, breaks))
    return changes


def _may_come(one: _Example, today: date) -> bool:
    return one.until is None or one.until >= today - timedelta(days=KEPT_DAYS)


def _changes(one: _Example) -> Iterator[tuple[str, str, str, bool]]:
    try:
        ignored = _ignored(find(one.task, TASKS), one.payload)
    except NoSuchTaskError:
        yield one.task, "no task is called so any more", f"keep it for {KEPT_DAYS} days", True
    except BrokenTaskError as error:
        yield one.task, str(error), "", True
    except BadPayloadError as error:
        says = str(error).removeprefix(f"the payload does not fit {one.task}: ")
        yield one.task, says, _advice(says), True
    else:
        for name in sorted({*ignored} - {*one.ignored}):
            yield (
                one.task,
                f"{name} is ignored now",
                "if it has another name now, take both: AliasChoices",
                False,
            )


def _advice(reason: str) -> str:
    if "Field required" in reason:
        return "give it a default; if it had another name, take both names: AliasChoices"
    if "Extra inputs" in reason:
        return "keep the field, or ignore what the model does not know: extra='ignore'"
    return "take the old form as well (a union, or a validator with mode='before'), or make a new task"


def _examples(name: str) -> Iterator[_Example]:
    """Yields examples of a task's messages that its model takes."""
    try:
        task, described = find(name, TASKS), schema(name)
    except BrokenTaskError as error:
        raise OperateError(str(error), Kind.BAD_PAYLOAD) from error
    made = Maker(described.get("$defs", {})).values(described["properties"]["payload"], most=MAX_EXAMPLES)
    for payload in made:
        try:
            yield _Example(name, payload, _ignored(task, payload))
        except BadPayloadError:
            continue  # the schema does not have all rules of the model


def _ignored(task: Task[Any, Any, Any], payload: Any) -> tuple[str, ...]:
    """Returns the payload's fields that the task's model does not have. Raises BadPayloadError."""
    taken = task.parse(payload)
    if not isinstance(taken, BaseModel):
        return ()
    return tuple(_lost(payload, taken.model_dump(by_alias=True, warnings=False), ""))


def _lost(sent: Any, taken: Any, path: str) -> Iterator[str]:
    if isinstance(sent, dict) and isinstance(taken, dict):
        for name, value in sent.items():
            if name in taken:
                yield from _lost(value, taken[name], f"{path}{name}.")
            else:
                yield f"{path}{name}"
    elif isinstance(sent, list) and isinstance(taken, list) and sent and taken:
        yield from _lost(sent[0], taken[0], path)


def _read(file: Path) -> Iterator[_Example]:
    try:
        lines = file.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise OperateError(f"{file} can't be read: {error}") from error
    for number, line in enumerate(lines, 1):
        try:
            of = json.loads(line)
            until = date.fromisoformat(of["until"]) if "until" in of else None
            yield _Example(of["task"], of["payload"], tuple(of.get("ignored", ())), until)
        except (ValueError, TypeError, KeyError) as error:
            raise OperateError(
                f"line {number} of {file} is not an example: ./zigzag schema --save"
            ) from error
