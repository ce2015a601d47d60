"""Where a contract holds: in memory; and by each transport on a wire, at the stub, at moto and at MiniStack.

A place makes queues, records and gates: `world`, `records` and `gates`, new and empty for each test.
"""

from __future__ import annotations

import asyncio
import itertools
import socket
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple, Protocol

import boto3
import pytest
from benchmarks.stub.answers import Answer, Answers, Manner
from benchmarks.stub.backlog import Backlog
from benchmarks.stub.server import Server
from tests.transports import as_on_lambda, in_place
from tests.wire.aws import Aws, request_of
from tests.wire.sandbox import on_virtual_time, worker_transport
from tests.wire.wire import Wire
from tests.worlds import Emulated, MotoWorld, SandboxWorld, SqsWorld, World, ministack, moto

from shared.aws.choice import BOTO, LEAN
from shared.aws.dynamodb_gates import DynamoDbGates
from shared.aws.dynamodb_records import KEY, DynamoDbRecords
from shared.aws.sqs_queue import SqsQueue
from shared.aws.transport import Transport
from shared.ports.gates import OperatedGates
from shared.ports.records import Records, record_key
from zigzag.in_place import run_in_place
from zigzag_testing.faults import Faults
from zigzag_testing.memory_gates import MemoryGates
from zigzag_testing.memory_records import MemoryRecords
from zigzag_testing.virtual_time import VirtualClock, virtual_runner


class ByHand(NamedTuple):
    """Gates, and how somebody writes an attribute by hand: queue, attribute, DynamoDB's typed value."""

    gates: OperatedGates
    write: Callable[[str, str, dict[str, Any]], object]


class Place(Protocol):
    """Where queues, records and gates are."""

    @property
    def name(self) -> str: ...

    def world(self) -> World:
        """With a new queue; whoever asks closes it."""

    def records(self) -> AbstractContextManager[Records]:
        """Of no task yet."""

    def gates(self) -> AbstractContextManager[ByHand]:
        """Of queues of which nothing is said yet."""


class InMemory:
    """The fakes that ship."""

    name = "memory"

    def world(self) -> World:
        return SandboxWorld()

    def records(self) -> AbstractContextManager[Records]:
        return nullcontext(MemoryRecords())

    def gates(self) -> AbstractContextManager[ByHand]:
        gates = MemoryGates()
        return nullcontext(ByHand(gates, into(gates)))


def into(gates: MemoryGates) -> Callable[[str, str, dict[str, Any]], object]:
    """Writes attributes into these."""

    def write(queue: str, attribute: str, typed: dict[str, Any]) -> None:
        gates.attributes[queue][attribute] = _read(typed)

    return write


def _read(typed: dict[str, Any]) -> Any:
    """As the adapter reads it: a number, or a map; all else is as DynamoDB has it."""
    if "M" in typed:
        return {name: _read(one) for name, one in typed["M"].items()}
    return float(typed["N"]) if "N" in typed else typed


# ---- Over a wire, the fakes behind it ----


class WireWorld(SandboxWorld):
    """On virtual time, as the wire is."""

    def __init__(self, wanted: str) -> None:
        super().__init__()
        self._patch = pytest.MonkeyPatch()
        transport = _over_a_wire(wanted, self._patch, self._clock, queues=[self.queue])
        self.queue: Any = SqsQueue(transport, self.queue.url)

    def close(self) -> None:
        super().close()
        self._patch.undo()


class OverAWire:
    """A port's methods on virtual time: each call is run there, and then it is an answer."""

    def __init__(self, wanted: str, port: type[Any], **behind: Any) -> None:
        self._runner, clock = virtual_runner()
        self._patch = pytest.MonkeyPatch()
        self._port = port(_over_a_wire(wanted, self._patch, clock, **behind), "records")

    def __getattr__(self, method: str) -> Callable[..., Coroutine[Any, Any, Any]]:
        async def call(*arguments: Any) -> Any:
            return self._runner.run(getattr(self._port, method)(*arguments))

        return call

    def close(self) -> None:
        self._runner.close()
        self._patch.undo()


def _over_a_wire(wanted: str, patch: pytest.MonkeyPatch, clock: VirtualClock, **behind: Any) -> Transport:
    on_virtual_time(patch, clock, seed=0)
    faults = Faults.none()
    return worker_transport(wanted, Wire(Aws(clock, faults, **behind), clock, faults, Random(0)))


class OnAWire:
    """That of `tests/wire`, without its faults."""

    name = "wire"

    def __init__(self, wanted: str) -> None:
        self._wanted = wanted

    def world(self) -> World:
        return WireWorld(self._wanted)

    @contextmanager
    def records(self) -> Iterator[Any]:
        records = OverAWire(self._wanted, DynamoDbRecords, records=MemoryRecords())
        yield records
        records.close()

    @contextmanager
    def gates(self) -> Iterator[Any]:
        behind = MemoryGates()
        gates = OverAWire(self._wanted, DynamoDbGates, gates=behind)
        yield ByHand(gates, into(behind))  # type: ignore[arg-type]
        gates.close()


# ---- At the stub of the benchmarks: its TLS and HTTP, the fakes behind them ----


class FromMemory(Answers):
    """What is in memory answers; whoever waits there waits on virtual time, so nobody waits."""

    def __init__(self) -> None:
        super().__init__(Backlog(), Manner())

    def put_behind(self, runner: asyncio.Runner, clock: VirtualClock, **behind: Any) -> None:
        self._runner, self._aws = runner, Aws(clock, Faults.none(), **behind)

    def to(self, head: bytes, body: bytes) -> Answer:
        answer = self._runner.run(self._aws.answer(request_of(head, body)))
        return Answer(answer.to_bytes(chunked=False), 0.0)


class StubWorld(SandboxWorld):
    """The adapter calls in real time, and nothing that it calls takes any."""

    def __init__(self, transport: Transport, answers: FromMemory) -> None:
        super().__init__()
        answers.put_behind(self._runner, self._clock, queues=[self.queue])
        self.queue: Any = SqsQueue(transport, self.queue.url)

    def run[R](self, coroutine: Coroutine[Any, Any, R]) -> R:
        return run_in_place(coroutine)

    def pass_time(self, seconds: float) -> None:
        self._runner.run(self._clock.sleep(seconds))


class AtTheStub:
    """Its server answers from memory."""

    name = "stub"

    def __init__(self, transport: Transport, answers: FromMemory) -> None:
        self._transport, self._answers = transport, answers

    def world(self) -> World:
        return StubWorld(self._transport, self._answers)

    @contextmanager
    def records(self) -> Iterator[Records]:
        runner, clock = virtual_runner()
        self._answers.put_behind(runner, clock, records=MemoryRecords())
        yield DynamoDbRecords(self._transport, "records")
        runner.close()

    @contextmanager
    def gates(self) -> Iterator[ByHand]:
        runner, clock = virtual_runner()
        behind = MemoryGates()
        self._answers.put_behind(runner, clock, gates=behind)
        yield ByHand(DynamoDbGates(self._transport, "records"), into(behind))
        runner.close()


@contextmanager
def at_the_stub(wanted: str) -> Iterator[Place]:
    answers = FromMemory()
    with (
        pytest.MonkeyPatch.context() as patch,
        TemporaryDirectory() as folder,
        _serving(Server(answers, Path(folder))) as server,
    ):
        as_on_lambda(patch, server.url)
        patch.setenv("AWS_CA_BUNDLE", str(server.ca))
        with in_place(wanted) as transport:
            yield AtTheStub(transport, answers)


@contextmanager
def _serving(server: Server) -> Iterator[Server]:
    ours, its = socket.socketpair()
    server.loop.on_readable(its, server.loop.end)
    thread = threading.Thread(target=server.loop.run)
    thread.start()
    try:
        yield server
    finally:
        ours.close()  # which can be read as the end
        thread.join()


# ---- At an emulator ----


class AtAnEmulator:
    """Each test has a queue and a table of its own."""

    _numbers = itertools.count(1)

    def __init__(self, name: str, aws: Emulated, world: type[SqsWorld]) -> None:
        self.name = name
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
def at_moto(wanted: str) -> Iterator[Place]:
    with moto(wanted) as aws:
        yield AtAnEmulator("moto", aws, MotoWorld)


@contextmanager
def at_ministack(wanted: str) -> Iterator[Place]:
    with ministack(wanted) as aws:
        yield AtAnEmulator("ministack", aws, SqsWorld)


def _by(wanted: str) -> Iterator[Any]:
    yield pytest.param(lambda: at_moto(wanted), id=f"at moto by {wanted}")
    yield pytest.param(lambda: nullcontext(OnAWire(wanted)), id=f"on a wire by {wanted}")
    yield pytest.param(lambda: at_the_stub(wanted), id=f"at the stub by {wanted}")
    yield pytest.param(lambda: at_ministack(wanted), id=f"at ministack by {wanted}", marks=pytest.mark.slow)


PLACES = [pytest.param(lambda: nullcontext(InMemory()), id="in memory"), *_by(BOTO), *_by(LEAN)]
