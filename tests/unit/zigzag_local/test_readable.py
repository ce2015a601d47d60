"""A line of a log as a person reads it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from zigzag_local.readable import readable


def line(**fields: Any) -> str:
    return json.dumps({"timestamp": "2027-01-01T12:00:30.250+00:00", "level": "INFO", **fields})


def test_a_delivery_says_outcome_task_id_attempt_and_reason_first_and_its_traceback_last() -> None:
    said = readable(
        line(
            level="WARNING",
            message="delivery",
            traceback="Traceback (most recent call last):\nValueError: no",
            seconds=0.1,
            outcome="retry later",
            task="hello",
            id="a-1",
            attempt=2,
            settled=True,
            reason="ValueError: no",
        )
    )

    assert said.splitlines() == [
        "WARNING retry later hello (a-1), attempt 2: ValueError: no  seconds=0.1",
        "    Traceback (most recent call last):",
        "    ValueError: no",
    ]


def test_a_delivery_that_was_not_settled_says_so() -> None:
    assert "not settled" in readable(line(message="delivery", outcome="succeeded", settled=False))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("[" * 100_000, "[" * 100_000, id="nested too deep"),
        (line(message="tick", polls=3, ended="empty"), "tick  polls=3 ended=empty"),
        (line(message="hello, Ann"), "hello, Ann"),
        ("print() of a task", "print() of a task"),
        ('{"no": "line"}', '{"no": "line"}'),
        ("[1]", "[1]"),
    ],
)
def test_any_other_line_is_its_message_and_its_fields(text: str, said: str) -> None:
    assert readable(text) == said


@pytest.mark.parametrize("character", ["\x1b", "\x07", "\r", "\x9b", "\u202e", "\u2028"])
def test_a_control_character_is_shown_and_not_obeyed(character: str) -> None:
    escaped = character.encode("unicode_escape").decode()

    assert readable(line(message=f"a{character}b")) == f"a{escaped}b"
    assert readable(f"a{character}b") == f"a{escaped}b"
