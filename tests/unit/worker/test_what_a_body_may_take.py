"""A body of 1 MiB is read within a worker's memory, no matter what is in it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from tests.support import a_delivery

from worker.decode import decode
from zigzag.body import MAX_PARTS, MAX_PATHS, BadMessageError

ROOT = Path(__file__).parents[3]
SIZE = 1_048_000

READS = """
import sys
from typing import Any
from pydantic import BaseModel
from zigzag.body import BadMessageError
from shared.delivery import Delivery
from worker.decode import decode, payload_of
from zigzag import task

class Number(BaseModel):
    n: int = 0
class Anything(BaseModel):
    x: Any = None
class Lists(BaseModel):
    x: dict[str, list[int]] = {}

def take(payload): ...
take.__annotations__ = {"payload": globals()[sys.argv[1]]}
body = sys.stdin.read()
try:
    payload_of(task(take), decode(Delivery({"Body": body})))
except BadMessageError:
    pass
with open("/proc/self/status") as status:
    (peak,) = [line.split()[1] for line in status if line.startswith("VmHWM")]
print(int(peak) / 1024)
"""


def filled(start: str, each: str, end: str, most: int = SIZE) -> str:
    """Returns a body that is `each` again and again, up to the size of a body."""
    number = min((SIZE - len(start) - len(end)) // (len(each) + 1), most)
    return start + ",".join([each] * number) + end


def below_a_key(key: str, values: int) -> str:
    return filled('{"task": "take", "payload": {"x": {"' + key + '": [', "null", "]}}}", values)


BODIES = {
    "lists 95 deep": filled('{"task": "take", "payload": {"x": [', "[" * 95 + "]" * 95, "]}}"),
    "as many small objects as may be": filled(
        '{"task": "take", "payload": {"x": [', '{"a":0}', "]}}", MAX_PARTS - 3
    ),
    "a thousand errors below a key of 900 KB": below_a_key("k" * 900_000, 1_000),
    "as many errors below a long key as may be": below_a_key("🙂" * (MAX_PATHS // 1_000 - 100), 1_000),
}


def peak_mb(model: str, body: str) -> float:
    done = subprocess.run(
        [sys.executable, "-c", READS, model],
        env={"PYTHONPATH": f"{ROOT}/src"},
        input=body,
        capture_output=True,
        text=True,
        check=True,
    )
    return float(done.stdout)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux says the peak")
@pytest.mark.parametrize(
    ("model", "what"),
    [
        ("Number", "lists 95 deep"),
        ("Anything", "lists 95 deep"),
        ("Anything", "as many small objects as may be"),
        ("Lists", "a thousand errors below a key of 900 KB"),
        ("Lists", "as many errors below a long key as may be"),
    ],
)
def test_half_of_the_workers_memory_is_enough(model: str, what: str) -> None:
    assert peak_mb(model, BODIES[what]) < 128


@pytest.mark.parametrize(("opened", "closed"), [("[", "]"), ('{"":', "}")], ids=["arrays", "objects"])
def test_of_objects_and_arrays_there_may_be_so_many(opened: str, closed: str) -> None:
    def body(parts: int) -> str:
        """Returns a body with so many of them: three are around the others."""
        return '{"task": "t", "payload": {"a": [' + ", ".join([f"{opened}0{closed}"] * (parts - 3)) + "]}}"

    assert len(decode(a_delivery(body(MAX_PARTS))).payload["a"]) == MAX_PARTS - 3
    with pytest.raises(BadMessageError, match=r"^the body has more than 50,000 objects and arrays$"):
        decode(a_delivery(body(MAX_PARTS + 1)))


def test_brackets_within_a_text_are_none() -> None:
    payload = {"text": "[{" * MAX_PARTS}

    assert decode(a_delivery(json.dumps({"task": "t", "payload": payload}))).payload == payload


@pytest.mark.parametrize("levels", [1, 5])
def test_the_keys_above_each_value_count_for_each(levels: int) -> None:
    """Whether one key is long, or there are many of them."""

    def body(values: int) -> str:
        key = "k" * (20_000 // levels - len("payload"))
        value = [0] * values
        for _ in range(levels):
            value = {key: value}
        return json.dumps({"task": "t", "payload": value})

    most = MAX_PATHS // 20_000 - 10
    assert decode(a_delivery(body(most)))
    with pytest.raises(BadMessageError, match=r"^the body's keys are too long for the number of values"):
        decode(a_delivery(body(most + 20)))


def test_a_body_may_be_half_a_million_values() -> None:
    body = json.dumps({"task": "t", "payload": {"measurements": [0] * 500_000}}, separators=(",", ":"))

    assert len(decode(a_delivery(body)).payload["measurements"]) == 500_000
