"""The names that user code imports to write tasks and to send them."""

from zigzag.context import Context, Failed
from zigzag.errors import (
    AlreadyScheduledError,
    BadPayloadError,
    PayloadTooLargeError,
    Reject,
    Retry,
    SendError,
    TaskDefinitionError,
    Unavailable,
    ZigzagError,
)
from zigzag.handle import Handle, remote
from zigzag.policy import Backoff
from zigzag.task import Task, task
from zigzag.values import Done, Next

__all__ = [
    "AlreadyScheduledError",
    "Backoff",
    "BadPayloadError",
    "Context",
    "Done",
    "Failed",
    "Handle",
    "Next",
    "PayloadTooLargeError",
    "Reject",
    "Retry",
    "SendError",
    "Task",
    "TaskDefinitionError",
    "Unavailable",
    "ZigzagError",
    "remote",
    "task",
]
