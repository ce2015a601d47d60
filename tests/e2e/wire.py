"""The wire between the functions and the local AWS, which breaks: what network and AWS do to requests.

It also knows, without asking our code, when a task's completion was recorded: it saw the answer.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from random import Random
from typing import Self
from urllib.parse import urlsplit

LOST = "request lost"
UNANSWERED = "answer lost"
THROTTLED = "invoke throttled"
CUT = "cut under way"

CHANCE = {LOST: 0.004, UNANSWERED: 0.004, THROTTLED: 0.01}
"""Of a fault at each request, while the wire is bad."""


class Wire:
    """Passes requests to the local AWS at `endpoint`, over plain HTTP, and answers back.

    url      -- for the functions.
    bad      -- whether it breaks requests now.
    fired    -- how many of each fault there were.
    recorded -- when DynamoDB's first answer with a done record came, by the record's key, in monotonic time.
    """

    def __init__(self, endpoint: str, random: Random) -> None:
        self.upstream = urlsplit(endpoint).netloc
        self.bad = False
        self.fired: Counter[str] = Counter()
        self.passed: Counter[str] = Counter()
        self.recorded: dict[str, float] = {}
        self._random = random
        self._lock = threading.Lock()
        self._busy: dict[socket.socket, bool] = {}
        self._server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"wire": self}))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self.cut()
        self._server.server_close()

    def cut(self) -> int:
        """Cuts every connection there is. Returns how many had a request under way."""
        with self._lock:
            busy = sum(self._busy.values())
            for connection in self._busy:
                with contextlib.suppress(OSError):  # the other side was faster
                    connection.shutdown(socket.SHUT_RDWR)
            self.fired[CUT] += busy
        return busy

    def fault(self, path: str) -> str | None:
        """Returns what is to happen to this request, if anything."""
        with self._lock:
            drawn = self._random.random() if self.bad else 1.0
            for fault, chance in CHANCE.items():
                if drawn < chance and (fault != THROTTLED or path.endswith("/invocations")):
                    self.fired[fault] += 1
                    return fault
                drawn -= chance
        return None

    def note_connection(self, connection: socket.socket, busy: bool | None) -> None:
        """Notes whether the connection has a request under way. With None it is gone."""
        with self._lock:
            if busy is None:
                self._busy.pop(connection, None)
            else:
                self._busy[connection] = busy

    def note_passed(self, target: str, status: int, said: bytes) -> None:
        """Notes that a request was answered."""
        now = time.monotonic()
        with self._lock:
            self.passed[target.rpartition("_")[2]] += 1
            if status == 200 and target.endswith(".UpdateItem"):
                item = json.loads(said).get("Attributes", {})
                if "done" in item:
                    self.recorded.setdefault(item["key"]["S"], now)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, *_: object) -> None:
        """Ignores a connection that was cut: that is no news here."""


class _Handler(BaseHTTPRequestHandler):
    wire: Wire
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # one write an answer
    disable_nagle_algorithm = True

    def setup(self) -> None:
        super().setup()
        self.wire.note_connection(self.connection, busy=False)

    def finish(self) -> None:
        self.wire.note_connection(self.connection, busy=None)
        super().finish()

    def do_POST(self) -> None:
        self.wire.note_connection(self.connection, busy=True)
        body = self.rfile.read(int(self.headers["Content-Length"]))
        fault = self.wire.fault(self.path)
        if fault == THROTTLED:
            said = b'{"Reason": "CallerRateLimitExceeded", "Type": "User", "message": "Rate Exceeded."}'
            self._say(429, {"x-amzn-errortype": "TooManyRequestsException"}, said)
        elif fault == LOST:
            self._hang_up()
        else:
            status, headers, answer = self._pass_on(body)
            if fault == UNANSWERED:
                self._hang_up()
            else:
                self._say(status, headers, answer)
        self.wire.note_connection(self.connection, busy=False)

    def _pass_on(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
        upstream = http.client.HTTPConnection(self.wire.upstream)
        try:
            upstream.request("POST", self.path, body, dict(self.headers.items()))
            answer = upstream.getresponse()
            said = answer.read()
        finally:
            upstream.close()
        self.wire.note_passed(self.headers.get("X-Amz-Target") or "Invoke", answer.status, said)
        return answer.status, dict(answer.getheaders()), said

    def _say(self, status: int, headers: dict[str, str], said: bytes) -> None:
        self.send_response_only(status)
        for name, value in headers.items():
            if name.lower() not in ("content-length", "transfer-encoding", "connection"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def _hang_up(self) -> None:
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Says nothing."""
