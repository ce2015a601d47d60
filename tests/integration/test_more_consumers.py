"""The consumer function starts others by its own name, and runs as one that was started."""

from __future__ import annotations

import json
from time import time
from typing import Any

import pytest
from tests.integration.conftest import LambdaContext, Stack

import consumer.app
import consumer.others
from consumer.summary import NOT_STARTED
from shared.aws.sqs_queue import SqsQueue

NAME = "zigzag-ConsumerFunction-1A2B"


@pytest.fixture
def stack_of_three(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Stack:
    """Returns a stack with MaxConsumers=3."""
    monkeypatch.setenv("ZIGZAG_MAX_CONSUMERS", "3")
    monkeypatch.setenv("ZIGZAG_IN_FLIGHT_CAP", "0")
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", NAME)
    return stack


def start(**more: Any) -> dict[str, Any]:
    """Runs the consumer as one that was started."""
    event = {"Consumer": 2, "Share": 0, "StartBy": time() + 20, "Until": time() + 60}
    return consumer.app.handler(event | more, LambdaContext(90))


def test_a_started_one_works_once_for_its_number(stack_of_three: Stack) -> None:
    stack_of_three.send("{}")
    assert start()["dispatched"] == 1

    stack_of_three.send("{}")
    assert start()["stopped"] == NOT_STARTED
    assert start(Consumer=3)["dispatched"] == 1


@pytest.mark.slow
def test_a_scheduled_tick_that_is_behind_invokes_the_consumers_own_function(
    stack_of_three: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a tick that looks at once, and a count of the backlog that no tick can move
    async def many(queue: SqsQueue) -> int:
        return 10**6

    monkeypatch.setattr(consumer.others, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(SqsQueue, "waiting", many)
    for _ in range(120):
        stack_of_three.send("{}")

    stack_of_three.wake_consumer()

    invokes = zip(stack_of_three.endpoint.paths, stack_of_three.endpoint.requests, strict=True)
    started = [json.loads(body)["Consumer"] for path, body in invokes if NAME in path]
    assert sorted(started) == [2, 3]
