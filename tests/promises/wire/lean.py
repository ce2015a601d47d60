"""The lean transport on the wire: a third way for its streams to wait, on virtual time."""

from __future__ import annotations

import random
from contextlib import AbstractAsyncContextManager, nullcontext
from types import SimpleNamespace

import pytest
from tests.promises.wire.wire import Connection, Wire

from consumer.pollers import MIN_POLLERS, connections_for
from shared.aws import sqs_queue
from shared.aws.lean import connections, transport
from shared.aws.lean.endpoint import aws_environment
from shared.aws.lean.streams import Secure
from shared.aws.lean.streams_in_a_loop import InALoop
from shared.aws.lean.transport import LeanTransport
from shared.ports.clock import Clock

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


def lean_consumer(wire: Wire, key: str = "test") -> LeanTransport:
    """Makes a transport as the consumer has it."""
    environment = aws_environment({**ENVIRONMENT, "AWS_ACCESS_KEY_ID": key})
    streams = OnTheWire(wire, limits=True)
    return LeanTransport(environment, streams, attempts=1, connections=connections_for(MIN_POLLERS))


def lean_worker(wire: Wire, attempts: int = 4, key: str = "test") -> LeanTransport:
    """Makes one as the worker has it: its heartbeats have a thread of their own, and wait for nobody."""
    environment = aws_environment({**ENVIRONMENT, "AWS_ACCESS_KEY_ID": key})
    return LeanTransport(environment, OnTheWire(wire, limits=False), attempts=attempts)


def on_virtual_time(patch: pytest.MonkeyPatch, clock: Clock, seed: int) -> None:
    """Gives the transport the clock's time, and the seed's chance."""
    random.seed(seed)  # what it pauses by
    patch.setattr(sqs_queue, "time", SimpleNamespace(time=clock.now))
    patch.setattr(transport, "time", clock.now)
    for name in ("time", "monotonic"):
        patch.setattr(connections, name, clock.now)
