"""The ports that a process of the sandbox calls, with their faults: for one tick, or one invocation."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from shared.aws.transport import ANSWER_SECONDS
from shared.ports.clock import Clock
from shared.ports.gates import Gates, OperatedGates, WorkedGates
from shared.ports.queue import Queue
from shared.ports.records import Records
from shared.ports.workers import Workers
from zigzag_testing.faults import Faults
from zigzag_testing.faulty_gates import FaultyGates
from zigzag_testing.faulty_ports import FaultyQueue, FaultyRecords

TRIES = 4
"""Times that a worker's client sends a call that gets no answer, as in `worker.app`."""


class ConsumerPorts(NamedTuple):
    """The ports that a tick calls. `others` are the queues besides the first one. Those of them that are FIFO
    as the first one is not, or are not as it is, have `other_dead_letters`."""

    queue: Queue
    dead_letters: Queue
    workers: Workers
    gates: Gates | None = None
    others: Sequence[Queue] = ()
    other_dead_letters: Queue | None = None
    records: Records | None = None


class WorkerPorts(NamedTuple):
    """The ports that an invocation calls. `at_first_line` must be called just before a task's code begins."""

    queue: Queue
    beats: Queue
    dead_letters: Queue
    records: Records
    at_first_line: Callable[[], None]
    gates: tuple[WorkedGates, WorkedGates] | None = None


@contextmanager
def faulty_consumer(
    queues: Sequence[Queue],
    dead_letters: Sequence[Queue],
    workers: Workers,
    gates: OperatedGates | None,
    records: Records,
    faults: Faults,
    clock: Clock,
) -> Iterator[ConsumerPorts]:
    """Yields the consumer's ports while a tick runs."""
    first, *others = (FaultyQueue(queue, faults, clock, again=False) for queue in queues)
    letters, *other_letters = (
        FaultyQueue(queue, faults, clock, again=False, service="dead letters") for queue in dead_letters
    )
    yield ConsumerPorts(
        first,
        letters,
        workers,
        None if gates is None else FaultyGates(gates, faults, clock),
        others,
        other_letters[0] if other_letters else None,
        FaultyRecords(records, faults, clock, patience_seconds=ANSWER_SECONDS["dynamodb"]),
    )


@contextmanager
def faulty_worker(
    queue: Queue,
    dead_letters: Queue,
    records: Records,
    gates: OperatedGates | None,
    faults: Faults,
    clock: Clock,
) -> Iterator[WorkerPorts]:
    """Yields the worker's ports while an invocation runs."""
    faulty = FaultyRecords(records, faults, clock, patience_seconds=TRIES * ANSWER_SECONDS["dynamodb"])
    patience = TRIES * ANSWER_SECONDS["sqs"]
    crashed = True
    try:
        yield WorkerPorts(
            FaultyQueue(queue, faults, clock, again=True, patience_seconds=patience),
            FaultyQueue(queue, faults, clock, again=False, patience_seconds=ANSWER_SECONDS["sqs"]),
            FaultyQueue(
                dead_letters,
                faults,
                clock,
                again=True,
                service="dead letters",
                patience_seconds=patience,
            ),
            faulty,
            faulty.started,
            _of_a_worker(gates, faults, clock),
        )
        crashed = False
    finally:
        faulty.ended(crashed=crashed)


def _of_a_worker(
    gates: OperatedGates | None, faults: Faults, clock: Clock
) -> tuple[WorkedGates, WorkedGates] | None:
    if gates is None:
        return None
    return FaultyGates(gates, faults, clock, TRIES), FaultyGates(gates, faults, clock)
