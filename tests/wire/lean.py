"""The lean transport on the wire: a third way for its streams to wait, on virtual time."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager, nullcontext

from tests.wire.wire import Connection, Wire

from shared.aws.lean.endpoint import aws_environment
from shared.aws.lean.streams import Secure
from shared.aws.lean.streams_in_a_loop import InALoop
from shared.aws.lean.transport import LeanTransport

ENVIRONMENT = {
    "AWS_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_ENDPOINT_URL": "http://aws.sandbox",
}


class OnTheWire:
    """Waits in virtual time. `limits` -- whether only so many calls are under way at once."""

    def __init__(self, wire: Wire, *, limits: bool) -> None:
        self._wire = wire
        self._limits = limits

    async def open(self, host: str, port: int, secure: Secure | None, seconds: float) -> Connection:
        return await self._wire.connect(seconds)

    async def sleep(self, seconds: float) -> None:
        await self._wire.clock.sleep(seconds)

    def turns(self, limit: int, seconds: float) -> AbstractAsyncContextManager[object]:
        return InALoop().turns(limit, seconds) if self._limits else nullcontext()


def lean_consumer(wire: Wire, attempts: int, connections: int) -> LeanTransport:
    """As the consumer has it."""
    streams = OnTheWire(wire, limits=True)
    return LeanTransport(aws_environment(ENVIRONMENT), streams, attempts=attempts, connections=connections)


def lean_worker(wire: Wire, attempts: int) -> LeanTransport:
    """As the worker has it: its heartbeats have a thread of their own, and wait for nobody."""
    return LeanTransport(aws_environment(ENVIRONMENT), OnTheWire(wire, limits=False), attempts=attempts)
