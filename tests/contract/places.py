"""The places where a contract holds: in memory; at moto by boto; on a wire and at MiniStack by lean.

A place makes queues, records and gates: `world`, `records` and `gates`, new and empty for each test.
Each place has one transport. The other one would only show again what it shows elsewhere.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from random import Random
from typing import Any, NamedTuple, Protocol

import boto3
import pytest
from tests.promises.wire.aws import Aws
from tests.promises.wire.lean import lean_worker, on_virtual_time
from tests.promises.wire.wire import Wire
from tests.worlds import Emulated, MotoWorld, SandboxWorld, SqsWorld, World, ministack, moto

from shared.aws.choice import BOTO, LEAN
from shared.aws.dynamodb_gates import DynamoDbGates
from shared.aws.dynamodb_items import attributes
from shared.aws.dynamodb_records import KEY, DynamoDbRecords
from shared.aws.sqs_queue import SqsQueue
from shared.aws.transport import Transport
from shared.ports.gates import OperatedGates
from shared.ports.records import Records, record_key
from zigzag_testing.faults import Faults
from zigzag_testing.memory_gates import MemoryGates
from zigzag_testing.memory_records import MemoryRecords
from zigzag_testing.virtual_time import VirtualClock, virtual_runner


class ByHand(NamedTuple):
    """Gates, and how somebody writes an attribute by hand: queue, attribute, DynamoDB's typed value."""

    gates: OperatedGates
    write: Callable[[str, str, dict[str, Any]], object]


class Place(Protocol):
    """A place of queues, records and gates."""

    def world(self) -> World:
        """Returns a world with a new queue. The caller closes it."""

    def records(self) -> AbstractContextManager[Records]:
        """Opens records of no task yet."""

    def gates(self) -> AbstractContextManager[ByHand]:
        """Opens gates that know of no queue yet."""


class InMemory:
    """The fakes that ship."""

    def world(self) -> World:
        return SandboxWorld()

    def records(self) -> AbstractContextManager[Records]:
        return nullcontext(MemoryRecords())

    def gates(self) -> AbstractContextManager[ByHand]:
        gates = MemoryGates()
        return nullcontext(ByHand(gates, into(gates)))


def into(gates: MemoryGates) -> Callable[[str, str, dict[str, Any]], object]:
    """Writes attributes into these, as the adapter reads them."""

    def write(queue: str, attribute: str, typed: dict[str, Any]) -> None:
        gates.attributes[queue] |= attributes({attribute: typed})

    return write


class OnAWire:
    """That of `tests/promises/wire`, without faults: the adapters call the fakes over it, on virtual time."""

    def world(self) -> World:
        return WireWorld()

    @contextmanager
    def records(self) -> Iterator[Any]:
        with _over_a_wire(DynamoDbRecords, records=MemoryRecords()) as records:
            yield records

    @contextmanager
    def gates(self) -> Iterator[ByHand]:
        behind = MemoryGates()
        with _over_a_wire(DynamoDbGates, gates=behind) as gates:
            yield ByHand(gates, into(behind))


class WireWorld(SandboxWorld):
    def __init__(self) -> None:
        super().__init__()
        self._patch = pytest.MonkeyPatch()
        transport = _transport(self._patch, self._clock, queues=[self.queue])
        self.queue: Any = SqsQueue(transport, self.queue.url)

    def close(self) -> None:
        super().close()
        self._patch.undo()


class _OnVirtualTime:
    """A port whose calls are run there, and answer at once."""

    def __init__(self, port: Any, run: Callable[[Coroutine[Any, Any, Any]], Any]) -> None:
        self._port = port
        self._run = run

    def __getattr__(self, method: str) -> Callable[..., Coroutine[Any, Any, Any]]:
        async def call(*arguments: Any) -> Any:
            return self._run(getattr(self._port, method)(*arguments))

        return call


@contextmanager
def _over_a_wire(port: type[Any], **behind: Any) -> Iterator[Any]:
    runner, clock = virtual_runner()
    with pytest.MonkeyPatch.context() as patch, runner:
        yield _OnVirtualTime(port(_transport(patch, clock, **behind), "records"), runner.run)


def _transport(patch: pytest.MonkeyPatch, clock: VirtualClock, **behind: Any) -> Transport:
    on_virtual_time(patch, clock, seed=0)
    faults = Faults.none()
    return lean_worker(Wire(Aws(clock, faults, **behind), clock, faults, Random(0)))


class AtAnEmulator:
    """Each test has a queue and a table of its own."""

    _numbers = itertools.count(1)

    def __init__(self, aws: Emulated, world: type[SqsWorld]) -> None:
        self._aws, self._world = aws, world

    def world(self) -> World:
        return self._world(self._aws)

    @contextmanager
    def records(self) -> Iterator[Records]:
        table = f"records-{next(self._numbers)}"
        make_table(table)
        yield DynamoDbRecords(self._aws.transport, table)

    @contextmanager
    def gates(self) -> Iterator[ByHand]:
        table = f"gates-{next(self._numbers)}"
        make_table(table)

        def write(queue: str, attribute: str, typed: dict[str, Any]) -> None:
            boto3.client("dynamodb").update_item(
                TableName=table,
                Key={KEY: {"S": record_key("gate", queue)}},
                UpdateExpression="SET #name = :value",
                ExpressionAttributeNames={"#name": attribute},
                ExpressionAttributeValues={":value": typed},
            )

        yield ByHand(DynamoDbGates(self._aws.transport, table), write)


def make_table(name: str) -> None:
    boto3.client("dynamodb").create_table(
        TableName=name,
        KeySchema=[{"AttributeName": KEY, "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": KEY, "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )


@contextmanager
def at_moto() -> Iterator[Place]:
    with moto(BOTO) as aws:
        yield AtAnEmulator(aws, MotoWorld)


@contextmanager
def at_ministack() -> Iterator[Place]:
    with ministack(LEAN) as aws:
        yield AtAnEmulator(aws, SqsWorld)


PLACES = [
    pytest.param(lambda: nullcontext(InMemory()), id="in memory"),
    pytest.param(at_moto, id="at moto by boto"),
    pytest.param(lambda: nullcontext(OnAWire()), id="on a wire by lean"),
    pytest.param(at_ministack, id="at ministack by lean", marks=pytest.mark.slow),
]
