"""The queues of a deployed stack, by name."""

from __future__ import annotations

from shared.queues import DEFAULT, TaskQueue, more_queues
from zigzag_operate.errors import Kind, OperateError
from zigzag_operate.target import Stack


def queues_of(stack: Stack) -> dict[str, TaskQueue]:
    """Returns the queues of the stack. One of an older version has only the first.

    Raises OperateError if the output can't be understood.
    """
    outputs, weight = stack.outputs, int(stack.parameters.get("DefaultWeight", "1"))
    to = outputs["DeadLetterQueueUrl"]
    first = TaskQueue(DEFAULT, outputs["QueueUrl"], to, weight=weight)
    try:
        more = more_queues(outputs.get("Queues", ""))
    except ValueError as error:
        raise OperateError(f"the output Queues is {outputs['Queues']!r}, which names no queues") from error
    return {DEFAULT: first, **{one.name: TaskQueue(one.name, one.url, to, weight=one.weight) for one in more}}


def named(stack: Stack, queue: str) -> TaskQueue:
    """Returns the queue of that name. Raises OperateError, which names those that the stack has."""
    queues = queues_of(stack)
    if queue not in queues:
        raise OperateError(f"no queue is called {queue!r}; there is: {', '.join(queues)}", Kind.WRONG)
    return queues[queue]
