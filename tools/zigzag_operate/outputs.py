"""A stack's outputs as variables of a shell, in the spelling of the pages: QueueUrl is QUEUE_URL."""

from __future__ import annotations

import re

from shared.queues import DEFAULT
from zigzag_operate.queues import queues_of
from zigzag_operate.target import PROJECT, Stack

_PRODUCERS = {
    "QueueUrl": "ZIGZAG_QUEUE_URL",
    "Queues": "ZIGZAG_QUEUES",
    "LargeBucketName": "ZIGZAG_LARGE_BUCKET",
    "Scheduler": "ZIGZAG_SCHEDULER",
    "TopicArn": "ZIGZAG_TOPIC_ARN",
}
"""The variables of a producer in Python, by the outputs that are their values."""

_THE_SHELLS = {"HOME", "PATH"}
"""Names that an output of a user's own must not replace."""


def variables(stack: Stack) -> dict[str, str]:
    """Returns the variables for commands and scripts, by name: each output, the URL of a further queue
    `urgent` as URGENT_QUEUE_URL, those of producers, and the PYTHONPATH of scripts.

    Raises OperateError if the queues can't be understood.
    """
    found = {_shouted(name): value for name, value in stack.outputs.items()}
    further = {name: queue.url for name, queue in queues_of(stack).items() if name != DEFAULT}
    found |= {f"{name.upper()}_QUEUE_URL": url for name, url in further.items()}
    found |= {variable: stack.outputs.get(name, "") for name, variable in _PRODUCERS.items()}
    found["PYTHONPATH"] = f"{PROJECT / 'src'}:{PROJECT / 'tools'}"
    return {name: value for name, value in found.items() if name not in _THE_SHELLS}


def _shouted(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).upper()
