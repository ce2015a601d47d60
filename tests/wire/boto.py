"""boto's transport on the wire: boto3 as it is, on sockets that are connections of virtual time.

boto3 blocks, and virtual time must not pass while it computes. So each call has a thread, in lockstep with
the event loop: the loop stands still until the thread has ended, or waits for the wire; then the thread
stands still until the loop has what it waits for.
"""

from __future__ import annotations

import functools
import io
import threading
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from queue import SimpleQueue
from types import SimpleNamespace
from typing import Any, NamedTuple

import botocore.endpoint
import pytest
import urllib3.connection
import urllib3.util.connection
from tests.transports import as_on_lambda
from tests.wire.lean import ENVIRONMENT
from tests.wire.wire import Connection, Wire

from shared.aws.boto import BotoTransport
from shared.aws.transport import Service

MAX_THREADS = 2_000

_THREAD = threading.local()
"""`call` is the call that the thread makes."""


class _Ended(NamedTuple):
    result: Any
    error: BaseException | None


class _Call:
    """One blocking call."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self._asked: SimpleQueue[Coroutine[Any, Any, Any] | _Ended] = SimpleQueue()
        self._answered: SimpleQueue[_Ended] = SimpleQueue()

    def work(self, function: Callable[[], Any]) -> None:
        """In the thread: all of the call."""
        _THREAD.call = self
        try:
            ended = _Ended(function(), None)
        except BaseException as error:
            ended = _Ended(None, error)
        self._asked.put(ended)

    def wait_for[R](self, coroutine: Coroutine[Any, Any, R]) -> R:
        """In the thread: what the loop's coroutine gives."""
        self._asked.put(coroutine)
        return _given(self._answered.get())

    async def in_the_loop(self) -> Any:
        """In the loop: what the call gives. A loop's time passes only in what the thread waits for."""
        while not isinstance(asked := self._asked.get(), _Ended):
            try:
                answered = _Ended(await asked, None)
            except BaseException as error:  # also that the process is killed: then the thread ends with it
                answered = _Ended(None, error)
            self._answered.put(answered)
        return _given(asked)


def _given(ended: _Ended) -> Any:
    if ended.error is not None:
        raise ended.error
    return ended.result


class InLockstep:
    """How a world makes blocking calls: the `Caller` of boto's transport."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    async def __call__[R](self, function: Callable[..., R], /, **arguments: Any) -> R:
        call = _Call(self._wire)
        _threads().submit(copy_context().run, call.work, functools.partial(function, **arguments))
        result: R = await call.in_the_loop()
        return result


@functools.cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(MAX_THREADS, thread_name_prefix="boto")


class _Socket:
    """A connection of the wire, as http.client uses sockets."""

    def __init__(self, wire: Wire, connection: Connection, seconds: float) -> None:
        self.wire = wire
        self.connection = connection
        self._seconds = seconds

    def settimeout(self, seconds: float) -> None:
        self._seconds = seconds

    def sendall(self, data: bytes) -> None:
        _THREAD.call.wait_for(self.connection.send(bytes(data), self._seconds))

    def recv(self) -> bytes:
        came: bytes = _THREAD.call.wait_for(self.connection.receive(self._seconds))
        return came

    def makefile(self, *_: object) -> io.BufferedReader:
        return io.BufferedReader(_File(self))

    def shutdown(self, how: int) -> None: ...

    def close(self) -> None:
        self.connection.close()


class _File(io.RawIOBase):
    """What comes on a socket."""

    def __init__(self, socket: _Socket) -> None:
        super().__init__()
        self._socket = socket
        self._left = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._left = self._left or self._socket.recv()
        taken, self._left = self._left[: len(buffer)], self._left[len(buffer) :]
        buffer[: len(taken)] = taken
        return len(taken)


def _connected(address: tuple[str, int], timeout: float, **_: object) -> _Socket:
    """In place of urllib3's create_connection."""
    wire = _THREAD.call.wire
    return _Socket(wire, _THREAD.call.wait_for(wire.connect(timeout)), timeout)


def _has_news(socket: _Socket, timeout: float) -> bool:
    """In place of urllib3's wait_for_read: whether it can't be used again. Another world's can't."""
    return socket.wire is not _THREAD.call.wire or not socket.connection.alive()


def _sleep(seconds: float) -> None:
    """In place of time.sleep, between boto's attempts."""
    _THREAD.call.wait_for(_THREAD.call.wire.clock.sleep(seconds))


def boto_on_virtual_time(patch: pytest.MonkeyPatch) -> None:
    """From now on boto's sockets are the wire's."""
    patch.setattr(urllib3.util.connection, "create_connection", _connected)
    patch.setattr(urllib3.connection, "wait_for_read", _has_news)
    patch.setattr(botocore.endpoint, "time", SimpleNamespace(time=time.time, sleep=_sleep))


def boto_transport(wire: Wire, attempts: int, connections: int, *services: Service) -> BotoTransport:
    """A process's transport. Its clients are all processes': it takes long to make them."""
    clients = _clients(attempts, connections, services)
    return BotoTransport(attempts=attempts, call=InLockstep(wire), clients=clients)


@functools.cache
def _clients(attempts: int, connections: int, services: tuple[Service, ...]) -> Mapping[Service, Any]:
    """As the product makes them."""
    with _as_on_lambda():
        made = BotoTransport(attempts=attempts, connections=connections)
        return {service: made.client(service) for service in services}


@contextmanager
def _as_on_lambda() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        as_on_lambda(patch, ENVIRONMENT["AWS_ENDPOINT_URL"])
        yield
