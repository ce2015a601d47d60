"""Makes the message of a peer's producer: a task that does nothing, in the peer's own envelope."""

from __future__ import annotations

import base64
import json

QUEUE = "tasks"
TASK = "nothing"
_ID = "4f7a7a1c-6f0e-4c3c-9d53-9a0c6f1e5b11"


def for_celery() -> str:
    """Returns a message by version 2 of Celery's protocol, as kombu sends it
    (https://docs.celeryq.dev/en/stable/internals/protocol.html).
    """
    body = [[], {"name": "world"}, {"callbacks": None, "errbacks": None, "chain": None, "chord": None}]
    return _base64(
        {
            "body": _base64(body),
            "content-encoding": "utf-8",
            "content-type": "application/json",
            "headers": {"lang": "py", "task": TASK, "id": _ID, "root_id": _ID, "ignore_result": True},
            "properties": {
                "correlation_id": _ID,
                "delivery_mode": 2,
                "delivery_info": {"exchange": "", "routing_key": QUEUE},
                "priority": 0,
                "body_encoding": "base64",
                "delivery_tag": _ID,
            },
        }
    )


def for_dramatiq() -> str:
    """Returns a message as dramatiq's JSONEncoder writes it
    (https://dramatiq.io/reference.html#dramatiq.Message)."""
    return _base64(
        {
            "queue_name": QUEUE,
            "actor_name": TASK,
            "args": [],
            "kwargs": {"name": "world"},
            "options": {},
            "message_id": _ID,
            "message_timestamp": 1_700_000_000_000,
        }
    )


def _base64(value: object) -> str:
    return base64.b64encode(json.dumps(value).encode()).decode()
