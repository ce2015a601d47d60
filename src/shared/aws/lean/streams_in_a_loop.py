"""Streams that wait in the running event loop, for the consumer, which makes many calls at a time."""

from __future__ import annotations

import asyncio
import select
import socket
import ssl
from contextlib import AbstractAsyncContextManager

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


class InALoop:
    async def open(self, host: str, port: int, secure: Secure | None, seconds: float) -> Stream:
        async def connect(address: Address, share: float) -> Stream:
            async with asyncio.timeout(share):
                return await _loop_stream(address, host, secure)

        return await connected_to(host, port, seconds, connect)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def turns(self, limit: int, seconds: float) -> AbstractAsyncContextManager[object]:
        return _Turns(limit, seconds)


class _Turns(asyncio.Semaphore):
    """A semaphore that waits no longer than `seconds`."""

    def __init__(self, limit: int, seconds: float) -> None:
        super().__init__(limit)
        self._seconds = seconds

    async def __aenter__(self) -> None:
        if not self.locked():
            await self.acquire()  # it does not wait, and needs no timer
            return
        async with asyncio.timeout(self._seconds):
            await self.acquire()


async def _loop_stream(address: Address, host: str, secure: Secure | None) -> _LoopStream:
    connected = new_socket(socket.socket, address)
    try:
        connected.setblocking(False)
        await asyncio.get_running_loop().sock_connect(connected, address[1])
        if secure is not None:
            connected = secured = secure.wrap(connected, host)
            await _shake_hands(secured)
    except BaseException:
        connected.close()
        raise
    return _LoopStream(connected)


async def _shake_hands(secured: ssl.SSLSocket) -> None:
    while True:
        try:
            secured.do_handshake()
        except ssl.SSLWantReadError:
            await _ready(secured, writing=False)
        except ssl.SSLWantWriteError:
            await _ready(secured, writing=True)
        else:
            return


async def _ready(waiting: socket.socket, *, writing: bool) -> None:
    """Waits until the socket can be written, or read."""
    loop = asyncio.get_running_loop()
    ready = loop.create_future()
    add, remove = (loop.add_writer, loop.remove_writer) if writing else (loop.add_reader, loop.remove_reader)

    def done() -> None:
        if not ready.done():
            ready.set_result(None)

    add(waiting.fileno(), done)
    try:
        await ready
    finally:
        remove(waiting.fileno())


class _LoopStream:
    """A stream whose reader stays with the loop between answers, and reads at once all bytes that come.

    So it notices when the other side closes the connection in the meantime.
    """

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected
        self._loop = asyncio.get_running_loop()
        self._waits: asyncio.Future[bytes] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._ends = 0.0  # the wait's
        self._over: bytes | OSError | None = None  # bytes that nobody waited for, or the end
        self._reading = False
        self._readable = select.poll()
        self._readable.register(connected, select.POLLIN)
        self._read_on()

    async def send(self, data: bytes, seconds: float) -> None:
        ends = self._loop.time() + seconds
        left = memoryview(data)
        while left:
            try:
                left = left[self._socket.send(left) :]
            except WANTS as want:
                async with asyncio.timeout_at(ends):
                    self._read_no_more()  # `_ready` may need to register the same socket
                    await _ready(self._socket, writing=not isinstance(want, ssl.SSLWantReadError))
                    self._read_on()

    async def receive(self, seconds: float) -> bytes:
        if self._over is not None:
            return self._taken(self._over)
        self._waits = waits = self._loop.create_future()
        self._give_up_at(self._loop.time() + seconds)
        try:
            came: bytes = await waits
        finally:
            self._waits = None
        return came

    @property
    def secure(self) -> Secure | None:
        return secured_by(self._socket) if isinstance(self._socket, ssl.SSLSocket) else None

    def alive(self) -> bool:
        if self._over is None and self._readable.poll(0):
            self._came()  # the loop has not read it yet
        return self._over is None

    def close(self) -> None:
        self._read_no_more()
        if self._timer is not None:
            self._timer.cancel()
        self._socket.close()

    def _give_up_at(self, ends: float) -> None:
        """Ends the wait at that time. An earlier timer stays and looks again: most are never needed, and to
        set and cancel one for each answer takes longer than to read it."""
        self._ends = ends
        if self._timer is None or self._timer.when() > ends:
            if self._timer is not None:
                self._timer.cancel()
            self._timer = self._loop.call_at(ends, self._look_at_the_clock)

    def _look_at_the_clock(self) -> None:
        self._timer = None
        if self._waits is None or self._waits.done():
            return
        if self._loop.time() < self._ends:
            self._give_up_at(self._ends)
        else:
            self._waits.set_exception(TimeoutError("no answer in time"))

    def _taken(self, over: bytes | OSError) -> bytes:
        if isinstance(over, OSError):
            raise over
        if over:
            self._over = None
            self._read_on()
        return over

    def _came(self) -> None:
        """Reads the bytes that have come, when the loop calls."""
        try:
            came: bytes | OSError = self._socket.recv(READ_BYTES)
        except WANTS:
            return
        except OSError as error:
            came = error
        waits, self._waits = self._waits, None
        if waits is None or waits.done() or not came or isinstance(came, OSError):
            self._over = came
            self._read_no_more()
        if waits is None or waits.done():
            return
        if isinstance(came, OSError):
            waits.set_exception(came)
        else:
            waits.set_result(came)

    def _read_on(self) -> None:
        if not self._reading:
            self._loop.add_reader(self._socket.fileno(), self._came)
            self._reading = True

    def _read_no_more(self) -> None:
        if self._reading:
            self._loop.remove_reader(self._socket.fileno())
            self._reading = False
