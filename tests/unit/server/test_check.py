"""The check of a server at its start, before it receives anything: a mistake is found at once."""

from __future__ import annotations

import pytest
from tests.unit.server.conftest import Served

from server.check import problem
from shared.ports.gates import Gate, GatesError
from shared.queues import DEFAULT, TaskQueue
from zigzag_testing.memory_gates import MemoryGates

QUEUE = TaskQueue(DEFAULT, "https://sqs.test/tasks", "https://sqs.test/dead-letters")


class NoGates(MemoryGates):
    async def read(self, queues: object) -> dict[str, Gate]:
        raise GatesError("AccessDenied: in a test")


def test_if_all_is_there_nothing_is_said_and_nothing_is_changed(served: Served) -> None:
    served.put("waits")

    assert served.run(problem(QUEUE, served.queue, served.records, MemoryGates())) is None

    assert [delivery.receive_count for delivery in served.receive()] == [1]


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        ("the queue", "the queue default, https://sqs.test/tasks, can't be reached"),
        ("the table", "the table of records, ZIGZAG_RECORDS_TABLE, can't be reached"),
        ("the gate", "the gate of default can't be read"),
    ],
)
def test_the_first_call_that_fails_is_named(served: Served, broken: str, says: str) -> None:
    if broken == "the queue":
        served.queue.broken = {"in_flight"}
    if broken == "the table":
        served.records.broken = {"disown"}
    gates = NoGates() if broken == "the gate" else MemoryGates()

    said = served.run(problem(QUEUE, served.queue, served.records, gates))

    assert said is not None
    assert said.startswith(says)
