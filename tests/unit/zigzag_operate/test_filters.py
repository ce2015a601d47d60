"""Which dead letters the options mean."""

from __future__ import annotations

import errno
import json
from pathlib import Path
from typing import Any

import pytest

from zigzag_cli.filters import filter_of
from zigzag_operate.acting import Saving
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
        ({"groups": ["4d3a0000"]}, []),
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


def test_after_a_full_disk_the_next_letter_is_a_line_of_its_own_and_only_the_owner_reads_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saving = Saving(tmp_path / "letters", by="Ann")
    saving.write([{"Body": "first"}])

    def full(file: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("zigzag_operate.acting.os.fsync", full)
        with pytest.raises(OSError, match="No space"):
            saving.write([{"Body": "second"}])
    saving.write([{"Body": "third"}])

    lines = (tmp_path / "letters").read_text().splitlines()
    assert [json.loads(line)["Body"] for line in lines] == ["first", "third"]
    assert (tmp_path / "letters").stat().st_mode & 0o777 == 0o600
