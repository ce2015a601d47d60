"""What a task may raise, and what sending raises."""

from __future__ import annotations

import pytest

from zigzag import BadPayloadError, PayloadTooLargeError, Reject, Retry, SendError


def test_retry_and_reject_carry_their_reason() -> None:
    assert (Retry("busy", after=5).reason, Retry("busy", after=5).after) == ("busy", 5)
    assert Retry("busy").after is None
    assert Reject("no user").reason == str(Reject("no user")) == "no user"


@pytest.mark.parametrize("after", [-1, -0.1, float("nan")])
def test_a_time_that_is_none_is_refused_where_it_is_said(after: float) -> None:
    with pytest.raises(ValueError, match="Retry"):
        Retry("busy", after=after)


def test_who_catches_send_error_catches_all_that_sending_raises() -> None:
    assert issubclass(BadPayloadError, SendError)
    assert issubclass(PayloadTooLargeError, SendError)
