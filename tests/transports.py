"""Both transports, and what a test needs to use either: a function's environment, and moto over HTTP."""

from __future__ import annotations

import asyncio
import functools
import logging
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

import boto3
import pytest
from moto.dynamodb.responses import DynamoHandler
from moto.moto_api._internal import moto_api_backend
from moto.server import ThreadedMotoServer

from shared.aws.choice import BOTO, LEAN, transport_in_a_loop, transport_in_place
from shared.aws.transport import Transport

TRANSPORTS = (BOTO, LEAN)


def as_on_lambda(monkeypatch: pytest.MonkeyPatch, endpoint_url: str | None = None) -> None:
    """Sets the variables that Lambda sets, and nobody else's."""
    for name in (
        "AWS_PROFILE",
        "AWS_DEFAULT_REGION",
        "AWS_SESSION_TOKEN",
        "AWS_CA_BUNDLE",
        "AWS_ENDPOINT_URL",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    if endpoint_url is not None:
        monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint_url)


@contextmanager
def moto_over_http() -> Iterator[str]:
    """Opens an empty moto that answers over HTTP on a free port. Yields its address."""
    moto_api_backend.reset()
    yield _moto()


@functools.cache
def _moto() -> str:
    """Starts one moto for all tests: to end it takes half a second. Its thread ends with the process."""
    logging.getLogger("werkzeug").disabled = True  # a line for each request
    DynamoHandler.call_action = _one_at_a_time(DynamoHandler.call_action)  # type: ignore[method-assign]
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    return f"http://{host}:{port}"


def _one_at_a_time[**P, R](answers: Callable[P, R]) -> Callable[P, R]:
    """Checks a condition and makes the change in one step, as DynamoDB does, and as moto does not."""
    turn = threading.Lock()

    def answers_in_its_turn(*args: P.args, **kwargs: P.kwargs) -> R:
        with turn:
            return answers(*args, **kwargs)

    return answers_in_its_turn


@contextmanager
def in_place(wanted: str, *, attempts: int = 1) -> Iterator[Transport]:
    """Yields a transport as the worker has it."""
    transport = transport_in_place(wanted, attempts=attempts)
    yield transport
    transport.close()


class InALoop:
    """A transport as the consumer has it, and the event loop that it needs."""

    def __init__(self, wanted: str, *, attempts: int = 1, connections: int = 10) -> None:
        self.transport = transport_in_a_loop(
            wanted, attempts=attempts, connections=connections, threads=connections
        )
        self._runner = asyncio.Runner()

    def run[R](self, coroutine: Coroutine[Any, Any, R]) -> R:
        return self._runner.run(coroutine)

    def close(self) -> None:
        self.transport.close()
        self._runner.close()
