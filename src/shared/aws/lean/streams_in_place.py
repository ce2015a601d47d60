"""Streams that wait here and now, without an event loop: for the worker, which makes one call at a time."""

from __future__ import annotations

import select
import socket
import time
from contextlib import AbstractAsyncContextManager
from types import TracebackType

from shared.aws.lean.streams import (
    READ_BYTES,
    WANTS,
    Address,
    Secure,
    Stream,
    connected_to,
    new_socket,
    secured_by,
)


class InPlace:
    """Waits here and now."""

    async def open(self, host: str, port: int, secure: Secure | None, seconds: float) -> Stream:
        async def connect(address: Address, share: float) -> Stream:
            return _StreamInPlace(_connected(address, host, secure, share))

        return await connected_to(host, port, seconds, connect)

    async def sleep(self, seconds: float) -> None:
        time.sleep(seconds)

    def turns(self, limit: int, seconds: float) -> AbstractAsyncContextManager[object]:
        return _NoTurns()  # there is one call at a time anyway


class _NoTurns:
    async def __aenter__(self) -> None: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def _connected(address: Address, host: str, secure: Secure | None, seconds: float) -> socket.socket:
    connected = new_socket(address)
    try:
        connected.settimeout(seconds)
        connected.connect(address[1])
        if secure is not None:
            connected = secure.wrap(connected, host, shake_hands=True)
    except BaseException:
        connected.close()
        raise
    return connected


class _StreamInPlace:
    """The socket's own time-outs do the waiting."""

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected
        self._came = select.poll()
        self._came.register(connected, select.POLLIN)

    async def send(self, data: bytes, seconds: float) -> None:
        self._socket.settimeout(max(0.001, seconds))
        self._socket.sendall(data)  # with TLS, too, the time-out is for all of it

    async def receive(self, seconds: float) -> bytes:
        self._socket.settimeout(max(0.001, seconds))
        return self._socket.recv(READ_BYTES)

    @property
    def secure(self) -> Secure | None:
        return secured_by(self._socket)

    def alive(self) -> bool:
        if not self._came.poll(0):
            return True
        try:
            self._socket.settimeout(0)
            self._socket.recv(1)
        except WANTS:
            return True  # it was for TLS itself
        except OSError:
            return False
        return False

    def close(self) -> None:
        self._socket.close()
