"""Accepts connections on a free port, over TLS with its own certificate."""

from __future__ import annotations

import contextlib
import socket
import ssl
from pathlib import Path

from benchmarks.stub.answers import Answers
from benchmarks.stub.certificate import make_certificate
from benchmarks.stub.loop import Loop
from benchmarks.stub.protocol import Connection

MAX_WAITING = 1024
"""Most connections that the kernel keeps until they are accepted."""


class Server:
    """Listens at once, and answers while its `loop` runs.

    ca -- the CA bundle that its clients need, a file in `folder`.
    """

    def __init__(self, answers: Answers, folder: Path) -> None:
        made = make_certificate(folder)
        self.ca = made.certificate
        self.loop = Loop()
        self._answers = answers
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.load_cert_chain(made.certificate, made.key)
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=MAX_WAITING)
        self._listening.setblocking(False)
        self.port = int(self._listening.getsockname()[1])
        self.url = f"https://127.0.0.1:{self.port}"
        self.loop.on_readable(self._listening, self._accept)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # a client that has gone again
            plain, _ = self._listening.accept()
            Connection(plain, self._tls, self.loop, self._answers)
