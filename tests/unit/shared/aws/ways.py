"""The lean transport over real sockets: in place as the worker has it, in a loop as the consumer does.

It stands alone here: no boto takes over.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Coroutine
from typing import Any

from shared.aws.lean.endpoint import aws_environment
from shared.aws.lean.streams_in_a_loop import InALoop
from shared.aws.lean.streams_in_place import InPlace
from shared.aws.lean.transport import LeanTransport
from shared.aws.transport import Transport
from zigzag.in_place import run_in_place

GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


def bad(status: int, headers: str = "", body: str = "{}") -> bytes:
    return f"HTTP/1.1 {status} Bad\r\n{headers}Content-Length: {len(body)}\r\n\r\n{body}".encode()


class Way:
    """A transport, and how its calls are waited for: in place, or by the runner of an event loop."""

    def __init__(self, transport: Transport, runner: asyncio.Runner | None = None) -> None:
        self.transport = transport
        self._runner = runner

    def run[R](self, coroutine: Coroutine[Any, Any, R]) -> R:
        return run_in_place(coroutine) if self._runner is None else self._runner.run(coroutine)

    def close(self) -> None:
        self.transport.close()
        if self._runner is not None:
            self._runner.close()


class WorkersWay(Way):
    def __init__(self, attempts: int = 1) -> None:
        super().__init__(LeanTransport(aws_environment(os.environ), InPlace(), attempts=attempts))


class ConsumersWay(Way):
    def __init__(self, attempts: int = 1) -> None:
        environment = aws_environment(os.environ)
        transport = LeanTransport(environment, InALoop(), attempts=attempts, connections=4)
        super().__init__(transport, asyncio.Runner())


WAYS = {"in place": WorkersWay, "in a loop": ConsumersWay}


def call(way: Way, operation: str = "DeleteMessage") -> dict[str, Any]:
    return way.run(way.transport.call("sqs", operation, {"QueueUrl": "tasks"})).body
