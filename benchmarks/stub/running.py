"""Starts the stub as a process, reads its counters, and ends it."""

from __future__ import annotations

import http.client
import json
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import machine

ROOT = Path(__file__).resolve().parents[2]
MAX_END_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Stub:
    """A running stub.

    ca -- the CA bundle that its clients need.
    """

    url: str
    port: int
    ca: Path

    def reset(self, backlog: int = 0, **manner: Any) -> None:
        """Makes a new backlog with counters at 0. `manner`: `body`, `more`, fields of `answers.Manner`."""
        self._ask("POST", "/reset", json.dumps({"backlog": backlog, **manner}))

    def stats(self) -> dict[str, Any]:
        """Returns the counts of `backlog.Counters`, and `stub_cpu_seconds`, the stub's processor time."""
        return self._ask("GET", "/stats")

    def _ask(self, method: str, path: str, body: str | None = None) -> dict[str, Any]:
        tls = ssl.create_default_context(cafile=self.ca)
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, context=tls, timeout=10)
        try:
            connection.request(method, path, body)
            answer: dict[str, Any] = json.load(connection.getresponse())
            return answer
        finally:
            connection.close()


@contextmanager
def running_stub(backlog: int = 0) -> Iterator[Stub]:
    """Runs the stub for a block, on its own processor if there are two. It also ends with us."""
    command = [sys.executable, "-m", "benchmarks.stub", "--backlog", str(backlog), "--ends-with-stdin"]
    if machine.STUB_CPU is not None:
        command += ["--cpu", str(machine.STUB_CPU)]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None  # noqa: S101
    assert process.stdout is not None  # noqa: S101
    try:
        said = json.loads(process.stdout.readline())
        yield Stub(said["url"], said["port"], Path(said["ca"]))
    finally:
        process.stdin.close()
        try:
            process.wait(MAX_END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()
