"""An endpoint of AWS in a few lines: answers calls as it is told, in the ways that networks have."""

from __future__ import annotations

import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self


class HttpEndpoint:
    """Answers each call with `answer`: a status, all of an answer in bytes, or a function's status; or in the
    ways of networks: "close", "reset", "half", "half an error" (503), "hang",
    "trickle", "trickle of a head", "bye" (202, and closes the
    connection without a word of it), "too large" (413, without reading the body), and "reads slowly" (and
    answers nothing).

    requests    -- the body of each, in order; `headers` theirs, by names in lower case.
    by_port     -- the bodies again, by the port they came from: each connection has its own.
    connections -- how many were opened, and `closed` how many of them have ended.
    taken       -- how many bytes of a body were read slowly.
    resumed     -- of each secure one, whether it went on with an earlier session.
    """

    def __init__(
        self,
        answer: int | str | bytes | Callable[[bytes], int | bytes] = 202,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.answer = answer
        self.requests: list[bytes] = []
        self.headers: list[dict[str, str]] = []
        self.paths: list[str] = []
        self.by_port: dict[int, list[bytes]] = {}
        self.connections = 0
        self.closed = 0
        self.taken = 0
        self.resumed: list[bool | None] = []
        self.released = threading.Event()
        self._server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"endpoint": self}))
        self._server.endpoint = self
        self._secure = tls is not None
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    @property
    def url(self) -> str:
        return f"http{'s' if self._secure else ''}://127.0.0.1:{self._server.server_address[1]}"

    def forget_sessions(self, tls: ssl.SSLContext) -> None:
        """Secures connections by `tls` from now on. Sessions of an earlier one mean nothing to it."""
        listening = socket.socket(fileno=self._server.socket.detach())
        self._server.socket = tls.wrap_socket(listening, server_side=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.released.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    endpoint: HttpEndpoint
    daemon_threads = True
    request_queue_size = 64

    def shutdown_request(self, request: Any) -> None:
        super().shutdown_request(request)
        self.endpoint.closed += 1

    def handle_error(self, *_: object) -> None:
        """Ignores a connection that was cut: that is no news here."""


class _Handler(BaseHTTPRequestHandler):
    endpoint: HttpEndpoint
    protocol_version = "HTTP/1.1"

    def setup(self) -> None:
        super().setup()
        self.endpoint.connections += 1
        if isinstance(self.connection, ssl.SSLSocket):
            self.endpoint.resumed.append(self.connection.session_reused)

    def do_POST(self) -> None:
        if self.endpoint.answer == "too large":
            self._refuse_unread()
            return
        if self.endpoint.answer == "reads slowly":
            self._read_slowly()
            return
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.endpoint.requests.append(body)
        self.endpoint.headers.append({name.lower(): value for name, value in self.headers.items()})
        self.endpoint.paths.append(self.path)
        self.endpoint.by_port.setdefault(self.client_address[1], []).append(body)
        answer = self.endpoint.answer(body) if callable(self.endpoint.answer) else self.endpoint.answer
        if isinstance(answer, bytes):
            self.wfile.write(answer)
        elif isinstance(answer, int):
            self._say(answer)
        else:
            self._break(answer)

    do_GET = do_POST  # noqa: N815 -- the name that http.server wants

    def _read_slowly(self) -> None:
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 100_000)
        while not self.endpoint.released.wait(0.02) and (piece := self.rfile.read(100_000)):
            self.endpoint.taken += len(piece)

    def _refuse_unread(self) -> None:
        self.close_connection = True
        self._say(413)
        self.wfile.flush()
        self.connection.shutdown(socket.SHUT_WR)
        self.endpoint.released.wait(0.2)

    def _break(self, how: str) -> None:
        self.close_connection = True
        match how:
            case "reset":
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            case "half":
                self.wfile.write(b"HTTP/1.1 202 Accepted\r\nContent-Length: 100\r\n\r\n{")
            case "half an error":
                self.wfile.write(b"HTTP/1.1 503 Busy\r\nContent-Length: 100\r\n\r\n{")
            case "trickle" | "trickle of a head":  # a byte now and then, without an end
                length = "Content-Length: 1000000\r\n\r\n" if how == "trickle" else ""
                self.wfile.write(f"HTTP/1.1 200 OK\r\n{length}".encode())
                while not self.endpoint.released.wait(0.02):
                    self.wfile.write(b"x")
            case "hang":
                self.endpoint.released.wait(30)
            case "bye":
                self.wfile.write(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")

    def _say(self, status: int) -> None:
        said = b"" if status == 202 else b'{"Type": "User", "Message": "as the endpoint was told"}'
        self.send_response(status)
        self.send_header("Content-Length", str(len(said)))
        self.send_header("Content-Type", "application/json")
        if status == 429:
            self.send_header("x-amzn-errortype", "TooManyRequestsException")
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, *_: Any) -> None:
        """Logs nothing."""


def wait_for(condition: Callable[[], bool], seconds: float = 5) -> bool:
    """Tells whether it comes true in that time."""
    give_up_at = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > give_up_at:
            return False
        time.sleep(0.01)
    return True
