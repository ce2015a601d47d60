"""Lambda's own pollers in memory: they receive, invoke the worker, and delete what it has not named.

This is the sandbox's `trigger="events"`. It does what AWS documents: five batches at a time at first, up to
300 more a minute while all are in use, 1,000 at most
(https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html). A batch that no worker takes is
tried again until the queue's visibility timeout is over
(https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html).
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from shared.delivery import BadEventError, Delivery
from shared.ports.queue import MAX_POLL_SECONDS, Queue, QueueError
from worker.triggers.records import refuse
from worker.triggers.trigger import Triggered, triggered
from zigzag_testing.faults import Crash, Faults
from zigzag_testing.faulty_ports import FaultyQueue
from zigzag_testing.memory_lambda import MemoryLambda, ThrottledError
from zigzag_testing.memory_queue import MemoryQueue
from zigzag_testing.stack import StackQueues
from zigzag_testing.virtual_time import VirtualClock

BY_SCHEDULE, BY_EVENTS = "schedule", "events"
"""The values of the parameter Trigger."""

VISIBILITY_SECONDS = 900
"""The queues' visibility timeout, as in the template."""

FIRST_BATCHES, MAX_BATCHES = 5, 1000
MORE_A_SECOND = 5
THROTTLED_SECONDS = (1.0, 20.0)
"""Bounds of the wait until a batch that no worker took is tried again. Not documented."""

LATEST_SECONDS = 180.0
"""Most seconds by which a fault delays an invoke."""


class EventSource:
    """The event source mapping of one queue. Polls while `enabled`.

    most -- batches at a time, as MaximumConcurrency; None is 1,000.
    """

    def __init__(
        self,
        queue: MemoryQueue,
        functions: MemoryLambda,
        clock: VirtualClock,
        faults: Faults,
        batch_size: int,
        most: int | None,
    ) -> None:
        self.enabled = False
        self._arn = queue.arn
        self._queue: Queue = FaultyQueue(queue, faults, clock, again=False)
        self._functions = functions
        self._clock = clock
        self._faults = faults
        self._batch_size = batch_size
        self._most = MAX_BATCHES if most is None else most
        self._room = min(FIRST_BATCHES, self._most)
        self._batches: set[asyncio.Task[None]] = set()
        self._polling: asyncio.Task[None] | None = None

    def enable(self, enabled: bool) -> None:
        """Begins to poll, or ends it after the poll under way."""
        self.enabled = enabled
        if enabled and (self._polling is None or self._polling.done()):
            self._polling = asyncio.create_task(self._poll())

    async def finish(self) -> None:
        """Waits until every batch is answered."""
        while self._batches:
            await asyncio.wait(self._batches)

    async def _poll(self) -> None:
        while self.enabled:
            if len(self._batches) >= self._room:  # all are in use: there are more a second later
                self._room = min(self._room + MORE_A_SECOND, self._most)
                await self._clock.sleep(1)
                continue
            deliveries = await self._received()
            if deliveries:
                batch = asyncio.create_task(self._work(deliveries))
                self._batches.add(batch)
                batch.add_done_callback(self._batches.discard)
            elif not self._batches:
                self._room = min(FIRST_BATCHES, self._most)

    async def _received(self) -> list[Delivery]:
        try:
            return await self._queue.receive(self._batch_size, MAX_POLL_SECONDS, VISIBILITY_SECONDS)
        except (QueueError, Crash):  # its answer was lost, or the poller was: the messages come again
            await self._clock.sleep(1)
            return []

    async def _work(self, deliveries: Sequence[Delivery]) -> None:
        """Invokes the worker, and deletes the messages that its answer does not name."""
        until = self._clock.now() + VISIBILITY_SECONDS
        if self._faults.strike("event dropped"):
            return
        await self._clock.sleep(self._faults.delay("event late", LATEST_SECONDS))
        event = json.dumps({"Records": [record_of(delivery, self._arn) for delivery in deliveries]}).encode()
        if self._faults.strike("event doubled"):
            self._faults.doubled.update(delivery.message_id for delivery in deliveries)
            await asyncio.gather(self._invoked(event, until), self._invoked(event, until))
            return
        answer = await self._invoked(event, until)
        if answer is None or self._faults.strike("invoke's answer lost"):
            return
        named = {one["itemIdentifier"] for one in answer["batchItemFailures"]}
        if gone := [delivery for delivery in deliveries if delivery.message_id not in named]:
            try:
                await self._queue.delete(gone)
            except (QueueError, Crash):
                return

    async def _invoked(self, event: bytes, until: float) -> Any:
        """Returns its answer, or None if it failed or none was free until the messages are visible."""
        while self._clock.now() < until:
            try:
                return await self._functions.invoke(event)
            except ThrottledError:
                await self._clock.sleep(self._faults.between(*THROTTLED_SECONDS))
        return None


class EventSources:
    """Those of a stack, and what the worker makes of their events.

    functions_of -- the workers of queues that have one of their own, by the queue's name.
    """

    def __init__(
        self,
        stack: StackQueues,
        functions: MemoryLambda,
        functions_of: Mapping[str, MemoryLambda],
        clock: VirtualClock,
        faults: Faults,
        most: int | None,
    ) -> None:
        of_each = clock, faults, stack.batch_size, most
        self._all = [
            EventSource(queue, functions_of.get(name, functions), *of_each)
            for name, queue in stack.by_name.items()
        ]
        self._urls = [queue.url for queue in stack.by_name.values()]

    def enable(self, trigger: str) -> None:
        """Lets all poll, or none, as the parameter Trigger says."""
        for one in self._all:
            one.enable(trigger == BY_EVENTS)

    async def finish(self) -> None:
        for one in self._all:
            await one.finish()

    def triggered(self, event: Any) -> Triggered:
        """Returns the event as the worker reads it. Raises BadEventError."""
        return triggered(event, self._urls, flow_control=False, weights=())


def checked(trigger: str, flow_control: bool, weights: Iterable[int], workers: Collection[str]) -> str:
    """Returns the trigger. Raises ValueError for what the template would refuse, or can't do.

    workers -- the queues that have a worker of their own.
    """
    if trigger not in (BY_SCHEDULE, BY_EVENTS):
        raise ValueError(f"trigger is {trigger!r}; it may be {BY_SCHEDULE!r} or {BY_EVENTS!r}")
    if trigger == BY_EVENTS:
        try:
            refuse(flow_control, weights)
        except BadEventError as error:
            raise ValueError(str(error)) from None
        if workers:
            raise ValueError("an event source knows one worker: take queue_workers out, or trigger=schedule")
    return trigger


def record_of(delivery: Delivery, arn: str) -> dict[str, Any]:
    """Returns the delivery as Lambda's poller tells it to a function."""
    return {
        "messageId": delivery.message_id,
        "receiptHandle": delivery.receipt_handle,
        "body": delivery.body,
        "attributes": dict(delivery.message["Attributes"]),
        "messageAttributes": {name: _attribute(value) for name, value in delivery.attributes.items()},
        "eventSource": "aws:sqs",
        "eventSourceARN": arn,
    }


def _attribute(attribute: Mapping[str, Any]) -> dict[str, Any]:
    told = {"dataType": attribute["DataType"], "stringListValues": [], "binaryListValues": []}
    if "BinaryValue" in attribute:
        return {**told, "binaryValue": base64.b64encode(attribute["BinaryValue"]).decode()}
    return {**told, "stringValue": attribute["StringValue"]}
