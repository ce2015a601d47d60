"""A Lambda endpoint in a few lines: answers invokes as it is told, in the ways that networks have."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self


class LambdaEndpoint:
    """Answers each invoke with `answer`: a status, "close", "reset", "half", "hang"; or a function's status.

    requests    -- the body of each, in order.
    connections -- how many were opened.
    """

    def __init__(self, answer: int | str | Callable[[bytes], int] = 202) -> None:
        self.answer = answer
        self.requests: list[bytes] = []
        self.headers: list[dict[str, str]] = []
        self.paths: list[str] = []
        self.connections = 0
        self.released = threading.Event()
        self._server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"endpoint": self}))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.released.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, *_: object) -> None:
        """A connection that was cut is no news here."""


class _Handler(BaseHTTPRequestHandler):
    endpoint: LambdaEndpoint
    protocol_version = "HTTP/1.1"

    def setup(self) -> None:
        super().setup()
        self.endpoint.connections += 1

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.endpoint.requests.append(body)
        self.endpoint.headers.append(dict(self.headers.items()))
        self.endpoint.paths.append(self.path)
        answer = self.endpoint.answer(body) if callable(self.endpoint.answer) else self.endpoint.answer
        if isinstance(answer, int):
            self._say(answer)
        else:
            self._break(answer)

    def _break(self, how: str) -> None:
        self.close_connection = True
        match how:
            case "reset":
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            case "half":
                self.wfile.write(b"HTTP/1.1 202 Accepted\r\nContent-Length: 100\r\n\r\n{")
            case "hang":
                self.endpoint.released.wait(30)

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
        """Quiet."""


def wait_for(condition: Callable[[], bool], seconds: float = 5) -> bool:
    """Whether it comes true in that time."""
    give_up_at = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > give_up_at:
            return False
        time.sleep(0.01)
    return True
