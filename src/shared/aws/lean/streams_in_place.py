"""Streams that block, without an event loop, for the worker, which makes one call at a time.

Tasks run in the worker's process, and a library of theirs may replace parts of the standard library, as
gevent, eventlet and PySocks do. So this module binds all that it uses before the first task runs. It builds
TLS from `ssl`'s parts: `ssl`'s own sockets look up names in their module, and would find the replaced ones.
"""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager, suppress
from select import POLLIN, poll
from socket import SocketType
from ssl import MemoryBIO, SSLContext, SSLEOFError, SSLWantReadError
from time import monotonic, sleep
from types import TracebackType

from shared.aws.lean.streams import (
    READ_BYTES,
    Address,
    Secure,
    Stream,
    connected_to,
    new_socket,
    secured_by,
)

_wrap_bio = SSLContext.wrap_bio
_MIN_SECONDS = 0.001
"""The least time-out: 0 would mean not to wait."""


class InPlace:
    async def open(self, host: str, port: int, secure: Secure | None, seconds: float) -> Stream:
        async def connect(address: Address, share: float) -> Stream:
            return _connected(address, host, secure, share)

        return await connected_to(host, port, seconds, connect)

    async def sleep(self, seconds: float) -> None:
        sleep(seconds)

    def turns(self, limit: int, seconds: float) -> AbstractAsyncContextManager[object]:
        return _NoTurns()  # there is only one call at a time


class _NoTurns:
    async def __aenter__(self) -> None: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def _connected(address: Address, host: str, secure: Secure | None, seconds: float) -> _Plain:
    ends = monotonic() + seconds
    connected = new_socket(SocketType, address)
    try:
        connected.settimeout(seconds)
        connected.connect(address[1])
        if secure is None:
            return _Plain(connected)
        stream = _Secured(connected, secure, host)
        stream.shake_hands(ends)
    except BaseException:
        connected.close()
        raise
    return stream


class _Plain:
    """A TCP stream. It waits by the socket's own time-outs."""

    def __init__(self, connected: SocketType) -> None:
        self._socket = connected
        self._readable = poll()
        self._readable.register(connected, POLLIN)

    async def send(self, data: bytes, seconds: float) -> None:
        self._send(data, monotonic() + seconds)

    async def receive(self, seconds: float) -> bytes:
        return self._receive(monotonic() + seconds)

    @property
    def secure(self) -> Secure | None:
        return None

    def alive(self) -> bool:
        return not self._readable.poll(0)

    def close(self) -> None:
        with suppress(OSError):  # a task may have closed every descriptor
            self._socket.close()

    def _send(self, data: bytes, ends: float) -> None:
        self._socket.settimeout(max(_MIN_SECONDS, ends - monotonic()))
        self._socket.sendall(data)  # the time-out covers all of the data

    def _receive(self, ends: float) -> bytes:
        self._socket.settimeout(max(_MIN_SECONDS, ends - monotonic()))
        return self._socket.recv(READ_BYTES)


class _Secured(_Plain):
    """A TLS stream, between two buffers: one from the socket, and one to it."""

    def __init__(self, connected: SocketType, secure: Secure, host: str) -> None:
        super().__init__(connected)
        self._came, self._goes = MemoryBIO(), MemoryBIO()
        self._tls = _wrap_bio(
            secure.context, self._came, self._goes, server_hostname=host, session=secure.session
        )

    def shake_hands(self, ends: float) -> None:
        while True:
            try:
                self._tls.do_handshake()
            except SSLWantReadError:
                self._send_out(ends)
                self._take_in(ends)
            except OSError:
                with suppress(OSError):
                    self._send_out(ends)  # tells the other side why
                raise
            else:
                self._send_out(ends)
                return

    async def send(self, data: bytes, seconds: float) -> None:
        left = memoryview(data)
        while left:
            left = left[self._tls.write(left) :]
        self._send_out(monotonic() + seconds)

    async def receive(self, seconds: float) -> bytes:
        ends = monotonic() + seconds
        if not self._came.pending and not self._tls.pending():
            self._take_in(ends)  # usual: to find out by an error that nothing is there takes longer
        while True:
            try:
                return self._tls.read(READ_BYTES)
            except SSLWantReadError:
                self._take_in(ends)
            except SSLEOFError:
                return b""  # closed without TLS's end: the answer itself shows whether it is complete

    @property
    def secure(self) -> Secure | None:
        return secured_by(self._tls)

    def alive(self) -> bool:
        if not self._readable.poll(0):
            return True
        try:
            self._take_in(monotonic())
            self._tls.read(1)
        except SSLWantReadError:
            return True  # the bytes were TLS's own
        except OSError:
            return False
        return False

    def _send_out(self, ends: float) -> None:
        if self._goes.pending:
            self._send(self._goes.read(), ends)

    def _take_in(self, ends: float) -> None:
        came = self._receive(ends)
        if came:
            self._came.write(came)
        else:
            self._came.write_eof()
