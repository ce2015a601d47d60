"""The lean transport over real sockets: in place as the worker has it, in a loop as the consumer does.

It stands alone here: no boto takes over.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine
from functools import cached_property
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
    """A transport, made when it is needed, and how its calls are waited for: in place, or in a loop."""

    def __init__(self, make: Callable[[], Transport], runner: asyncio.Runner | None = None) -> None:
        self._make = make
        self._runner = runner

    @cached_property
    def transport(self) -> Transport:
        return self._make()

    def run[R](self, coroutine: Coroutine[Any, Any, R]) -> R:
        return run_in_place(coroutine) if self._runner is None else self._runner.run(coroutine)

    def close(self) -> None:
        if "transport" in vars(self):
            self.transport.close()
        if self._runner is not None:
            self._runner.close()


class WorkersWay(Way):
    def __init__(self, attempts: int = 1) -> None:
        super().__init__(lambda: LeanTransport(aws_environment(os.environ), InPlace(), attempts=attempts))


class ConsumersWay(Way):
    """With four connections."""

    def __init__(self, attempts: int = 1) -> None:
        def make() -> Transport:
            environment = aws_environment(os.environ)
            return LeanTransport(environment, InALoop(), attempts=attempts, connections=4)

        super().__init__(make, asyncio.Runner())


WAYS = {"in place": WorkersWay, "in a loop": ConsumersWay}


def call(way: Way, operation: str = "DeleteMessage") -> dict[str, Any]:
    return way.run(way.transport.call("sqs", operation, {"QueueUrl": "tasks"})).body


def invoke_at_once(way: Way, *events: bytes) -> None:
    async def all_of_them() -> None:
        await asyncio.gather(*(way.transport.invoke("worker", event) for event in events))

    way.run(all_of_them())
