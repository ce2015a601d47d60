"""The keys of records by the messages that they are of: a later version has to find the record again."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from tests.project.corpus.letters import TOKEN
from tests.support import body_of, text

from shared.dead_letter import NOTE
from zigzag import Retry, task
from zigzag_testing import Sandbox


@task(idempotent=True)
def once(payload: dict[str, Any]) -> None: ...


@task(idempotent=lambda payload: f"{payload['shop']}/{payload['number']}")
def by_key(payload: dict[str, Any]) -> None: ...


@task(attempts=2)
def fails(payload: dict[str, Any]) -> None:
    raise Retry("no soup")


@task(attempts=2, start_within=3600)
def in_time(payload: dict[str, Any]) -> None: ...


TASKS = {one.name: one for one in (once, by_key, fails, in_time)}


def written() -> Iterator[tuple[str, Any]]:
    payload = {"shop": "a#1", "number": 7}
    yield "an idempotent task", {"body": body_of("once", payload)}
    yield "an idempotent task with an id", {"body": body_of("once", payload, id="order-1")}
    yield "a task by its key", {"body": body_of("by_key", payload, id="order-1")}
    yield "a task that fails", {"body": body_of("fails", payload)}
    yield "a task that may come too late", {"body": body_of("in_time", payload)}
    note = text(json.dumps({"id": "order-1", "message_id": "m-0", "token": TOKEN}))
    yield "a redriven task", {"body": body_of("once", payload), "attributes": {NOTE: note}}


def read(form: Mapping[str, Any]) -> Any:
    """Returns the keys of the records that its message leaves behind."""
    with Sandbox(TASKS) as sandbox:
        sandbox.send_message(form["body"], form.get("attributes"))
        sandbox.run(max_seconds=3600)
        return sorted(sandbox.records.records)
