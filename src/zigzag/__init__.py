"""Zigzag for those who write tasks and send them: everything that user code imports.

from zigzag import Context, Reject, Retry, task
"""

from zigzag.context import Context
from zigzag.errors import (
    BadPayloadError,
    PayloadTooLargeError,
    Reject,
    Retry,
    SendError,
    TaskDefinitionError,
    ZigzagError,
)
from zigzag.policy import Backoff
from zigzag.task import Task, task

__all__ = [
    "Backoff",
    "BadPayloadError",
    "Context",
    "PayloadTooLargeError",
    "Reject",
    "Retry",
    "SendError",
    "Task",
    "TaskDefinitionError",
    "ZigzagError",
    "task",
]
