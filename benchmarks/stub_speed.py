"""Measures how many requests a second the stub takes: `python -m benchmarks.stub_speed`, with wrk.

wrk sends ten invokes for each receive of ten messages, over TLS, without latency. The stub is one process on
one processor. If wrk does not use all of it, the processor time of a request tells how many it could take.
"""

from __future__ import annotations

import argparse
import sys

from benchmarks import machine, wrk
from benchmarks.figures import MILLION, number, table
from benchmarks.stub.running import running_stub

CONNECTIONS = (16, 64, 256)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.stub_speed", description=__doc__)
    parser.add_argument("--seconds", type=int, default=5, help="for each number of connections")
    parser.add_argument("--latency-ms", type=float, default=0.0, help="delay of each answer")
    asked = parser.parse_args()
    if not wrk.is_there():
        sys.exit(wrk.MISSING)
    print(f"{machine.description()}; load {machine.load():.1f}", flush=True)
    with running_stub() as stub:
        loads = [wrk.load(stub, connections, asked.seconds, asked.latency_ms) for connections in CONNECTIONS]
    print(tables(loads))


def tables(loads: list[wrk.Load]) -> str:
    head = ("connections", "requests/s", "busy", "CPU µs/request", "requests/s if always busy")
    lines = [
        (
            number(load.connections),
            number(load.requests_per_second),
            f"{load.stub_busy:.0%}",
            number(load.stub_cpu_us_per_request),
            number(round(MILLION / load.stub_cpu_us_per_request)),
        )
        for load in loads
    ]
    return table(head, lines)


if __name__ == "__main__":
    main()
