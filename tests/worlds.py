"""Queues to test: the sandbox's in memory; moto's and MiniStack's, through the adapter on SQS."""

from __future__ import annotations

import itertools
import json
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import boto3
import pytest
from moto.sqs import models as sqs_models
from tests.transports import as_on_lambda, in_place, moto_over_http

from shared.aws.sqs_queue import SqsQueue
from shared.aws.transport import Transport
from shared.ports.queue import Outgoing, Queue
from zigzag.in_place import run_in_place
from zigzag_local.emulator import Emulator
from zigzag_testing.deduplication import Scope
from zigzag_testing.memory_queue import MemoryQueue
from zigzag_testing.virtual_time import virtual_runner

MAX_REAL_WAIT_SECONDS = 5


@dataclass(frozen=True, kw_only=True)
class Given:
    """The queue that a test starts with. A setting that is left out is AWS's default.

    max_receive_count -- with it, the queue has a dead-letter queue.
    """

    fifo: bool = False
    content_based_deduplication: bool = True
    deduplication_scope: Scope = "queue"
    retention_seconds: int | None = None
    max_receive_count: int | None = None
    max_in_flight: int | None = None
    superseded_handles_act: bool = False


DEFAULT = Given()


class World(Protocol):
    """Somewhere with such a queue. `now` is its clock's time, in epoch seconds."""

    @property
    def queue(self) -> Queue: ...

    def run[R](self, coroutine: Coroutine[Any, Any, R]) -> R: ...

    def now(self) -> float: ...

    def pass_time(self, seconds: float) -> None: ...

    def close(self) -> None: ...


class WholeWorld(World, Protocol):
    """With a dead-letter queue, and somebody else who sends."""

    @property
    def dead_letters(self) -> Queue: ...

    def send_later(self, seconds: float, body: str) -> None:
        """Sends a message while the next step waits."""


class SandboxWorld:
    """The queue in memory, on virtual time."""

    def __init__(self, given: Given = DEFAULT) -> None:
        self._runner, self._clock = virtual_runner()
        ending = ".fifo" if given.fifo else ""
        same: dict[str, Any] = {
            "content_based_deduplication": given.content_based_deduplication,
            "deduplication_scope": given.deduplication_scope,
        }
        self.dead_letters = MemoryQueue(self._clock, f"https://sqs.test/dead-letters{ending}", **same)
        for name in ("retention_seconds", "max_in_flight"):
            if getattr(given, name) is not None:
                same[name] = getattr(given, name)
        self.queue = MemoryQueue(
            self._clock,
            f"https://sqs.test/tasks{ending}",
            max_receive_count=given.max_receive_count,
            dead_letters=self.dead_letters,
            superseded_handles_act=given.superseded_handles_act,
            **same,
        )

    def run[R](self, coroutine: Coroutine[Any, Any, R]) -> R:
        return self._runner.run(coroutine)

    def now(self) -> float:
        return self._clock.now()

    def pass_time(self, seconds: float) -> None:
        self.run(self._clock.sleep(seconds))

    def send_later(self, seconds: float, body: str) -> None:
        async def later() -> None:
            await self._clock.sleep(seconds)
            await self.queue.send(Outgoing(body))

        self._later = self._runner.get_loop().create_task(later())

    def close(self) -> None:
        self._runner.close()


@dataclass(frozen=True)
class Emulated:
    """An AWS that is no sandbox: `sqs` is boto's client, which makes queues; `transport` uses them."""

    sqs: Any
    transport: Transport


class SqsWorld:
    """Queues of an SQS, in real time."""

    _numbers = itertools.count(1)

    def __init__(self, aws: Emulated, given: Given = DEFAULT) -> None:
        client = aws.sqs
        ending = ".fifo" if given.fifo else ""
        name = f"queue-{next(self._numbers)}"
        attributes: dict[str, str] = {}
        if given.fifo:
            attributes = {
                "FifoQueue": "true",
                "ContentBasedDeduplication": json.dumps(given.content_based_deduplication),
                "DeduplicationScope": given.deduplication_scope,
            }
        dead_url = client.create_queue(QueueName=f"{name}-dead{ending}", Attributes=attributes)["QueueUrl"]
        if given.max_receive_count is not None:
            arn = client.get_queue_attributes(QueueUrl=dead_url, AttributeNames=["QueueArn"])
            target = {"deadLetterTargetArn": arn["Attributes"]["QueueArn"]}
            attributes["RedrivePolicy"] = json.dumps({**target, "maxReceiveCount": given.max_receive_count})
        if given.retention_seconds is not None:
            attributes["MessageRetentionPeriod"] = str(given.retention_seconds)
        url = client.create_queue(QueueName=f"{name}{ending}", Attributes=attributes)["QueueUrl"]
        self.queue = SqsQueue(aws.transport, url)
        self.dead_letters = SqsQueue(aws.transport, dead_url)
        self._later: list[threading.Timer] = []

    def run[R](self, coroutine: Coroutine[Any, Any, R]) -> R:
        return run_in_place(coroutine)

    def now(self) -> float:
        return time.time()

    def pass_time(self, seconds: float) -> None:
        if seconds > MAX_REAL_WAIT_SECONDS:
            pytest.skip(f"it would take {seconds:,.0f} s of real time")
        time.sleep(seconds)

    def send_later(self, seconds: float, body: str) -> None:
        timer = threading.Timer(seconds, lambda: self.run(self.queue.send(Outgoing(body))))
        timer.start()
        self._later.append(timer)

    def close(self) -> None:
        for timer in self._later:
            timer.join()


class MotoWorld(SqsWorld):
    """SQS as moto plays it. It is told of a later time, instead of waiting for it."""

    def __init__(self, aws: Emulated, given: Given = DEFAULT) -> None:
        super().__init__(aws, given)
        self._later_by = 0.0
        self._patch = pytest.MonkeyPatch()
        for name, in_a_second in (("unix_time", 1), ("unix_time_millis", 1000)):
            self._patch.setattr(sqs_models, name, self._shifted(vars(sqs_models)[name], in_a_second))

    def _shifted(self, now: Callable[[], float], in_a_second: int) -> Callable[[], float]:
        return lambda: now() + self._later_by * in_a_second

    def now(self) -> float:
        return super().now() + self._later_by

    def pass_time(self, seconds: float) -> None:
        self._later_by += seconds

    def close(self) -> None:
        super().close()
        self._patch.undo()


@contextmanager
def moto(wanted: str) -> Iterator[Emulated]:
    """Opens the AWS that moto plays, by that transport."""
    with pytest.MonkeyPatch.context() as patch, moto_over_http() as url:
        as_on_lambda(patch, url)
        with in_place(wanted) as transport:
            yield Emulated(boto3.client("sqs"), transport)


@contextmanager
def ministack(wanted: str) -> Iterator[Emulated]:
    """Opens the AWS that MiniStack plays, by that transport."""
    with pytest.MonkeyPatch.context() as patch, Emulator() as local:
        as_on_lambda(patch, local.endpoint)
        patch.setenv("AWS_SECRET_ACCESS_KEY", local.secret)
        with in_place(wanted) as transport:
            yield Emulated(boto3.client("sqs"), transport)
