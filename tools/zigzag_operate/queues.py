"""The queues of a deployed stack, by name."""

from __future__ import annotations

from collections.abc import Mapping

from shared.queues import DEFAULT, TaskQueue, dead_letters_of, more_queues
from zigzag_operate.errors import Kind, OperateError
from zigzag_operate.target import Stack


def queues_of(stack: Stack) -> dict[str, TaskQueue]:
    """Returns the queues of the stack. One of an older version has only the first.

    Raises OperateError if the output can't be understood.
    """
    outputs, weight = stack.outputs, int(stack.parameters.get("DefaultWeight", "1"))
    letters = outputs["DeadLetterQueueUrl"], outputs.get("OtherDeadLetterQueueUrl", "")
    first = TaskQueue(DEFAULT, outputs["QueueUrl"], letters[0], weight=weight)
    try:
        more = more_queues(outputs.get("Queues", ""))
    except ValueError as error:
        raise OperateError(
            f"the stack's queues are wrong: {error}. Correct Queue2 to Queue5 in samconfig.toml, and deploy"
        ) from error
    others = (
        TaskQueue(one.name, one.url, dead_letters_of(one.url, *letters), weight=one.weight) for one in more
    )
    return {DEFAULT: first, **{one.name: one for one in others}}


def origins_of(stack: Stack) -> dict[str, TaskQueue]:
    """Returns the queues that letters may come from: also those of servers, whose URLs are further outputs of
    the stack, by the output's name."""
    queues = queues_of(stack)
    beside = queues[DEFAULT].url.rpartition("/")[0] + "/"
    known = {url for one in queues.values() for url in (one.url, one.dead_letter_url)}
    known.add(stack.outputs.get("OtherDeadLetterQueueUrl", ""))
    more = {name: url for name, url in stack.outputs.items() if url.startswith(beside) and url not in known}
    return queues | {name: TaskQueue(name, url, "") for name, url in more.items()}


def named(stack: Stack, queue: str) -> TaskQueue:
    """Returns the queue of that name. Raises OperateError, which names those that the stack has."""
    return one_of(queues_of(stack), queue)


def one_of(queues: Mapping[str, TaskQueue], name: str) -> TaskQueue:
    """Returns the queue of that name. Raises OperateError, which names these."""
    if name not in queues:
        raise OperateError(f"no queue is called {name!r}; there is: {', '.join(queues)}", Kind.WRONG)
    return queues[name]
