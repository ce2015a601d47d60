"""A reason without its own numbers and names, and which reasons are a group."""

from __future__ import annotations

import pytest

from zigzag_operate.reasons import group_of, normal


@pytest.mark.parametrize(
    ("reason", "task", "left"),
    [
        (
            "failed after 3 attempts: TimeoutError: no answer",
            None,
            "failed after attempts: TimeoutError: no answer",
        ),
        ("rejected: the server answered 404", "crawl_page", "rejected: the server answered"),
        ("KeyError: 'name'", None, "KeyError:"),
        ("can't be read: it isn't there", None, "can't be read: it isn't there"),
        ("""no "a b", `c`, “d” or 'it's'""", None, "no , , or"),
        ("GET https://x.test/a?b=1 failed", None, "GET failed"),
        ("s3://bucket/key and arn:aws:sqs:a:b are gone", None, "and are gone"),
        ("a mail to ann.b@x.test bounced", None, "a mail to bounced"),
        ("message 19dd0b57-b21e-4ac1-bd88-01bbb068cb78 of order-A-1", None, "message of"),
        ("deadbeefcafe at 2026-11-28T14:31:08.5, 1,000 of 12.5%", None, "at , of"),
        ("Urllib3Error: refused", None, "Urllib3Error: refused"),
        # The task's name stays, also where it looks like what goes.
        ("no task is called 'refund'; there are: pay", "refund", "no task is called refund ; there are: pay"),
        ("task_2 can't be imported", "task_2", "task_2 can't be imported"),
        ("failed after 3 attempts: 404 failed", "404", "failed after attempts: 404 failed"),
        ("no `deadbeef` in 'a deadbeef b'", "deadbeef", "no deadbeef in deadbeef"),
        ("https://x.test/pay/1 refused pay2", "pay", "refused"),
        ("a.b failed", "a.b", "a.b failed"),
        ("", None, ""),
    ],
)
def test_what_is_left_of_a_reason(reason: str, task: str | None, left: str) -> None:
    assert normal(reason, task) == left


def test_a_group_is_named_by_digits_that_stay() -> None:
    """A name may be in somebody's script or ticket: whoever changes the rules counts NORMALISER up."""
    assert group_of("rejected: the server answered 404", "crawl_page") == "40791837"
    assert group_of("rejected: the server answered 500", "other") == "40791837"
    assert group_of("no task is called 'a'", "a") != group_of("no task is called 'b'", "b")
    assert group_of("half a character \ud800") == group_of("half a character \ud801")


@pytest.mark.parametrize("hostile", ["'a", "a@", "1-", "1,", "://", "wordErro", '"', "“a'"])
def test_a_hostile_reason_takes_no_longer_than_another(hostile: str) -> None:
    """With a pattern that tries everything this would not end."""
    for _ in range(20):
        normal(hostile * 100_000, "x'y")
