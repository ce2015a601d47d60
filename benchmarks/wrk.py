"""Runs wrk (https://github.com/wg/wrk), a load generator in C, in the consumer's place: the most that the
wire allows.

It asks for ten messages and invokes ten times, over TLS, on the given number of connections. It signs nothing
and reads no answer: no consumer that does its job can be faster on as many connections.
"""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from typing import Any

from benchmarks.bench import ARMS
from benchmarks.processes import ArmFailedError, run
from benchmarks.stub.running import Stub
from benchmarks.template import QUEUE_URL

MISSING = "wrk is not installed (on Debian: apt-get install wrk), so there is nothing to compare with."


@dataclass(frozen=True, slots=True)
class Load:
    """The figures of a run of wrk.

    messages_per_second -- invokes, or messages received if that is less.
    stub_busy           -- the share of the time in which the stub used its processor: at 1, the stub is the
                           limit.
    """

    requests_per_second: float
    messages_per_second: float
    connections: int
    stub_busy: float
    stub_cpu_us_per_request: float


def is_there() -> bool:
    return shutil.which("wrk") is not None


def load(stub: Stub, connections: int, seconds: int, latency_ms: float, backlog: int = 1_000_000) -> Load:
    """Runs wrk for `seconds`. Raises ArmFailedError if a call failed, or the backlog was too small."""
    stub.reset(backlog, latency_ms=latency_ms)
    command = ["wrk", "--threads", "1", "--connections", str(connections), "--duration", f"{seconds}s"]
    environment = {
        "PATH": os.environ["PATH"],
        "ZIGZAG_QUEUE_URL": QUEUE_URL,
        "BENCHMARK_INVOKE": json.dumps(_invoke()),
    }
    ran = run([*command, "--script", str(ARMS / "mix.lua"), stub.url], environment, ARMS)
    stats = stub.stats()
    if ran.said["failed"] or stats["empty_receives"]:
        raise ArmFailedError(
            f"wrk: {ran.said['failed']} failed; {stats['empty_receives']} receives were empty"
        )
    return _of(stats)


def _of(stats: dict[str, Any]) -> Load:
    seconds = stats["last_invoke_at"] - stats["first_call_at"]
    requests = stats["invokes"] + stats["receives"]
    return Load(
        requests_per_second=requests / seconds,
        messages_per_second=min(stats["invokes"], stats["messages"]) / seconds,
        connections=stats["connections"],
        stub_busy=min(1.0, stats["stub_cpu_seconds"] / seconds),
        stub_cpu_us_per_request=stats["stub_cpu_seconds"] / requests * 1_000_000,
    )


def _invoke() -> dict[str, Any]:
    """Returns an event as long as our consumer's for one message of the stub."""
    attributes = {
        "SenderId": "AIDAEXAMPLE",
        "SentTimestamp": "1" * 13,
        "ApproximateReceiveCount": "1",
        "ApproximateFirstReceiveTimestamp": "1" * 13,
    }
    message = {
        "MessageId": "00000000-0000-4000-8000-000000000000",
        "ReceiptHandle": "AQEB" * 44,
        "Body": '{"task": "hello", "payload": {"name": "world"}}',
        "Attributes": attributes,
    }
    lease = {"ReceivedAt": 1_700_000_000.123, "StartBy": 1_700_000_090.123, "Ends": 1_700_000_120.123}
    return {"QueueUrl": QUEUE_URL, "Message": message, "Lease": lease}
