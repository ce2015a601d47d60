"""A log is read page after page, and each line is told before the next page is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import pytest

from zigzag_operate.logs import Which, log_lines
from zigzag_operate.target import Target


class Log:
    """A `Target` that is its own client of CloudWatch Logs, with a page for each line."""

    def __init__(self) -> None:
        self.pages = 0
        self.asked: dict[str, Any] = {}

    def client(self, service: str) -> Any:
        return self

    def outputs(self) -> dict[str, str]:
        return {"WorkerLogGroupName": "workers"}

    def get_paginator(self, name: str) -> Any:
        return self

    def paginate(self, **asked: Any) -> Iterator[Any]:
        self.asked = asked
        while self.pages < 3:
            self.pages += 1
            yield {"events": [{"timestamp": 1000, "message": f"line {self.pages}\n"}]}


def test_a_line_is_told_before_the_next_page_is_read() -> None:
    log = Log()

    lines = log_lines(cast(Target, log), Which(), 1.0)

    assert [(next(lines).text, log.pages) for _ in range(3)] == [("line 1", 1), ("line 2", 2), ("line 3", 3)]


@pytest.mark.parametrize(
    ("which", "pattern"),
    [
        (Which(), None),
        (Which(failed=True), None),
        (Which(task="pay"), '{ ($.task = "pay") }'),
        (Which(task="pay", id="order-7"), '{ ($.task = "pay") && ($.id = "order-7") }'),
        (Which(id='a" || "b'), None),
        (Which(id="a*"), None),
    ],
    ids=str,
)
def test_cloudwatch_is_told_only_what_means_itself(which: Which, pattern: str | None) -> None:
    log = Log()

    list(log_lines(cast(Target, log), which, 1.0))

    assert log.asked.get("filterPattern") == pattern
