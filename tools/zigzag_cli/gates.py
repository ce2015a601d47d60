"""`zigzag pause`, `resume`, `limit` and `limits`: they read and write a queue's gate."""

from __future__ import annotations

import re
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from time import sleep, time
from typing import Any

from consumer.flow.gate import LOOK_AGAIN_SECONDS, why_closed
from shared.aws.boto import BotoTransport
from shared.aws.dynamodb_gates import DynamoDbGates
from shared.lease import KEPT_SECONDS
from shared.ports.gates import MAX_AT_ONCE, Gate, GatesError, Rate
from shared.ports.queue import MAX_POLL_SECONDS
from shared.queues import DEFAULT, TaskQueue
from zigzag.in_place import run_in_place
from zigzag_cli.failure import WRONG_OPTION, Failure
from zigzag_cli.status import status
from zigzag_cli.target import Stack, Target

QUEUES = (DEFAULT,)
"""The queues that a stack has."""

_SECONDS = {"s": 1.0, "min": 60.0, "h": 3600.0}
LEAST_EVERY, MOST_EVERY = 0.001, 30 * 24 * 3600.0
"""The least and the most seconds from one start to the next."""

LATE_SECONDS = 60
"""Seconds by which SQS's count may be old."""


class StackGates:
    """The gates of a stack. Raises Failure if it has none, or if the queue does not belong to it."""

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
        """Pauses the queue. Returns how many messages wait, and when SQS begins to drop them in epoch
        seconds, if known."""
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
        """Waits until the queue has no message in flight, by two counts of SQS in a row: one alone may be
        old.

        tell -- called with each count that is not 0.
        """
        sleep(LOOK_AGAIN_SECONDS + MAX_POLL_SECONDS)  # a poll under way may still bring messages
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
        """Ends the pause of the queue."""
        _done(self._gates.resume(self._queue))
        return {"queue": self._queue}

    def limit(self, rate: Rate | None = None, at_once: int | None = None) -> dict[str, Any]:
        """Sets the given limits and leaves the others; without any, removes all. Returns how many messages
        wait, and for how many seconds; None without a rate.

        Raises Failure for a FIFO queue, whose messages are received in groups.
        """
        if self._as_it_is.fifo:
            raise Failure(
                "a FIFO queue takes no limit: one task at a time of each group runs anyway", WRONG_OPTION
            )
        none = rate is None and at_once is None
        if rate is not None or none:
            _done(self._gates.limit(self._queue, rate))
        if at_once is not None or none:
            _done(self._gates.cap(self._queue, at_once))
        try:
            waiting = status(self._target)["waiting"]
        except Failure as failure:
            raise Failure(f"{self._queue} has this limit; but {failure}") from failure
        takes = _takes_seconds(waiting, rate)
        return {
            "queue": self._queue,
            "rate": _told(rate),
            "at_once": at_once,
            "waiting": waiting,
            "takes_seconds": takes,
        }

    def why_closed(self) -> str | None:
        """Returns why the consumer receives nothing from the queue, or None."""
        try:
            return why_closed(self._as_it_is, self._read()[self._queue], time())
        except Failure as failure:
            return str(failure)

    def limits(self) -> dict[str, Any]:
        """Returns for each queue: why it is closed, or None; since when it is paused; its rate and next slot;
        how many may run at once, and how many have a permit; how many messages wait, and how long they take
        at the rate."""
        now, seen = time(), self._read()
        counts = status(self._target)
        return {
            queue: {
                "closed": why_closed(self._as_it_is, gate, now),
                "paused_since": gate.since,
                "rate": _told(gate.rate),
                "next_slot": gate.next or None,
                "at_once": gate.at_once,
                "held": sum(until >= now for until in gate.held.values()),
                "waiting": counts["waiting"],
                "takes_seconds": _takes_seconds(counts["waiting"], gate.rate),
            }
            for queue, gate in seen.items()
        }

    def _read(self) -> dict[str, Gate]:
        return _done(self._gates.read(QUEUES))


def is_controlled(stack: Stack) -> bool:
    """Returns whether the stack has gates."""
    return stack.parameters.get("FlowControl") == "true"


def _done[R](call: Coroutine[Any, Any, R]) -> R:
    try:
        return run_in_place(call)
    except GatesError as error:
        raise Failure(f"the table of records refused: {error}") from error


def rate_of(text: str | None, burst: int | None) -> Rate | None:
    """Returns the rate of a text like 5/s, 30/min or 100/h. Raises Failure for any other text."""
    if text is None:
        if burst is not None:
            raise Failure("--burst needs a --rate: give both", WRONG_OPTION)
        return None
    found = re.fullmatch(r"(\d+(?:\.\d+)?)/(s|min|h)", text)
    every = _SECONDS[found[2]] / float(found[1]) if found and float(found[1]) else 0.0
    if not LEAST_EVERY <= every <= MOST_EVERY:
        raise Failure(
            f"the rate {text!r} may be like 5/s, 30/min or 100/h, at most 1000/s and at least 1 in 30 days",
            WRONG_OPTION,
        )
    return Rate(every, 1 if burst is None else burst)


def at_once_of(most: int | None) -> int | None:
    """Returns the cap if it is allowed. Raises Failure if not."""
    if most is not None and not 1 <= most <= MAX_AT_ONCE:
        raise Failure(
            f"--at-once may be 1 to {MAX_AT_ONCE}, not {most}: more is the parameter WorkerConcurrency, and "
            "none at all is `zigzag pause`",
            WRONG_OPTION,
        )
    return most


def limit_words(limited: dict[str, Any]) -> str:
    """Returns the words that tell a person about new limits."""
    rate, at_once, waiting = limited["rate"], limited["at_once"], limited["waiting"]
    if rate is None and at_once is None:
        return f"{limited['queue']} has no limit any more"
    many = "one task runs" if at_once == 1 else f"{at_once} tasks run"
    cap = "" if at_once is None else f"In {limited['queue']} {many} at a time, at most. "
    return cap + (f"{waiting:,} wait." if rate is None else _rate_words(limited))


def _rate_words(limited: dict[str, Any]) -> str:
    rate, waiting = limited["rate"], limited["waiting"]
    one = "a task" if rate["burst"] == 1 else f"{rate['burst']} tasks"
    every = f"each {rate['every_seconds']:g} s, and {one} at once after a rest"
    words = f"In {limited['queue']} a task starts {every}."
    takes = timedelta(seconds=round(limited["takes_seconds"]))
    days = KEPT_SECONDS // (24 * 3600)
    if takes.total_seconds() > KEPT_SECONDS:
        return f"{words} {waiting:,} wait, which takes {takes}: SQS drops what is older than {days} days."
    return f"{words} {waiting:,} wait, which takes {takes} (hours:minutes:seconds)."


def _takes_seconds(waiting: int, rate: Rate | None) -> float | None:
    return None if rate is None else max(0, waiting - rate.burst) * rate.every


def _told(rate: Rate | None) -> dict[str, Any] | None:
    return None if rate is None else {"every_seconds": rate.every, "burst": rate.burst}


def paused_words(paused: dict[str, Any]) -> str:
    """Returns the words that tell a person about a pause."""
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
    """Returns a time as people write it."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC"
