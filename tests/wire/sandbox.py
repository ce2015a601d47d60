"""A sandbox whose consumer and worker call AWS over the wire, with the adapters and a transport that ship."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from random import Random
from types import SimpleNamespace, TracebackType
from typing import Any

import pytest
from tests.wire.aws import FUNCTION, Aws
from tests.wire.boto import boto_on_virtual_time, boto_transport
from tests.wire.judged_ports import Judge, JudgedQueue, JudgedRecords, JudgedWorkers
from tests.wire.lean import lean_consumer, lean_worker
from tests.wire.wire import Wire

from consumer.pollers import MIN_POLLERS, connections_for
from shared.aws import boto, sqs_queue
from shared.aws.choice import LEAN
from shared.aws.dynamodb_gates import DynamoDbGates
from shared.aws.dynamodb_records import DynamoDbRecords
from shared.aws.lambda_workers import LambdaWorkers
from shared.aws.lean import connections, transport
from shared.aws.sqs_queue import SqsQueue
from shared.aws.transport import Transport
from shared.ports.clock import Clock
from zigzag_testing import Sandbox
from zigzag_testing.process_ports import ConsumerPorts, WorkerPorts

CONSUMERS_ATTEMPTS, WORKERS_ATTEMPTS = 1, 4
CONNECTIONS = connections_for(MIN_POLLERS)
"""The consumer's, by the lean transport."""


class SandboxOnTheWire(Sandbox):
    """Every call goes over `wire`; `judge` has what is wrong with what was seen there.

    wanted -- the transport: "lean" or "boto".
    """

    def __init__(self, *arguments: Any, wanted: str = LEAN, seed: int = 0, **options: Any) -> None:
        super().__init__(*arguments, seed=seed, **options)
        queues = self.queue, self.dead_letter_queue
        aws = Aws(self.clock, self.faults, queues, self.workers, self.records, self.gates)
        self.wire = Wire(aws, self.clock, self.faults, Random(seed + 2))
        self.judge = Judge(self.wire)
        self._wanted = wanted
        self._patch = pytest.MonkeyPatch()
        on_virtual_time(self._patch, self.clock, seed)
        # Environments of a function that rest, and are warm.
        self._resting_consumers: list[Transport] = []
        self._resting_workers: list[Transport] = []
        self._resting_beats: list[Transport] = []

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        super().__exit__(kind, error, where)
        self._patch.undo()

    @contextmanager
    def _consumer_ports(self) -> Iterator[ConsumerPorts]:
        with _warm(self._resting_consumers, lambda: consumer_transport(self._wanted, self.wire)) as transport:
            yield ConsumerPorts(
                JudgedQueue(SqsQueue(transport, self.queue.url), self.judge),
                JudgedQueue(SqsQueue(transport, self.dead_letter_queue.url), self.judge),
                JudgedWorkers(LambdaWorkers(transport, FUNCTION), self.judge),
                None if self.gates is None else DynamoDbGates(transport, "records"),
            )

    @contextmanager
    def _worker_ports(self) -> Iterator[WorkerPorts]:
        with (
            _warm(self._resting_workers, lambda: worker_transport(self._wanted, self.wire)) as transport,
            _warm(self._resting_beats, lambda: worker_transport(self._wanted, self.wire, 1)) as once,
        ):
            records = JudgedRecords(DynamoDbRecords(transport, "records"), self.judge, self.records)
            crashed = True
            try:
                yield WorkerPorts(
                    JudgedQueue(SqsQueue(transport, self.queue.url), self.judge),
                    JudgedQueue(SqsQueue(once, self.queue.url), self.judge),
                    JudgedQueue(SqsQueue(transport, self.dead_letter_queue.url), self.judge),
                    records,
                    records.started,
                    None
                    if self.gates is None
                    else (DynamoDbGates(transport, "records"), DynamoDbGates(once, "records")),
                )
                crashed = False
            finally:
                records.ended(crashed=crashed)


@contextmanager
def _warm(resting: list[Transport], make: Callable[[], Transport]) -> Iterator[Transport]:
    """An environment's transport, for one invocation; whoever crashes does not come back."""
    transport = resting.pop() if resting else make()
    yield transport
    resting.append(transport)


def consumer_transport(wanted: str, wire: Wire) -> Transport:
    if wanted == LEAN:
        return lean_consumer(wire, CONSUMERS_ATTEMPTS, CONNECTIONS)
    return boto_transport(wire, CONSUMERS_ATTEMPTS, CONNECTIONS, "sqs", "lambda", "dynamodb")


def worker_transport(wanted: str, wire: Wire, attempts: int = WORKERS_ATTEMPTS) -> Transport:
    if wanted == LEAN:
        return lean_worker(wire, attempts)
    return boto_transport(wire, attempts, CONNECTIONS, "sqs", "dynamodb")


def on_virtual_time(patch: pytest.MonkeyPatch, clock: Clock, seed: int) -> None:
    """From now on both transports have the clock's time; their chance is the seed's."""
    boto_on_virtual_time(patch)
    random.seed(seed)  # what both pause by
    for module in (boto, sqs_queue):
        patch.setattr(module, "time", SimpleNamespace(time=clock.now))
    for module, names in ((connections, ("time", "monotonic")), (transport, ("time",))):
        for name in names:
            patch.setattr(module, name, clock.now)
