"""A sandbox whose consumer and worker call AWS over the wire, with the adapters and the lean transport."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from random import Random
from types import TracebackType
from typing import Any

import pytest
from tests.promises.wire.aws import FUNCTION, Aws
from tests.promises.wire.judged_ports import Judge, JudgedGates, JudgedQueue, JudgedRecords, JudgedWorkers
from tests.promises.wire.lean import lean_consumer, lean_worker, on_virtual_time
from tests.promises.wire.table import Item
from tests.promises.wire.wire import CALL, Wire

from shared.aws.dynamodb_gates import DynamoDbGates
from shared.aws.dynamodb_records import DynamoDbRecords
from shared.aws.lambda_workers import LambdaWorkers
from shared.aws.sqs_queue import SqsQueue
from shared.aws.transport import Transport
from zigzag_testing import Sandbox
from zigzag_testing.memory_queue import MemoryQueue
from zigzag_testing.process_ports import ConsumerPorts, WorkerPorts


class WatchedAws(Aws):
    """Has the records in memory do what a call of their port asks for: there are those who watch them."""

    async def _update(self, asked: Mapping[str, Any]) -> tuple[bool, Item]:
        if (call := CALL.get(None)) is not None and call.records:
            method, *arguments = call.records
            await getattr(self._records, method)(*arguments)
        return await super()._update(asked)


class SandboxOnTheWire(Sandbox):
    """Every call goes over `wire`. `judge` has the faults that were seen there."""

    def __init__(self, *arguments: Any, seed: int = 0, **options: Any) -> None:
        super().__init__(*arguments, seed=seed, **options)
        queues = self.queue, self.dead_letter_queue
        aws = WatchedAws(self.clock, self.faults, queues, self.workers, self.records, self.gates)
        self.wire = Wire(aws, self.clock, self.faults, Random(seed + 2))
        self.judge = Judge(self.wire)
        self._patch = pytest.MonkeyPatch()
        on_virtual_time(self._patch, self.clock, seed)
        # Environments of a function that rest, and are warm.
        self._resting_consumers: list[Transport] = []
        self._resting_workers: list[tuple[Transport, Transport]] = []

    def new_consumer(self) -> Transport:
        """Makes the transport of a new process of the consumer."""
        return lean_consumer(self.wire)

    def new_worker(self) -> tuple[Transport, Transport]:
        """Makes those of a new process of the worker. Its heartbeats are sent once."""
        return lean_worker(self.wire, attempts=4), lean_worker(self.wire, attempts=1)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        super().__exit__(kind, error, where)
        self._patch.undo()

    @contextmanager
    def _consumer_ports(self) -> Iterator[ConsumerPorts]:
        with _warm(self._resting_consumers, self.new_consumer) as transport:
            yield ConsumerPorts(
                JudgedQueue(SqsQueue(transport, self.queue.url), self.judge),
                JudgedQueue(SqsQueue(transport, self.dead_letter_queue.url), self.judge),
                JudgedWorkers(LambdaWorkers(transport, FUNCTION), self.judge),
                None if self.gates is None else DynamoDbGates(transport, "records"),
            )

    @contextmanager
    def _worker_ports(self, queue: MemoryQueue) -> Iterator[WorkerPorts]:
        with _warm(self._resting_workers, self.new_worker) as (transport, once):
            records = JudgedRecords(DynamoDbRecords(transport, "records"), self.judge, self.records)
            crashed = True
            try:
                yield WorkerPorts(
                    JudgedQueue(SqsQueue(transport, queue.url), self.judge),
                    JudgedQueue(SqsQueue(once, queue.url), self.judge),
                    JudgedQueue(SqsQueue(transport, self.dead_letter_queue.url), self.judge),
                    records,
                    records.started,
                    None if self.gates is None else self._gates_by(transport, once),
                )
                crashed = False
            finally:
                records.ended(crashed=crashed)

    def _gates_by(self, transport: Transport, once: Transport) -> tuple[JudgedGates, JudgedGates]:
        return (
            JudgedGates(DynamoDbGates(transport, "records"), self.judge),
            JudgedGates(DynamoDbGates(once, "records"), self.judge),
        )


@contextmanager
def _warm[T](resting: list[T], make: Callable[[], T]) -> Iterator[T]:
    """Opens an environment's own parts for one invocation. A process that crashes does not come back."""
    warm = resting.pop() if resting else make()
    yield warm
    resting.append(warm)
