"""`zigzag pause`, `resume` and `limits`: what holds for a queue, said in its gate."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from time import sleep, time
from typing import Any

from consumer.flow.gate import LOOK_AGAIN_SECONDS, why_closed
from shared.aws.boto import BotoTransport
from shared.aws.dynamodb_gates import DynamoDbGates
from shared.lease import KEPT_SECONDS
from shared.ports.gates import Gate, GatesError
from shared.ports.queue import MAX_POLL_SECONDS
from shared.queues import DEFAULT, TaskQueue
from zigzag.in_place import run_in_place
from zigzag_cli.failure import WRONG_OPTION, Failure
from zigzag_cli.status import status
from zigzag_cli.target import Stack, Target

QUEUES = (DEFAULT,)
"""Those that a stack has."""

LATE_SECONDS = 60
"""How old SQS's count may be."""


class StackGates:
    """Those of a stack. Raises Failure if it has none, or the queue is not one of its own."""

    def __init__(self, target: Target, queue: str = DEFAULT) -> None:
        if queue not in QUEUES:
            raise Failure(f"no queue is called {queue!r}; there is: {', '.join(QUEUES)}", WRONG_OPTION)
        stack = target.stack_as_it_is()
        if not is_controlled(stack):
            raise Failure(
                f"the flow of the stack {target.stack!r} is not controlled: set its parameter FlowControl to "
                "true, as docs/configuration.md shows, and deploy it"
            )
        self._target = target
        self._queue = queue
        urls = stack.outputs["QueueUrl"], stack.outputs["DeadLetterQueueUrl"]
        self._as_it_is = TaskQueue(queue, *urls)
        transport = BotoTransport(attempts=4, clients={"dynamodb": target.client("dynamodb")})
        self._gates = DynamoDbGates(transport, stack.outputs["RecordsTableName"])

    def pause(self) -> dict[str, Any]:
        """Pauses the queue. What waits, and when SQS begins to drop it in epoch seconds, if that is known."""
        _done(self._gates.pause(self._queue, time()))
        try:
            counts = status(self._target)
        except Failure as failure:
            raise Failure(f"{self._queue} is paused; but {failure}") from failure
        oldest = counts["oldest_seconds"]
        return {
            "queue": self._queue,
            "waiting": counts["waiting"] + counts["in_flight"] + counts["delayed"],
            "drops_from": None if oldest is None else time() + KEPT_SECONDS - oldest,
        }

    def wait(self, tell: Callable[[int], object]) -> None:
        """Until nothing of the queue is in flight: by two counts of SQS in a row, so that none is too old.

        tell -- is told each count that is not 0.
        """
        sleep(LOOK_AGAIN_SECONDS + MAX_POLL_SECONDS)  # a poll under way may still bring something
        in_a_row = 0
        while True:
            in_flight = status(self._target)["in_flight"]
            in_a_row = 0 if in_flight else in_a_row + 1
            if in_a_row == 2:
                return
            if in_flight:
                tell(in_flight)
            sleep(LATE_SECONDS)

    def resume(self) -> dict[str, Any]:
        """Lets the queue go on."""
        _done(self._gates.resume(self._queue))
        return {"queue": self._queue}

    def why_closed(self) -> str | None:
        """Why nothing is received from the queue, as the consumer sees it, or None."""
        try:
            return why_closed(self._as_it_is, self._read()[self._queue], time())
        except Failure as failure:
            return str(failure)

    def limits(self) -> dict[str, Any]:
        """Of each queue: why it is closed, or None; since when it is paused; how many messages wait."""
        now, seen = time(), self._read()
        counts = status(self._target)
        return {
            queue: {
                "closed": why_closed(self._as_it_is, gate, now),
                "paused_since": gate.since,
                "waiting": counts["waiting"],
            }
            for queue, gate in seen.items()
        }

    def _read(self) -> dict[str, Gate]:
        return _done(self._gates.read(QUEUES))


def is_controlled(stack: Stack) -> bool:
    """Whether it has gates."""
    return stack.parameters.get("FlowControl") == "true"


def _done[R](call: Coroutine[Any, Any, R]) -> R:
    try:
        return run_in_place(call)
    except GatesError as error:
        raise Failure(f"the table of records said no: {error}") from error


def paused_words(paused: dict[str, Any]) -> str:
    """What a person has to know of a pause."""
    days = KEPT_SECONDS // (24 * 3600)
    if not paused["waiting"]:
        drops = f"Nothing waits; SQS drops what is sent from now on after {days} days."
    elif paused["drops_from"] is None:
        drops = f"SQS drops a message {days} days after it was sent; the oldest one's age is not known yet."
    else:
        drops = f"SQS begins to drop what waits on {at(paused['drops_from'])}, {days} days after it was sent."
    return (
        f"{paused['queue']} is paused. For {MAX_POLL_SECONDS} s at most, a poll under way may still bring "
        f"messages; what was received runs to its end. {drops}"
    )


def at(seconds: float) -> str:
    """A time as people write it."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC"
