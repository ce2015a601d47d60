"""A failed attempt, and a refused send, leave nothing in the memory of its process."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import pytest
from pydantic import BaseModel, TypeAdapter, field_validator
from tests.support import body_of
from tests.unit.worker.conftest import Bench

from zigzag import BadPayloadError, Task, task


class Large:
    """Stands for what a validator has at hand."""


SEEN: list[weakref.ref[Large]] = []


class Order(BaseModel):
    number: str

    @field_validator("number")
    @classmethod
    def _is_known(cls, number: str) -> str:
        at_hand = Large()
        SEEN.append(weakref.ref(at_hand))
        if number == "unknown":
            raise ValueError("no such order")
        return number


@task(attempts=1)
def take(payload: Order) -> None: ...


@task(attempts=1)
def check(payload: dict[str, Any]) -> None:
    Order(**payload)


@task(attempts=1)
def check_several(payload: dict[str, Any]) -> None:
    try:
        TypeAdapter(list[Order]).validate_python([payload, payload])
    except ValueError as error:
        raise RuntimeError("not today") from error


@task(attempts=1, idempotent=lambda payload: Order(**payload).number)
def by_key(payload: dict[str, Any]) -> None: ...


TASKS: list[Task[Any, Any, Any]] = [take, check, check_several, by_key]


@pytest.mark.parametrize("failing", TASKS, ids=lambda one: one.name)
def test_nothing_stays_of_a_value_that_a_validator_of_pydantic_refused(
    bench: Bench, failing: Task[Any, Any, Any]
) -> None:
    SEEN.clear()
    bench.table = {failing.name: failing}

    (report,) = bench.work(bench.delivered(body_of(failing.name, {"number": "unknown"})))

    gc.collect()
    assert report.outcome == "dead-letter"
    assert [one() for one in SEEN if one() is not None] == []
    assert SEEN


def test_nor_does_the_error_that_a_sender_gets_keep_it() -> None:
    SEEN.clear()

    with pytest.raises(BadPayloadError) as refused:
        take.check({"number": "unknown"})

    gc.collect()
    assert "no such order" in str(refused.value)
    assert [one() for one in SEEN] == [None]
