"""Bodies of foreign senders, and the tasks that lines of EVENTS make of them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

import pytest
from tests.support import NOW, a_delivery
from tests.unit.worker.test_foreign_senders import EVENTS, ROWS

import tasks
from shared.lease import Lease
from worker.decode import Message, decode


def written() -> Iterator[tuple[str, Any]]:
    for what, (body, becomes) in ROWS.items():
        if isinstance(becomes, Message):
            with suppress(UnicodeEncodeError):  # half a character: no file can hold what it becomes
                json.dumps(becomes.payload, ensure_ascii=False).encode()
                yield what, {"body": body, "EVENTS": EVENTS}


def read(form: Mapping[str, Any]) -> Any:
    """Returns the task, its payload and its id."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tasks, "EVENTS", form["EVENTS"], raising=False)
        message = decode(a_delivery(form["body"], lease=Lease.taken(NOW)))
    return {"task": message.task, "payload": message.payload, "id": message.id}
