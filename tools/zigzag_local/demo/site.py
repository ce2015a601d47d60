"""The web site that the demo's crawler visits, on the loopback. It has good, slow, failing and missing
pages."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SLOW_SECONDS = 3
FAILURES = 2
"""Times that a flaky page fails before it answers well."""


@contextmanager
def site() -> Iterator[str]:
    """Yields the site's URL while it runs. Its pages are /good/…, /slow/…, /flaky/… and /gone/…"""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Pages)
    server.visits = Counter()  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Pages(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        visits: Counter[str] = self.server.visits  # type: ignore[attr-defined]
        visits[self.path] += 1
        if self.path.startswith("/slow/"):
            time.sleep(SLOW_SECONDS)
        if self.path.startswith("/gone/"):
            self._answer(404, "gone")
        elif self.path.startswith("/flaky/") and visits[self.path] <= FAILURES:
            self._answer(503, "try again")
        else:
            self._answer(200, f"<h1>{self.path}</h1>")

    def _answer(self, status: int, text: str) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        """Logs nothing: the demo's own lines are enough."""
