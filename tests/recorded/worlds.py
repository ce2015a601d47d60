"""Where recorded cases run: the sandbox's queue; moto and MiniStack, through the adapter on SQS."""

from __future__ import annotations

import itertools
import json
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
from moto.sqs import models as sqs_models
from tests.recorded.case import Given
from tests.transports import as_on_lambda, in_place, moto_over_http

from shared.aws.sqs_queue import SqsQueue
from shared.aws.transport import Transport
from shared.ports import Outgoing
from zigzag.in_place import run_in_place
from zigzag_local.emulator import Emulator
from zigzag_testing.memory_queue import MemoryQueue
from zigzag_testing.virtual_time import virtual_runner

LONGEST_REAL_WAIT_SECONDS = 5


class SandboxWorld:
    """The queue in memory, on virtual time."""

    def __init__(self, given: Given) -> None:
        self._runner, self._clock = virtual_runner()
        ending = ".fifo" if given.fifo else ""
        same: dict[str, Any] = {
            "content_based_deduplication": given.content_based_deduplication,
            "deduplication_scope": given.deduplication_scope,
        }
        self.dead_letters = MemoryQueue(self._clock, f"https://sqs.test/dead-letters{ending}", **same)
        for name in ("retention_seconds", "most_in_flight"):
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
class Sqs:
    """An SQS that is no sandbox: `client` makes its queues, `transport` uses them."""

    client: Any
    transport: Transport


class SqsWorld:
    """Queues of an SQS, in real time."""

    _numbers = itertools.count(1)

    def __init__(self, given: Given, sqs: Sqs) -> None:
        client = sqs.client
        ending = ".fifo" if given.fifo else ""
        name = f"recorded-{next(self._numbers)}"
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
        self.queue = SqsQueue(sqs.transport, url)
        self.dead_letters = SqsQueue(sqs.transport, dead_url)
        self._later: list[threading.Timer] = []

    def run[R](self, coroutine: Coroutine[Any, Any, R]) -> R:
        return run_in_place(coroutine)

    def pass_time(self, seconds: float) -> None:
        if seconds > LONGEST_REAL_WAIT_SECONDS:
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

    def __init__(self, given: Given, sqs: Sqs) -> None:
        super().__init__(given, sqs)
        self._later_by = 0.0
        self._patch = pytest.MonkeyPatch()
        for name, in_a_second in (("unix_time", 1), ("unix_time_millis", 1000)):
            self._patch.setattr(sqs_models, name, self._shifted(vars(sqs_models)[name], in_a_second))

    def _shifted(self, now: Callable[[], float], in_a_second: int) -> Callable[[], float]:
        return lambda: now() + self._later_by * in_a_second

    def pass_time(self, seconds: float) -> None:
        self._later_by += seconds

    def close(self) -> None:
        super().close()
        self._patch.undo()


@contextmanager
def moto(wanted: str) -> Iterator[Sqs]:
    """The SQS that moto plays, by that transport."""
    with pytest.MonkeyPatch.context() as patch, moto_over_http() as url:
        as_on_lambda(patch, url)
        with in_place(wanted) as transport:
            yield Sqs(boto3.client("sqs"), transport)


@contextmanager
def ministack(wanted: str) -> Iterator[Sqs]:
    """The SQS that MiniStack plays, by that transport."""
    with pytest.MonkeyPatch.context() as patch, Emulator() as aws:
        as_on_lambda(patch, aws.environment()["AWS_ENDPOINT_URL"])
        with in_place(wanted) as transport:
            yield Sqs(boto3.client("sqs"), transport)
