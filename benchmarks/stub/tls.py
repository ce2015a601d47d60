"""TLS on asyncio's transports, by OpenSSL's memory buffers.

asyncio brings TLS of its own, which does more (it shuts down in order, say) for nearly twice the CPU: a stub
that slow would be what is measured.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import cast

_RECORD_BYTES = 16_384
"""The most that a record of TLS holds, and so what one read gives. More is only allocated, at a price."""


class TlsConnection(asyncio.Protocol):
    """The server's end of one connection.

    Who inherits takes what comes by `received`, and answers by `send`.
    """

    def __init__(self, context: ssl.SSLContext) -> None:
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._is_open = False

    @property
    def resumed(self) -> bool:
        """Whether the client came with an earlier session, and so had a shorter handshake."""
        return bool(self._tls.session_reused)

    def received(self, data: bytes) -> None:
        """Takes some decrypted bytes."""
        raise NotImplementedError

    def send(self, data: bytes) -> None:
        if self._is_open and not self._transport.is_closing():
            self._tls.write(data)
            self._transport.write(self._outgoing.read())

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._incoming.write(data)
        try:
            if not self._is_open:
                self._shake_hands()
            while self._incoming.pending:
                plain = self._tls.read(_RECORD_BYTES)
                if not plain:  # the client says goodbye
                    self._transport.close()
                    return
                self.received(plain)
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError:  # it does not trust us, or speaks no TLS
            self._transport.close()

    def _shake_hands(self) -> None:
        try:
            self._tls.do_handshake()
            self._is_open = True
        finally:
            self._transport.write(self._outgoing.read())
