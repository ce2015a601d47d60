"""A payload with a million errors costs no more to refuse than it cost to check."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import BaseModel

from zigzag import BadPayloadError, Task
from zigzag.policy import Policy

ROOT = Path(__file__).parents[3]

says_the_peak = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux says the peak")

REFUSES = """
import json, sys
from pydantic import create_model
from zigzag import BadPayloadError, Task
from zigzag.policy import Policy

Item = create_model("Item", **{f"field_{number}": (int, ...) for number in range(200)})
Order = create_model("Order", items=(list[Item], ...))
def take(payload): ...
take.__annotations__ = {"payload": Order}
task = Task(take, Policy())
payload = {"items": [{}] * 2150}

def most_mb():  # since it began: ru_maxrss has its parent's as well
    with open("/proc/self/status") as status:
        (peak,) = [line.split()[1] for line in status if line.startswith("VmHWM")]
    return int(peak) / 1024

try:
    Order.model_validate_json(json.dumps(payload))
except ValueError:
    pass
checked = most_mb()
try:
    task.parse(payload)
except BadPayloadError as error:
    print(json.dumps([str(error), most_mb() - checked]))
"""
"""430,000 errors of a body of 6.5 KB: what it takes to say so, beyond what pydantic itself takes."""


BOUNDED = """
import json, sys
from typing import Annotated
from pydantic import BaseModel, FailFast, Field
from zigzag import BadPayloadError, Task
from zigzag.policy import Policy

type Wide = dict[str, int] | list[int] | float | bool
class Unbounded(BaseModel):
    items: list[Wide]
class Fails(BaseModel):
    items: Annotated[list[Wide], FailFast()]
class Short(BaseModel):
    items: list[Wide] = Field(max_length=1_000)

def most_mb():  # since it began: ru_maxrss has its parent's as well
    with open("/proc/self/status") as status:
        (peak,) = [line.split()[1] for line in status if line.startswith("VmHWM")]
    return int(peak) / 1024

def take(payload): ...
take.__annotations__ = {"payload": globals()[sys.argv[1]]}
task = Task(take, Policy())
payload = {"items": [""] * 300_000}
before = most_mb()
try:
    task.parse(payload)
except BadPayloadError:
    print(most_mb() - before)
"""
"""What it takes to refuse a payload of 900 KB, each item of which fits a union in none of four ways."""


def mb_to_refuse(model: str) -> float:
    command = [sys.executable, "-c", BOUNDED, model]
    done = subprocess.run(
        command, env={"PYTHONPATH": f"{ROOT}/src"}, capture_output=True, text=True, check=True
    )
    return float(done.stdout)


class Item(BaseModel):
    number: int


class Order(BaseModel):
    items: list[Item]


def reason_for(wrong: int) -> str:
    """Why a payload with so many errors is refused."""

    def take(payload: Order) -> None: ...

    take.__annotations__ = {"payload": Order}
    with pytest.raises(BadPayloadError) as caught:
        Task(take, Policy()).parse({"items": [{}] * wrong})
    return str(caught.value)


@says_the_peak
def test_a_million_errors_are_counted_and_not_listed() -> None:
    done = subprocess.run(
        [sys.executable, "-c", REFUSES],
        env={"PYTHONPATH": f"{ROOT}/src"},
        capture_output=True,
        text=True,
        check=True,
    )
    reason, more_mb = json.loads(done.stdout)

    assert reason == "the payload does not fit take: it has 430,000 errors, too many to name"
    assert more_mb < 16


@says_the_peak
@pytest.mark.parametrize("model", ["Fails", "Short"])
def test_a_list_that_is_bounded_costs_little_to_refuse(model: str) -> None:
    assert mb_to_refuse(model) < 50


@says_the_peak
def test_a_list_that_is_not_takes_what_pydantic_takes() -> None:
    # Should this fail, pydantic has a bound of its own, and the page of it has a sentence too many
    assert mb_to_refuse("Unbounded") > 200


def test_the_first_ten_are_named_and_the_rest_counted() -> None:
    reason = reason_for(12)

    assert "items.9.number: Field required; and 2 more" in reason
    assert "items.10." not in reason


def test_more_than_a_thousand_are_counted_only() -> None:
    assert reason_for(1_000).endswith("and 990 more")
    assert reason_for(1_001).endswith("it has 1,001 errors, too many to name")


def test_few_are_all_named() -> None:
    assert reason_for(2).endswith("items.0.number: Field required; items.1.number: Field required")


@pytest.mark.parametrize("wrong", [1, 100, 5_000], ids=str)
def test_a_reason_is_short_however_long_the_names(wrong: int) -> None:
    def take(payload: Named) -> None: ...

    take.__annotations__ = {"payload": Named}
    with pytest.raises(BadPayloadError) as caught:
        Task(take, Policy()).parse({"items": {f"{number}-{'x' * 10_000}": {} for number in range(wrong)}})

    assert len(str(caught.value)) < 1_100


class Named(BaseModel):
    items: dict[str, Item]
