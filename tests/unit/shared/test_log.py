"""The log: one JSON object a line."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from shared import log


@pytest.fixture
def lines() -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """What was written, as our formatter has it."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(log.JsonFormatter())
    level = log.LOGGER.level
    log.LOGGER.addHandler(handler)
    log.LOGGER.setLevel(logging.INFO)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    log.LOGGER.removeHandler(handler)
    log.LOGGER.setLevel(level)


def test_a_line_is_one_json_object_with_time_level_message_and_fields(
    lines: Callable[[], list[dict[str, Any]]],
) -> None:
    log.write(logging.WARNING, "two\nlines", polls=3, name="🙂")

    (line,) = lines()
    assert line.pop("timestamp").endswith("+00:00")
    assert line == {"level": "WARNING", "message": "two\nlines", "polls": 3, "name": "🙂"}


def test_an_error_brings_its_traceback_on_the_same_line(lines: Callable[[], list[dict[str, Any]]]) -> None:
    try:
        raise ValueError("oh")
    except ValueError as error:
        log.write(logging.ERROR, "failed", error=error)

    (line,) = lines()
    assert line["traceback"].startswith("Traceback")
    assert line["traceback"].endswith("ValueError: oh")


def test_a_field_that_json_does_not_know_is_written_as_text(
    lines: Callable[[], list[dict[str, Any]]],
) -> None:
    log.write(logging.INFO, "said", what={1})

    assert lines()[0]["what"] == "{1}"


def test_a_field_that_is_not_known_is_left_out(lines: Callable[[], list[dict[str, Any]]]) -> None:
    log.write(logging.INFO, "said", id=None, attempt=0)

    assert {"id", "attempt"} & set(lines()[0]) == {"attempt"}


@pytest.fixture
def root(monkeypatch: pytest.MonkeyPatch) -> Iterator[logging.Logger]:
    """The root logger, as some other runtime left it; put back at the end."""
    root, botocore = logging.getLogger(), logging.getLogger("botocore")
    levels = root.level, botocore.level
    monkeypatch.setattr(root, "handlers", [logging.StreamHandler(io.StringIO())])
    yield root
    root.setLevel(levels[0])
    botocore.setLevel(levels[1])


def test_our_handler_replaces_the_runtimes_own(
    root: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    log.configure()
    logging.getLogger("a.task").info("hello")

    assert len(root.handlers) == 1
    assert json.loads(capsys.readouterr().out)["message"] == "hello"


def test_what_botocore_says_of_credentials_is_not_logged(
    root: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    log.configure()
    logging.getLogger("botocore.credentials").info("Found credentials")

    assert capsys.readouterr().out == ""
