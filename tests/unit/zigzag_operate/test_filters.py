"""Which dead letters the options mean."""

from __future__ import annotations

import json
from typing import Any

import pytest

from zigzag_cli.filters import filter_of
from zigzag_operate.letters import letter_of

NOW = 1_800_000_000.0  # 2027-01-15 08:00 UTC
LETTERS = (
    {"reason": "rejected: 404", "task": "pay", "id": "order-7", "message_id": "the first", "moved": NOW - 60},
    {"reason": "OSError: no disk", "task": "pay", "id": "order-8", "moved": NOW - 7200},
    {"reason": "OSError: no disk", "task": "mail", "moved": NOW - 3 * 86_400},
)


@pytest.mark.parametrize(
    ("given", "numbers"),
    [
        ({}, [0, 1, 2]),
        ({"groups": ["4d3a"]}, []),
        ({"reason": "OSERROR"}, [1, 2]),
        ({"task": "pay"}, [0, 1]),
        ({"task": "pay", "reason": "disk"}, [1]),
        ({"id": "order-7"}, [0]),
        ({"id": "the first"}, [0]),
        ({"id": "letter-2"}, [2]),
        ({"since": "61s"}, [0]),
        ({"since": "121min"}, [0, 1]),
        ({"since": "2d", "until": "1h"}, [1]),
        ({"until": "2027-01-15T06:00"}, [1, 2]),
        ({"until": "2027-01-15T06:59:59+01:00"}, [2]),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_all_that_is_given_must_fit(given: dict[str, Any], numbers: list[int]) -> None:
    options = {"groups": None, **dict.fromkeys(("task", "reason", "id", "since", "until")), **given}
    which = filter_of(**options, now=NOW)

    found = [
        number
        for number, note in enumerate(LETTERS)
        for attributes in [{"zigzag": {"StringValue": json.dumps(note)}}]
        if which.matches(letter_of({"MessageId": f"letter-{number}", "MessageAttributes": attributes}))
    ]

    assert found == numbers
