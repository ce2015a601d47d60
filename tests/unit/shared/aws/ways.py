"""The lean transport over real sockets: in place as the worker has it, in a loop as the consumer does.

It stands alone here: no boto takes over.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Coroutine
from typing import Any, Protocol

from shared.aws.lean.endpoint import aws_environment
from shared.aws.lean.streams_in_a_loop import InALoop
from shared.aws.lean.streams_in_place import InPlace
from shared.aws.lean.transport import LeanTransport
from shared.aws.transport import Transport
from zigzag.in_place import run_in_place

GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


def bad(status: int, headers: str = "", body: str = "{}") -> bytes:
    return f"HTTP/1.1 {status} Bad\r\n{headers}Content-Length: {len(body)}\r\n\r\n{body}".encode()


class Way(Protocol):
    """A way to wait."""

    transport: Transport

    def run[R](self, coroutine: Coroutine[Any, Any, R]) -> R: ...

    def close(self) -> None: ...


class WorkersWay:
    def __init__(self, attempts: int = 1) -> None:
        self.transport: Transport = LeanTransport(aws_environment(os.environ), InPlace(), attempts=attempts)

    def run[R](self, coroutine: Coroutine[Any, Any, R]) -> R:
        return run_in_place(coroutine)

    def close(self) -> None:
        self.transport.close()


class ConsumersWay:
    def __init__(self, attempts: int = 1) -> None:
        self.transport: Transport = LeanTransport(
            aws_environment(os.environ), InALoop(), attempts=attempts, connections=4
        )
        self._runner = asyncio.Runner()

    def run[R](self, coroutine: Coroutine[Any, Any, R]) -> R:
        return self._runner.run(coroutine)

    def close(self) -> None:
        self.transport.close()
        self._runner.close()


WAYS = {"in place": WorkersWay, "in a loop": ConsumersWay}


def call(way: Way, operation: str = "DeleteMessage") -> dict[str, Any]:
    return way.run(way.transport.call("sqs", operation, {"QueueUrl": "tasks"})).body
