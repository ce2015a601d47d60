"""A payload with a million errors costs no more to refuse than it cost to check."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel
from tests.support import task_of

from zigzag import BadPayloadError

ROOT = Path(__file__).parents[3]

says_the_peak = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux says the peak")

PEAK = """
import json, sys
from pydantic import BaseModel, Field, create_model
from tests.support import task_of
from zigzag import BadPayloadError

def most_mb():  # since it began: ru_maxrss has its parent's as well
    with open("/proc/self/status") as status:
        (peak,) = [line.split()[1] for line in status if line.startswith("VmHWM")]
    return int(peak) / 1024

def mb_to_refuse(task, payload):
    before = most_mb()
    try:
        task.parse(payload)
    except BadPayloadError as error:
        print(json.dumps([str(error), most_mb() - before]))
"""

REFUSES = """
Item = create_model("Item", **{f"field_{number}": (int, ...) for number in range(200)})
Order = create_model("Order", items=(list[Item], ...))
payload = {"items": [{}] * 2150}
try:
    Order.model_validate_json(json.dumps(payload))
except ValueError:
    pass
mb_to_refuse(task_of(Order), payload)
"""
"""A script that tells 430,000 errors of a body of 6.5 KB. The memory of pydantic itself is not counted."""

BOUNDED = """
type Wide = dict[str, int] | list[int] | float | bool
class Short(BaseModel):
    items: list[Wide] = Field(max_length=1_000)

mb_to_refuse(task_of(Short), {"items": [""] * 300_000})
"""
"""A script that refuses a payload of 900 KB, each item of which fits a union in none of four ways."""


def refused(script: str) -> tuple[str, float]:
    """Runs the script in a process of its own. Returns the reason, and how many MB it took to tell it."""
    command = [sys.executable, "-c", PEAK + script]
    path = os.pathsep.join(str(ROOT / folder) for folder in ("src", "tools", "."))
    done = subprocess.run(command, env={"PYTHONPATH": path}, capture_output=True, text=True, check=True)
    reason, mb = json.loads(done.stdout)
    return reason, mb


class Item(BaseModel):
    number: int


class Order(BaseModel):
    items: list[Item]


def reason_for(wrong: int) -> str:
    """Returns why a payload with so many errors is refused."""

    with pytest.raises(BadPayloadError) as caught:
        task_of(Order).parse({"items": [{}] * wrong})
    return str(caught.value)


@pytest.mark.slow
@says_the_peak
def test_a_million_errors_are_counted_and_not_listed() -> None:
    reason, more_mb = refused(REFUSES)

    assert reason == "the payload does not fit take: it has 430,000 errors, too many to name"
    assert more_mb < 16


@says_the_peak
def test_a_list_that_is_bounded_costs_little_to_refuse() -> None:
    _, mb = refused(BOUNDED)

    assert mb < 50


def test_the_first_ten_are_named_and_the_rest_counted() -> None:
    reason = reason_for(12)

    assert "items.9.number: Field required; and 2 more" in reason
    assert "items.10." not in reason


def test_more_than_a_thousand_are_counted_only() -> None:
    assert reason_for(1_000).endswith("and 990 more")
    assert reason_for(1_001).endswith("it has 1,001 errors, too many to name")


@pytest.mark.parametrize("wrong", [1, 100, 5_000], ids=str)
def test_a_reason_is_short_however_long_the_names(wrong: int) -> None:
    with pytest.raises(BadPayloadError) as caught:
        task_of(Named).parse({"items": {f"{number}-{'x' * 10_000}": {} for number in range(wrong)}})

    assert len(str(caught.value)) < 1_100


class Named(BaseModel):
    items: dict[str, Item]


class Numbers(BaseModel):
    of: dict[str, list[float]]


@pytest.mark.parametrize("given", [dict, lambda **fields: Numbers(**fields)], ids=["a dict", "an instance"])
def test_a_payload_beyond_the_limits_is_refused_before_pydantic_copies_its_keys_into_errors(
    given: Callable[..., Any],
) -> None:
    wrong = {"k" * 300_000: [math.nan if given is not dict else ""] * 50}

    with pytest.raises(BadPayloadError, match="the worker would refuse the message: the body's keys"):
        task_of(Numbers).check(given(of=wrong))
