"""Errors that a task may raise, and those that sending raises."""

from __future__ import annotations

import pytest

from zigzag import (
    BadPayloadError,
    PayloadTooLargeError,
    Reject,
    Retry,
    SendError,
    TaskDefinitionError,
    Unavailable,
    ZigzagError,
)


def test_retry_and_reject_carry_their_reason() -> None:
    assert (Retry("busy", after=5).reason, Retry("busy", after=5).after) == ("busy", 5)
    assert Retry("busy").after is None
    assert Reject("no user").reason == str(Reject("no user")) == "no user"


@pytest.mark.parametrize("after", [-1, -0.1, float("nan")])
def test_a_time_that_is_none_is_refused_where_it_is_said(after: float) -> None:
    with pytest.raises(ValueError, match="Retry"):
        Retry("busy", after=after)


def test_unavailable_is_a_retry_for_whoever_knows_no_more() -> None:
    said = Unavailable("SES is down", after=30)

    assert isinstance(said, Retry)
    assert (said.reason, said.after, Unavailable("429").after) == ("SES is down", 30, None)


@pytest.mark.parametrize("after", [-1, 900.5, float("nan"), float("inf")])
def test_all_others_are_asked_to_wait_for_a_quarter_of_an_hour_at_most(after: float) -> None:
    with pytest.raises(ValueError, match=r"Unavailable\(after=…\) takes seconds, 0 to 900"):
        Unavailable("429", after=after)


def test_an_except_of_send_error_catches_all_that_sending_raises() -> None:
    assert issubclass(BadPayloadError, SendError)
    assert issubclass(PayloadTooLargeError, SendError)


def test_an_except_of_zigzag_error_catches_every_error_and_lets_retry_and_reject_pass() -> None:
    assert issubclass(SendError, ZigzagError)
    assert issubclass(TaskDefinitionError, ZigzagError)
    assert not issubclass(Retry, ZigzagError)
    assert not issubclass(Reject, ZigzagError)
