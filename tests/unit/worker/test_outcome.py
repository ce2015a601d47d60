"""Outcomes: what becomes of a message after an attempt?"""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from shared.lease import DROP_MARGIN_SECONDS
from worker.outcome import Attempt, DeadLetter, Limits, RetryLater, before_it_is_dropped, decide
from worker.raised import meant
from zigzag import Backoff, Reject, Retry
from zigzag.body import BadMessageError
from zigzag.policy import Policy

POLICY = Policy(attempts=3, backoff=Backoff(first=100, longest=1000))


class NotYet(Retry):
    """One of a user's own, which does not call Retry's."""

    def __init__(self, page: int, after: Any = None) -> None:
        if after is not None:
            self.after = after


class Never(Reject):
    """Another one."""

    def __init__(self, page: int) -> None:
        pass


def decided(
    error: BaseException, attempt: int = 1, policy: Policy = POLICY, longest: float = 43_000
) -> RetryLater | DeadLetter:
    return decide(error, Attempt(attempt, "greet", "id-1", policy), Random(0), Limits(longest))


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(ValueError("x"), id="any error"),
        pytest.param(Retry("busy"), id="Retry"),
        pytest.param(SystemExit(1), id="the task leaves"),
    ],
)
@pytest.mark.parametrize(("attempt", "becomes"), [(2, RetryLater), (3, DeadLetter), (4, DeadLetter)])
def test_a_failed_attempt_is_made_again_until_the_last(
    error: BaseException, attempt: int, becomes: type
) -> None:
    assert isinstance(decided(error, attempt), becomes)


@pytest.mark.parametrize(
    ("error", "attempts", "attempt", "reason", "told"),
    [
        pytest.param(Reject("no user"), 3, 1, "rejected: no user", "Reject: no user", id="Reject"),
        pytest.param(Never(7), 3, 1, "rejected: 7", "Never: 7", id="Reject, of the user's own"),
        pytest.param(BadMessageError("no task"), 3, 1, "no task", None, id="no message"),
        pytest.param(
            ValueError("x"), 3, 3, "failed after 3 attempts: ValueError: x", "ValueError: x", id="an error"
        ),
        pytest.param(
            ValueError("x"), 1, 1, "failed after 1 attempt: ValueError: x", "ValueError: x", id="one attempt"
        ),
        pytest.param(Retry("busy"), 3, 3, "failed after 3 attempts: busy", "Retry: busy", id="Retry"),
    ],
)
def test_a_dead_letter_says_why(
    error: Exception, attempts: int, attempt: int, reason: str, told: str | None
) -> None:
    outcome = decided(error, attempt, Policy(attempts=attempts))

    assert isinstance(outcome, DeadLetter)
    assert (outcome.cause.reason, outcome.cause.error) == (reason, told)
    assert (outcome.cause.task, outcome.cause.id, outcome.cause.attempts) == ("greet", "id-1", attempt)


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


def test_a_group_may_be_nested_without_end() -> None:
    group: Exception = Reject("no user")
    for _ in range(3_000):
        group = ExceptionGroup("of a TaskGroup", [group])

    assert str(meant(group)) == "no user"


@pytest.mark.parametrize(
    ("after", "longest", "seconds"),
    [
        pytest.param(60, 43_000, 60, id="as told, jitter or not"),
        pytest.param(90.9, 43_000, 90, id="whole seconds"),
        pytest.param(0.4, 43_000, 1, id="at least a second"),
        pytest.param(float("inf"), 42_299.5, 42_299, id="at most what SQS allows"),
    ],
)
def test_retry_after(after: float, longest: float, seconds: int) -> None:
    assert decided(Retry("busy", after=after), longest=longest) == RetryLater(seconds, "busy")


@pytest.mark.parametrize("attempt", [1, 2])
def test_without_after_the_tasks_own_backoff_holds(attempt: int) -> None:
    drawn = POLICY.backoff.seconds(attempt, Random(0))

    assert decided(ValueError("x"), attempt) == RetryLater(int(drawn), "ValueError: x")


def test_a_backoff_longer_than_sqs_allows_is_cut() -> None:
    assert decided(ValueError("x"), longest=7) == RetryLater(7, "ValueError: x")


@pytest.mark.parametrize("after", [None, "tomorrow", -1, float("nan")])
def test_a_retry_of_the_users_own_that_names_no_time_waits_for_the_backoff(after: object) -> None:
    outcome = decided(NotYet(7, after))

    assert isinstance(outcome, RetryLater)
    assert 1 <= outcome.seconds <= 100


@pytest.mark.parametrize(
    ("kept", "becomes"),
    [
        pytest.param(DROP_MARGIN_SECONDS, RetryLater, id="in time"),
        pytest.param(DROP_MARGIN_SECONDS - 1, DeadLetter, id="too late"),
    ],
)
def test_a_retry_that_sqs_may_not_live_to_see_becomes_a_dead_letter(kept: float, becomes: type) -> None:
    outcome = before_it_is_dropped(RetryLater(7200, "busy"), Attempt(), Limits(kept_seconds=kept))

    assert isinstance(outcome, becomes)
