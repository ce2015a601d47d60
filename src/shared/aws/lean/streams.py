"""The interface of streams, which send and receive bytes. `streams_in_place.py` and `streams_in_a_loop.py`
have the two ways to wait for them.

A stream is a TCP or TLS socket. Both ways behave alike towards the server.
"""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from socket import IPPROTO_TCP, SOCK_STREAM, TCP_NODELAY, SocketType, getaddrinfo, socket
from ssl import SSLCertVerificationError
from time import monotonic, time
from typing import NamedTuple, Protocol

from shared.aws.within import TooSlowError, within

READ_BYTES = 262_144

ADDRESSES_SECONDS = 30.0
"""Time for which a host's addresses are kept: enough to open connections, as addresses may change."""

NO_ADDRESS_SECONDS = 3.0
"""Time for which a failed look-up is kept: otherwise many calls would repeat it one after the other."""

WANTS = (ssl.SSLWantReadError, ssl.SSLWantWriteError, BlockingIOError)
"""Errors of a non-blocking socket when it would have to wait."""

type Address = tuple[int, tuple[object, ...]]
"""A family of addresses, and one address of it."""


class Secure(NamedTuple):
    """The parameters of TLS. `session` is that of an earlier connection with the same context."""

    context: ssl.SSLContext
    session: ssl.SSLSession | None = None

    def wrap(self, plain: socket, host: str) -> ssl.SSLSocket:
        """Returns the socket as TLS's client, before the handshake."""
        return self.context.wrap_socket(
            plain, server_hostname=host, session=self.session, do_handshake_on_connect=False
        )


def secured_by(connected: ssl.SSLSocket | ssl.SSLObject) -> Secure | None:
    """Returns the parameters for the next connection, or None if this one reused a session: that session is
    still valid, and to read another takes time."""
    if connected.session_reused:
        return None
    return Secure(connected.context, connected.session)


class Stream(Protocol):
    """A connection. Its methods raise OSError, of which TimeoutError and ssl.SSLError are kinds."""

    async def send(self, data: bytes, seconds: float) -> None:
        """Sends all of the data."""

    async def receive(self, seconds: float) -> bytes:
        """Returns the next bytes that come; b"" if the other side has closed."""

    @property
    def secure(self) -> Secure | None:
        """The parameters that make the next connection's handshake shorter, or None."""

    def alive(self) -> bool:
        """Returns whether the stream can be used again: it is open, and no unexpected bytes have come."""

    def close(self) -> None: ...


class Streams(Protocol):
    """Opens streams, and has one way to wait for them."""

    async def open(self, host: str, port: int, secure: Secure | None, seconds: float) -> Stream:
        """Opens a connection within `seconds`. Raises OSError."""

    async def sleep(self, seconds: float) -> None: ...

    def turns(self, limit: int, seconds: float) -> AbstractAsyncContextManager[object]:
        """Returns a context for `limit` calls at a time. Raises TimeoutError after a wait of `seconds`."""


def new_socket[S: SocketType](kind: type[S], address: Address) -> S:
    """Returns a TCP socket for the address, not connected yet."""
    made = kind(address[0], SOCK_STREAM)
    made.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)  # a request is sent in one piece
    return made


_known: dict[tuple[str, int], tuple[float, list[Address] | OSError]] = {}


def addresses(host: str, port: int, seconds: float) -> list[Address]:
    """Returns the addresses of a host, the best one first, within `seconds`. Raises OSError.

    A look-up blocks, so its answer is kept for a while, and a failure for a moment. It has no time limit, and
    goes on in its thread: an answer that comes late is kept as well.
    """
    until, found = _known.get((host, port), (0.0, []))
    if time() >= until:
        try:
            found = within(seconds, lambda: _keep(host, port, _asked(host, port)))
        except TooSlowError:
            found = _keep(host, port, TimeoutError(f"the name {host} is still looked up"))
    if isinstance(found, OSError):
        raise found
    return list(found)


async def connected_to[S: Stream](
    host: str, port: int, seconds: float, connect: Callable[[Address, float], Awaitable[S]]
) -> S:
    """Returns the first connection that succeeds, at any of the host's addresses. Raises OSError.

    connect -- opens a connection to an address within so many seconds: its share of the time that is left.
    """
    ends = monotonic() + seconds
    error: OSError | None = None
    found = addresses(host, port, seconds)
    for number, address in enumerate(found):
        share = (ends - monotonic()) / (len(found) - number)
        try:
            return await connect(address, max(0.001, share))
        except SSLCertVerificationError:
            raise  # another address would not help
        except OSError as failed:
            _comes_last(host, port, address)
            error = failed
    raise error or OSError(f"{host} has no address")


def _comes_last(host: str, port: int, address: Address) -> None:
    """Moves an address that did not answer behind the host's others."""
    until, found = _known.get((host, port), (0.0, []))
    if not isinstance(found, OSError) and address in found:
        _known[host, port] = until, [*(one for one in found if one != address), address]


def _keep(host: str, port: int, found: list[Address] | OSError) -> list[Address] | OSError:
    """Keeps what was found, and returns it; or what another look-up has found, in place of a failure."""
    until, known = _known.get((host, port), (0.0, []))
    if isinstance(found, OSError) and not isinstance(known, OSError) and time() < until:
        return known
    seconds = NO_ADDRESS_SECONDS if isinstance(found, OSError) else ADDRESSES_SECONDS
    _known[host, port] = time() + seconds, found
    return found


def _asked(host: str, port: int) -> list[Address] | OSError:
    try:
        told = getaddrinfo(host, port, type=SOCK_STREAM)
    except OSError as error:
        return error
    return [(family, address) for family, _, _, _, address in told]
