"""A client's connection by TLS, on a socket that never blocks."""

from __future__ import annotations

import socket
import ssl

from benchmarks.stub.loop import Loop

_RECORD_BYTES = 16_384
"""The most bytes of a TLS record, and so of one read. A larger buffer would only cost time."""


class TlsConnection:
    """The server's end. A subclass gets bytes by `received`, and answers by `send`."""

    def __init__(self, plain: socket.socket, context: ssl.SSLContext, loop: Loop) -> None:
        plain.setblocking(False)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket = context.wrap_socket(plain, server_side=True, do_handshake_on_connect=False)
        self._loop = loop
        self._unsent = b""
        self._is_open = True
        loop.on_readable(self._socket, self._shake_hands)

    @property
    def resumed(self) -> bool:
        """Returns whether the client resumed an earlier session, with a shorter handshake."""
        return bool(self._socket.session_reused)

    def received(self, data: bytes) -> None:
        """Takes decrypted bytes."""
        raise NotImplementedError

    def send(self, data: bytes) -> None:
        """Sends all of the data, as fast as the client reads it."""
        if self._unsent:
            self._unsent += data
        elif self._is_open:
            self._unsent = data
            self._send_on()

    def _send_on(self) -> None:
        try:
            while self._unsent:
                self._unsent = self._unsent[self._socket.send(self._unsent) :]
        except ssl.SSLWantWriteError:  # the client is slow to read: we read nothing until it does
            self._loop.on_writable(self._socket, self._send_the_rest)
        except OSError:
            self._close()

    def _send_the_rest(self) -> None:
        self._send_on()
        if self._is_open and not self._unsent:
            self._loop.on_readable(self._socket, self._read)

    def _shake_hands(self) -> None:
        try:
            self._socket.do_handshake()
        except ssl.SSLWantReadError:
            return
        except OSError:  # the client does not trust us, or does not speak TLS
            self._close()
            return
        self._loop.on_readable(self._socket, self._read)
        self._read()

    def _read(self) -> None:
        """Reads all bytes that are there: the selector does not see those that OpenSSL has read ahead."""
        try:
            while self._is_open:
                data = self._socket.recv(_RECORD_BYTES)
                if not data:  # the client has closed
                    self._close()
                    return
                self.received(data)
                if not self._socket.pending():
                    return
        except ssl.SSLWantReadError:
            pass
        except OSError:
            self._close()

    def _close(self) -> None:
        if self._is_open:
            self._is_open, self._unsent = False, b""
            self._loop.forget(self._socket)
            self._socket.close()
