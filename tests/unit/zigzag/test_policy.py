"""Policy: how often a task is tried, and how long it waits in between."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from zigzag import Backoff
from zigzag.policy import Policy

DRAWS = 500


def drawn(backoff: Backoff, attempt: int) -> list[int]:
    return [backoff.seconds(attempt, Random(seed)) for seed in range(DRAWS)]


@pytest.mark.parametrize(
    ("attempt", "ceiling"),
    [
        pytest.param(1, 30, id="the first"),
        pytest.param(2, 60, id="doubled"),
        pytest.param(3, 120, id="doubled again"),
        pytest.param(7, 1920, id="six times"),
        pytest.param(8, 3600, id="but never more than the longest"),
        pytest.param(1000, 3600, id="SQS's most receives"),
    ],
)
def test_the_wait_is_drawn_evenly_between_0_and_a_ceiling_that_doubles(attempt: int, ceiling: int) -> None:
    seconds = drawn(Backoff(first=30, longest=3600), attempt)

    assert max(seconds) <= ceiling
    assert max(seconds) > 0.95 * ceiling
    assert min(seconds) < 0.05 * ceiling + 1, "full jitter: from the very beginning"
    assert sum(seconds) / DRAWS == pytest.approx(ceiling / 2, rel=0.1)


@pytest.mark.parametrize("backoff", [Backoff(first=0.01, longest=0.01), Backoff(first=0.5), Backoff()])
def test_a_wait_is_whole_seconds_and_at_least_one(backoff: Backoff) -> None:
    seconds = drawn(backoff, 1)

    assert all(type(wait) is int for wait in seconds)
    assert min(seconds) == 1


@pytest.mark.parametrize(("first", "longest"), [(0, 10), (-1, 10), (20, 10), (float("nan"), 10)])
def test_a_backoff_that_makes_no_sense_is_refused(first: float, longest: float) -> None:
    with pytest.raises(ValueError, match="a backoff needs 0 < first <= longest"):
        Backoff(first, longest)


@pytest.mark.parametrize("first", ["30", True, None])
def test_a_backoff_is_made_of_numbers(first: Any) -> None:
    with pytest.raises(ValueError, match="a backoff needs 0 < first <= longest"):
        Backoff(first)


@pytest.mark.parametrize("name", ["idempotent", "done"])
def test_a_function_that_nothing_would_await_is_refused(name: str) -> None:
    async def asks(*_: Any) -> None: ...

    with pytest.raises(ValueError, match=f"^{name} is an `async def`: nothing would await it"):
        Policy(**{name: asks})  # type: ignore[arg-type]


@pytest.mark.parametrize("attempts", [0, -1, 2.5, True, "3"])
def test_attempts_are_a_whole_number_from_one(attempts: Any) -> None:
    with pytest.raises(ValueError, match=r"attempts is .*; it may be a whole number from 1"):
        Policy(attempts)


def test_a_policy_whose_backoff_is_none_is_refused_when_it_is_made_and_not_at_the_first_failure() -> None:
    with pytest.raises(ValueError, match=r"backoff is 30; it may be Backoff\("):
        Policy(backoff=30)  # type: ignore[arg-type]


def test_the_default_policy() -> None:
    assert Policy() == Policy(attempts=5, backoff=Backoff(first=30, longest=3600))


@pytest.mark.parametrize("timeout", [0, -1, 42_301, float("nan"), float("inf"), "30", True])
def test_a_timeout_is_a_number_of_seconds_that_a_function_can_have(timeout: Any) -> None:
    with pytest.raises(ValueError, match=r"timeout is .*; it may be seconds, more than 0 and at most 42300"):
        Policy(timeout=timeout)


@pytest.mark.parametrize("timeout", [None, 0.5, 30, 900])
def test_a_timeout_may_be_left_out(timeout: float | None) -> None:
    assert Policy(timeout=timeout).timeout == timeout


@pytest.mark.parametrize(
    "unavailable", [ConnectionError, [ConnectionError], (BaseException,), ("ConnectionError",), (OSError(),)]
)
def test_unavailable_is_a_tuple_of_exceptions_classes(unavailable: Any) -> None:
    with pytest.raises(ValueError, match=r"unavailable is .*; it may be a tuple of classes of exceptions"):
        Policy(unavailable=unavailable)
