"""Runs the stub: `python -m benchmarks.stub`. Prints a line of JSON, and serves until it is ended."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import tempfile
from pathlib import Path

from benchmarks.stub.answers import Answers, Manner
from benchmarks.stub.backlog import BODY, Backlog
from benchmarks.stub.server import Server


def main() -> None:
    asked = _asked()
    if asked.cpu is not None:
        os.sched_setaffinity(0, {asked.cpu})
    manner = Manner(asked.latency_ms, asked.max_wait_seconds)
    answers = Answers(Backlog(asked.backlog, asked.body), manner)
    with tempfile.TemporaryDirectory(prefix="zigzag-stub-") as folder:
        _serve(answers, Path(folder), ends_with_stdin=asked.ends_with_stdin)


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.stub", description=__doc__)
    parser.add_argument("--backlog", type=int, default=0, help="messages on the queue")
    parser.add_argument("--body", default=BODY, help="body of every message")
    parser.add_argument("--latency-ms", type=float, default=0.0, help="delay of each answer")
    parser.add_argument("--max-wait-seconds", type=float, help="most wait of a receive from the empty queue")
    parser.add_argument("--cpu", type=int, help="the only processor to run on (Linux)")
    parser.add_argument("--ends-with-stdin", action="store_true", help="ends when its standard input does")
    return parser.parse_args()


def _serve(answers: Answers, folder: Path, *, ends_with_stdin: bool) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit())  # otherwise the loop would go on
    server = Server(answers, folder)
    if ends_with_stdin:
        server.loop.on_readable(sys.stdin.fileno(), server.loop.end)  # readable only at its end
    print(json.dumps({"port": server.port, "url": server.url, "ca": str(server.ca)}), flush=True)
    server.loop.run()


if __name__ == "__main__":
    main()
