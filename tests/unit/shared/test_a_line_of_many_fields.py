"""A log line is short however many fields it is given: a task may log a sender's payload as fields."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import Any

import pytest

from shared import log

OURS = {"task": "take_order", "id": "m-1", "attempt": 3}


def line_of(fields: Mapping[Any, Any]) -> dict[str, Any]:
    """Returns the line that a task's logger makes of the fields, which has ours as well."""
    _, given = log.of_a_task(OURS).process("taken", {"extra": {"fields": fields}})
    record = logging.makeLogRecord({"msg": "taken", "name": "zigzag.task", **given["extra"]})
    written = log.JsonFormatter().format(record)
    size = len(written)
    assert size <= log.MAX_LINE_BYTES
    line: dict[str, Any] = json.loads(written)
    return line


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({f"k{number}": number for number in range(100_000)}, id="a hundred thousand short ones"),
        pytest.param({f"k{number}": "v" * 200 for number in range(1_000)}, id="a thousand longer ones"),
        pytest.param({f"{number}{'🙂' * 200}": "🙂" * 200 for number in range(199)}, id="emoji alone"),
        pytest.param({f"{number}{'n' * 200}": {"\\": '"' * 200} for number in range(999)}, id="escapes"),
        pytest.param(dict.fromkeys(range(5_000), OURS), id="names that are none"),
    ],
)
def test_the_line_is_short_and_has_our_fields(fields: Mapping[Any, Any]) -> None:
    line = line_of(fields)

    assert line["message"] == "taken"
    assert OURS.items() <= line.items()


def test_the_first_and_the_last_are_there_and_it_says_how_many_are_not() -> None:
    line = line_of({f"k{number}": number for number in range(1_000)})

    assert line["k0"] == 0
    assert line["k999"] == 999
    assert "k500" not in line
    assert line["left out"] == f"{1_000 + len(OURS) - log.MAX_FIELDS} fields"


def test_as_many_as_a_line_has_are_all_there() -> None:
    fields = {f"k{number}": number for number in range(log.MAX_FIELDS - len(OURS))}

    line = line_of(fields)

    assert fields.items() <= line.items()
    assert "left out" not in line


def test_no_line_of_a_task_makes_metrics_however_many_fields_it_has() -> None:
    assert log.METRICS not in line_of({log.METRICS: {}, **{f"k{number}": number for number in range(1_000)}})
