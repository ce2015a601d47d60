"""The consumer in a process of its own, as Lambda runs it, stays within its memory, no matter what comes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from benchmarks.stub.running import ROOT, Stub, running_stub
from benchmarks.template import environment_of
from tests.noise import noise

from consumer.memory import RUNTIME_MB
from shared.aws.checksums import md5_of_attributes

TICK = """
import json, sys
sys.path.insert(0, sys.argv[1])
from consumer import app
class Context:
    def get_remaining_time_in_millis(self):
        return 90_000
if len(sys.argv) > 2:
    from shared.aws.lean.transport import LeanTransport
    from shared.aws.transport import AnsweredError
    good, left = LeanTransport.call, int(sys.argv[2])
    async def call(self, service, operation, *more):
        global left
        left -= operation == "ReceiveMessage"
        if left < 0:
            raise AnsweredError("SignatureDoesNotMatch", "", 403, {})
        return await good(self, service, operation, *more)
    LeanTransport.call = call
summary = app.handler({}, Context())
with open("/proc/self/status") as status:
    (peak,) = [line.split()[1] for line in status if line.startswith("VmHWM")]
print(json.dumps({"summary": summary, "peak_mb": int(peak) / 1024}))
"""

SIZE = 1_048_000
"""The size of a body, in bytes. SQS's limit is a little more."""

EMOJI = "emoji, each escaped on the wire"
QUOTES = "quotes, and one emoji that makes each take four bytes"
NOISE = "noise, which fits no event"
BODIES = {
    EMOJI: "🙂" * (SIZE // 4),
    QUOTES: "🙂" + '"' * (SIZE - 4),
    NOISE: noise(SIZE),
}

ATTRIBUTES_SIZE = 104_650
"""Of each of ten attributes, in bytes: together with a body of one they fill a message."""

ATTRIBUTES = {
    "letters": "x" * ATTRIBUTES_SIZE,
    QUOTES: "🙂" + '"' * (ATTRIBUTES_SIZE - 4),
}

pytestmark = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux says the peak")


@pytest.fixture(scope="module")
def stub() -> Iterator[Stub]:
    with running_stub() as stub:
        yield stub


def in_ten_attributes(text: str) -> dict[str, Any]:
    """Returns a message whose bulk is in its attributes."""
    attributes = {f"a{number}": {"DataType": "String", "StringValue": text} for number in range(10)}
    return {"MessageAttributes": attributes, "MD5OfMessageAttributes": md5_of_attributes(attributes)}


def tick(
    stub: Stub, messages: int, memory_mb: int, *refused: int, **bulk: Any
) -> tuple[dict[str, Any], float]:
    """Runs a tick that finds so many messages. Returns its summary, and its process's peak, in MB.

    refused -- after how many receives the lean client's signature is, if it is.
    bulk    -- `body` or `more` of each message.
    """
    stub.reset(messages, latency_ms=5, **bulk)
    environment = {
        "PATH": os.environ["PATH"],
        "AWS_ENDPOINT_URL": stub.url,
        "AWS_CA_BUNDLE": str(stub.ca),
        "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "not-a-secret",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(memory_mb),
        **environment_of("ConsumerFunction", Transport="lean", InFlightCap="0"),
    }
    ran = subprocess.run(
        [sys.executable, "-c", TICK, str(ROOT / "src"), *map(str, refused)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    said = json.loads(ran.stdout.splitlines()[-1])
    return said["summary"], said["peak_mb"]


def slow(*values: Any) -> Any:
    """Marks a second look at what another case of its test shows."""
    return pytest.param(*values, marks=pytest.mark.slow)


def assert_nothing_is_missing(summary: dict[str, Any], messages: int) -> None:
    """Checks that each message received became something. A slow machine may not receive them all."""
    ended = sum(summary[what] for what in ("dispatched", "dead_lettered", "released", "left"))
    assert messages / 2 <= summary["received"] == ended <= messages


@pytest.mark.slow
@pytest.mark.parametrize("what", [EMOJI, slow(NOISE), slow(QUOTES)])
def test_with_the_least_memory_it_takes_the_largest_messages(stub: Stub, what: str) -> None:
    summary, peak_mb = tick(stub, 30, 128, body=BODIES[what])

    assert_nothing_is_missing(summary, 30)
    assert peak_mb < 128 - RUNTIME_MB


@pytest.mark.parametrize("what", [slow(QUOTES), slow("letters")])
def test_it_makes_no_difference_if_attributes_are_what_is_large(stub: Stub, what: str) -> None:
    summary, peak_mb = tick(stub, 20, 128, body="x", more=in_ten_attributes(ATTRIBUTES[what]))

    assert_nothing_is_missing(summary, 20)
    assert peak_mb < 128 - RUNTIME_MB


@pytest.mark.parametrize(("memory_mb", "messages"), [slow(256, 60), slow(1024, 200)])
def test_more_memory_means_more_pollers_and_still_not_too_much(
    stub: Stub, memory_mb: int, messages: int
) -> None:
    summary, peak_mb = tick(stub, messages, memory_mb, body=BODIES[EMOJI])

    assert_nothing_is_missing(summary, messages)
    assert peak_mb < memory_mb - RUNTIME_MB


@pytest.mark.parametrize("refused_after", [slow(0), slow(3)])
def test_boto_that_takes_over_stays_within_it_as_well(stub: Stub, refused_after: int) -> None:
    summary, peak_mb = tick(stub, 20, 128, refused_after, body=BODIES[EMOJI])

    assert_nothing_is_missing(summary, 20)
    assert peak_mb < 128 - RUNTIME_MB
