"""Outcomes: what becomes of a message after an attempt?"""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from pydantic import TypeAdapter

from shared.lease import DROP_MARGIN_SECONDS
from shared.ports.queue import MAX_VISIBILITY_SECONDS
from worker.decode import BadMessageError
from worker.lookup import BrokenTaskError, NoSuchTaskError
from worker.outcome import (
    LOADS,
    Attempt,
    DeadLetter,
    Limits,
    RetryLater,
    before_it_is_dropped,
    decide,
    used_up,
)
from worker.raised import meant
from zigzag import Backoff, Reject, Retry
from zigzag.policy import Policy

POLICY = Policy(attempts=3, backoff=Backoff(first=100, longest=1000))


def decided(
    error: BaseException, attempt: int = 1, policy: Policy = POLICY, longest: float = 43_000
) -> RetryLater | DeadLetter:
    return decide(error, Attempt(attempt, "greet", "id-1", policy), Random(0), Limits(longest))


@pytest.mark.parametrize(
    ("error", "attempt", "becomes"),
    [
        # any error, and Retry: again, until the last attempt
        pytest.param(ValueError("x"), 1, RetryLater, id="an error, first attempt"),
        pytest.param(ValueError("x"), 2, RetryLater, id="an error, last but one"),
        pytest.param(ValueError("x"), 3, DeadLetter, id="an error, last attempt"),
        pytest.param(ValueError("x"), 4, DeadLetter, id="an error, beyond the last attempt"),
        pytest.param(Retry("busy"), 2, RetryLater, id="Retry"),
        pytest.param(Retry("busy"), 3, DeadLetter, id="Retry, last attempt"),
        pytest.param(Retry("busy", after=5), 3, DeadLetter, id="Retry with after, last attempt"),
        pytest.param(SystemExit(1), 1, RetryLater, id="the task leaves"),
        pytest.param(NoSuchTaskError("x"), 3, RetryLater, id="an unknown task: a deploy may bring it"),
        pytest.param(BrokenTaskError("x"), 3, RetryLater, id="a broken module: a deploy may repair it"),
        # what no retry helps: at once
        pytest.param(Reject("no user"), 1, DeadLetter, id="Reject"),
        pytest.param(BadMessageError("no task"), 1, DeadLetter, id="no message"),
    ],
)
def test_what_an_error_becomes(error: BaseException, attempt: int, becomes: type) -> None:
    assert isinstance(decided(error, attempt), becomes)


@pytest.mark.parametrize(
    ("raised", "taken"),
    [
        pytest.param([Retry("a", after=5), Retry("b", after=60)], "b", id="of Retry, the longest wait"),
        pytest.param([Retry("a", after=5), Reject("b")], "b", id="Reject is stronger"),
        pytest.param([Retry("a"), ExceptionGroup("", [Reject("b")])], "b", id="groups within groups"),
        pytest.param([Reject("a"), ValueError("b")], None, id="with an error, it stays a group"),
    ],
)
def test_a_group_of_retry_and_reject_alone_is_the_strongest_of_them(
    raised: list[Exception], taken: str | None
) -> None:
    group = ExceptionGroup("of a TaskGroup", raised)

    assert str(meant(group)) == (str(group) if taken is None else taken)


@pytest.mark.parametrize(
    ("error", "attempt", "reason"),
    [
        (Reject("no user"), 1, "rejected: no user"),
        (BadMessageError("the body is not JSON"), 1, "the body is not JSON"),
        (ValueError("x"), 3, "failed after 3 attempts: ValueError: x"),
        (Retry("busy"), 3, "failed after 3 attempts: busy"),
    ],
)
def test_a_dead_letters_reason(error: Exception, attempt: int, reason: str) -> None:
    outcome = decided(error, attempt)

    assert isinstance(outcome, DeadLetter)
    assert outcome.cause.reason == reason
    assert (outcome.cause.task, outcome.cause.id, outcome.cause.attempts) == ("greet", "id-1", attempt)


def test_one_attempt_is_in_the_singular() -> None:
    outcome = decided(ValueError("x"), 1, Policy(attempts=1))

    assert isinstance(outcome, DeadLetter)
    assert outcome.cause.reason == "failed after 1 attempt: ValueError: x"


def test_an_unknown_tasks_last_reason_names_those_that_there_are() -> None:
    attempt = Attempt()
    attempt.unloaded = LOADS
    error = NoSuchTaskError("no task is called 'x'; there are: greet, wave")
    outcome = decide(error, attempt, Random(0), Limits())

    assert isinstance(outcome, DeadLetter)
    assert outcome.cause.reason.endswith("no task is called 'x'; there are: greet, wave")


def test_an_error_is_in_the_dead_letter_with_its_traceback() -> None:
    try:
        raise ValueError("x")
    except ValueError as error:
        outcome = decided(error, 3)

    assert isinstance(outcome, DeadLetter)
    assert outcome.cause.error == "ValueError: x"
    assert "test_outcome.py" in (outcome.cause.traceback or "")


def test_a_message_that_is_none_has_no_error_of_a_task() -> None:
    outcome = decided(BadMessageError("the body is not JSON"))

    assert isinstance(outcome, DeadLetter)
    assert (outcome.cause.error, outcome.cause.traceback) == (None, None)


def test_a_retry_says_why() -> None:
    assert decided(Retry("busy", after=9)) == RetryLater(9, "busy")
    assert decided(ValueError("x")).reason == "ValueError: x"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("after", "longest", "seconds"),
    [
        pytest.param(60, 43_000, 60, id="as told, jitter or not"),
        pytest.param(90.9, 43_000, 90, id="whole seconds"),
        pytest.param(0, 43_000, 1, id="at least a second"),
        pytest.param(0.4, 43_000, 1, id="nor a part of one"),
        pytest.param(50_000, 43_000, 43_000, id="at most what SQS allows"),
        pytest.param(43_200, 43_200 - 900.5, 42_299, id="12 hours less what has elapsed"),
        pytest.param(float("inf"), 43_000, 43_000, id="for ever: as long as SQS allows"),
    ],
)
def test_retry_after(after: float, longest: float, seconds: int) -> None:
    outcome = decided(Retry("busy", after=after), longest=longest)

    assert outcome == RetryLater(seconds, "busy")


@pytest.mark.parametrize(
    ("attempt", "ceiling"), [(1, 100), (2, 200), (3, 400), (4, 800), (5, 1000), (9, 1000)]
)
def test_without_after_the_tasks_own_backoff_holds(attempt: int, ceiling: int) -> None:
    policy = Policy(attempts=99, backoff=POLICY.backoff)
    drawn = [
        decide(ValueError(), Attempt(attempt, policy=policy), Random(seed), Limits()).seconds  # type: ignore[union-attr]
        for seed in range(300)
    ]

    assert all(isinstance(seconds, int) for seconds in drawn)
    assert 1 <= min(drawn) < 0.1 * ceiling
    assert 0.9 * ceiling < max(drawn) <= ceiling


def test_a_backoff_longer_than_sqs_allows_is_cut() -> None:
    policy = Policy(attempts=9, backoff=Backoff(first=1_000_000, longest=1_000_000))

    outcome = decided(ValueError(), 1, policy, longest=MAX_VISIBILITY_SECONDS - 100)

    assert isinstance(outcome, RetryLater)
    assert outcome.seconds <= MAX_VISIBILITY_SECONDS - 100


@pytest.mark.parametrize(
    ("kept", "becomes"),
    [
        pytest.param(DROP_MARGIN_SECONDS, RetryLater, id="in time"),
        pytest.param(DROP_MARGIN_SECONDS - 1, DeadLetter, id="too late"),
    ],
)
def test_a_retry_that_sqs_may_not_live_to_see_becomes_a_dead_letter(kept: float, becomes: type) -> None:
    retry, attempt = RetryLater(7200, "busy"), Attempt(1, "greet", "id-1")

    outcome = before_it_is_dropped(retry, attempt, Limits(kept_seconds=kept))

    assert isinstance(outcome, becomes)
    if isinstance(outcome, DeadLetter):
        assert outcome.cause.reason == "SQS would drop the message in less than 4 days: busy"


class TestUsedUp:
    """An attempt too many: earlier ones began and did not end, since their function was killed."""

    @pytest.mark.parametrize("attempt", [1, 2, 3])
    def test_an_attempt_that_the_task_has_goes_on(self, attempt: int) -> None:
        assert used_up(Attempt(attempt, policy=POLICY)) is None

    def test_one_too_many_is_dead_lettered_before_it_starts(self) -> None:
        outcome = used_up(Attempt(4, "greet", "id-1", POLICY))

        assert outcome is not None
        assert outcome.cause.reason.startswith("started 3 times, and the end of the last is not recorded")
        assert (outcome.cause.attempts, outcome.cause.task, outcome.cause.id) == (3, "greet", "id-1")


def test_an_error_whose_own_text_fails_is_decided_as_any_other() -> None:
    class MuteError(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no words")

    outcome = decide(MuteError(), Attempt(1, "greet", "id-1"), Random(0), Limits())

    assert isinstance(outcome, RetryLater)
    assert outcome.reason == "MuteError: (its text can't be had)"


class NotYet(Retry):
    """One of a user's own, which does not call Retry's."""

    def __init__(self, page: int, after: Any = None) -> None:
        if after is not None:
            self.after = after


@pytest.mark.parametrize("after", [None, "tomorrow", -1, float("nan")])
def test_a_retry_of_the_users_own_that_names_no_time_waits_for_the_backoff(after: object) -> None:
    outcome = decided(NotYet(7, after))

    assert isinstance(outcome, RetryLater)
    assert 1 <= outcome.seconds <= 100


def test_a_reject_of_the_users_own_needs_no_reason() -> None:
    class Never(Reject):
        def __init__(self, page: int) -> None:
            pass

    outcome = decided(Never(7))

    assert isinstance(outcome, DeadLetter)
    assert outcome.cause.reason == "rejected: 7"


def test_a_group_may_be_nested_without_end() -> None:
    group: Exception = Reject("no user")
    for _ in range(3_000):
        group = ExceptionGroup("of a TaskGroup", [group])

    assert str(meant(group)) == "no user"


def test_a_single_retry_is_not_looked_into() -> None:
    class OddRetry(Retry):
        @property
        def after(self) -> float:  # type: ignore[override]
            raise ValueError

        @after.setter
        def after(self, value: object) -> None: ...

    error = OddRetry("busy")

    assert meant(error) is error


@pytest.mark.parametrize("number", [1_000, 100_000], ids=str)
def test_a_tasks_own_validation_error_is_counted_where_it_has_too_many_findings(number: int) -> None:
    with pytest.raises(ValueError, match="validation errors") as caught:
        TypeAdapter(list[int]).validate_python(["x"] * number)

    outcome = decided(meant(caught.value), attempt=3)

    assert isinstance(outcome, DeadLetter)
    assert outcome.cause.traceback
    assert "in test_a_tasks_own_validation_error" in outcome.cause.traceback
    counted = f"TooManyFindingsError: {number:,} validation errors, too many to name"
    assert (counted == outcome.cause.error) is (number > 1_000)
    assert (len(outcome.cause.traceback) < 2_000) is (number > 1_000)
