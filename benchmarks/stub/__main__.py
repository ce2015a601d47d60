"""The stub as a process: `python -m benchmarks.stub`. Prints a line of JSON, and serves until it is ended."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import socket
import ssl
import sys
import tempfile
from pathlib import Path

from benchmarks.stub.answers import Answers, Manner
from benchmarks.stub.backlog import BODY, Backlog
from benchmarks.stub.certificate import make_certificate
from benchmarks.stub.loop import Loop
from benchmarks.stub.protocol import Connection

MOST_WAITING = 1024
"""Connections that the kernel keeps until they are accepted."""


def main() -> None:
    asked = _asked()
    if asked.cpu is not None:
        os.sched_setaffinity(0, {asked.cpu})
    manner = Manner(asked.latency_ms, asked.longest_wait_seconds)
    answers = Answers(Backlog(asked.backlog, asked.body), manner)
    with tempfile.TemporaryDirectory(prefix="zigzag-stub-") as folder:
        _serve(answers, Path(folder), ends_with_stdin=asked.ends_with_stdin)


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.stub", description=__doc__)
    parser.add_argument("--backlog", type=int, default=0, help="messages on the queue")
    parser.add_argument("--body", default=BODY, help="of every message")
    parser.add_argument("--latency-ms", type=float, default=0.0, help="of each answer")
    parser.add_argument(
        "--longest-wait-seconds", type=float, help="of a receive from the empty queue; as asked for"
    )
    parser.add_argument("--cpu", type=int, help="to run on, and on no other (Linux)")
    parser.add_argument("--ends-with-stdin", action="store_true", help="ends when its standard input does")
    return parser.parse_args()


def _serve(answers: Answers, folder: Path, *, ends_with_stdin: bool) -> None:
    loop = Loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit())  # the loop itself would sleep on
    if ends_with_stdin:
        loop.on_readable(sys.stdin.fileno(), loop.end)  # nothing is ever written to it
    made = make_certificate(folder)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(made.certificate, made.key)
    with socket.create_server(("127.0.0.1", 0), backlog=MOST_WAITING) as listening:
        listening.setblocking(False)
        loop.on_readable(listening, lambda: _accept(listening, tls, loop, answers))
        port = listening.getsockname()[1]
        said = {"port": port, "url": f"https://127.0.0.1:{port}", "ca": str(made.certificate)}
        print(json.dumps(said), flush=True)
        loop.run()


def _accept(listening: socket.socket, tls: ssl.SSLContext, loop: Loop, answers: Answers) -> None:
    with contextlib.suppress(OSError):  # a client that has gone again
        plain, _ = listening.accept()
        Connection(plain, tls, loop, answers)


if __name__ == "__main__":
    main()
