"""How do bytes get to another machine and back? What streams are; `streams_in_place.py` and
`streams_in_a_loop.py` have the two ways to wait for them.

A stream is a socket, TCP or TLS. The two ways differ in nothing that could be seen from outside.
"""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from socket import IPPROTO_TCP, SOCK_STREAM, TCP_NODELAY, SocketType, getaddrinfo, socket
from ssl import SSLCertVerificationError
from time import monotonic, time
from typing import NamedTuple, Protocol

READ_BYTES = 262_144

ADDRESSES_SECONDS = 30.0
"""How long the addresses of a host are remembered: while connections are opened, not until they change."""

NO_ADDRESS_SECONDS = 3.0
"""How long it is remembered that a host has none: many calls would ask one after the other."""

WANTS = (ssl.SSLWantReadError, ssl.SSLWantWriteError, BlockingIOError)
"""What a socket that does not block raises where it would."""

type Address = tuple[int, tuple[object, ...]]
"""A family of addresses, and one of them."""


class Secure(NamedTuple):
    """How a connection is made secure: `session` is an earlier one's, of the same context."""

    context: ssl.SSLContext
    session: ssl.SSLSession | None = None

    def wrap(self, plain: socket, host: str) -> ssl.SSLSocket:
        """The socket, as TLS's client, before the handshake."""
        return self.context.wrap_socket(
            plain, server_hostname=host, session=self.session, do_handshake_on_connect=False
        )


def secured_by(connected: ssl.SSLSocket | ssl.SSLObject) -> Secure | None:
    """How it was made secure, for the next one. None if it went on with a session: that one is still good,
    and to read another takes a while."""
    if connected.session_reused:
        return None
    return Secure(connected.context, connected.session)


class Stream(Protocol):
    """A connection. Its methods raise OSError, of which TimeoutError and ssl.SSLError are kinds."""

    async def send(self, data: bytes, seconds: float) -> None:
        """Sends all of it."""

    async def receive(self, seconds: float) -> bytes:
        """What comes next; nothing if the other side has closed."""

    @property
    def secure(self) -> Secure | None:
        """What the next connection may begin with, so that its handshake takes less time; or None."""

    def alive(self) -> bool:
        """Whether it can be used again: not closed, and nothing has come that nobody asked for."""

    def close(self) -> None: ...


class Streams(Protocol):
    """A way to wait."""

    async def open(self, host: str, port: int, secure: Secure | None, seconds: float) -> Stream:
        """A new connection, within so many seconds. Raises OSError."""

    async def sleep(self, seconds: float) -> None: ...

    def turns(self, limit: int, seconds: float) -> AbstractAsyncContextManager[object]:
        """What lets so many in at a time. Raises TimeoutError to who has waited for so many seconds."""


def new_socket[S: SocketType](kind: type[S], address: Address) -> S:
    """A TCP socket for such an address, not connected yet."""
    made = kind(address[0], SOCK_STREAM)
    made.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)  # a request is sent whole
    return made


_known: dict[tuple[str, int], tuple[float, list[Address] | OSError]] = {}


def addresses(host: str, port: int) -> list[Address]:
    """Where a host can be reached, the best one first. Raises OSError.

    To ask blocks, so the answer is remembered for a while, and for a moment that there was none.
    """
    until, found = _known.get((host, port), (0.0, []))
    if time() >= until:
        found = _asked(host, port)
        seconds = NO_ADDRESS_SECONDS if isinstance(found, OSError) else ADDRESSES_SECONDS
        _known[host, port] = time() + seconds, found
    if isinstance(found, OSError):
        raise found
    return list(found)


async def connected_to[S: Stream](
    host: str, port: int, seconds: float, connect: Callable[[Address, float], Awaitable[S]]
) -> S:
    """The first connection that can be had, at whichever of the host's addresses. Raises OSError.

    connect -- opens one at an address, within so many seconds: each gets its share of what is left.
    """
    ends = monotonic() + seconds
    error: OSError | None = None
    found = addresses(host, port)
    for number, address in enumerate(found):
        share = (ends - monotonic()) / (len(found) - number)
        try:
            return await connect(address, max(0.001, share))
        except SSLCertVerificationError:
            raise  # another address is no better
        except OSError as failed:
            _comes_last(host, port, address)
            error = failed
    raise error or OSError(f"{host} has no address")


def _comes_last(host: str, port: int, address: Address) -> None:
    """That one did not answer: from now on the others are asked before it."""
    until, found = _known.get((host, port), (0.0, []))
    if not isinstance(found, OSError) and address in found:
        _known[host, port] = until, [*(one for one in found if one != address), address]


def _asked(host: str, port: int) -> list[Address] | OSError:
    try:
        told = getaddrinfo(host, port, type=SOCK_STREAM)
    except OSError as error:
        return error
    return [(family, address) for family, _, _, _, address in told]
