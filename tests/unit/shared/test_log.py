"""The log: one JSON object a line."""

from __future__ import annotations

import io
import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import pytest

from shared import log

type Lines = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def lines() -> Iterator[Lines]:
    """Yields the lines that were written, by our formatter."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(log.JsonFormatter())
    level = log.LOGGER.level
    log.LOGGER.addHandler(handler)
    log.LOGGER.setLevel(logging.INFO)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    log.LOGGER.removeHandler(handler)
    log.LOGGER.setLevel(level)


def test_a_line_is_one_json_object_with_time_level_message_and_fields(lines: Lines) -> None:
    log.write(logging.WARNING, "two\nlines", polls=3, name="🙂")

    (line,) = lines()
    assert line.pop("timestamp").endswith("+00:00")
    assert line == {"level": "WARNING", "message": "two\nlines", "polls": 3, "name": "🙂"}


def test_an_error_brings_its_traceback_on_the_same_line(lines: Lines) -> None:
    try:
        raise ValueError("oh")
    except ValueError as error:
        log.write(logging.ERROR, "failed", error=error)

    (line,) = lines()
    assert line["traceback"].startswith("Traceback")
    assert line["traceback"].endswith("ValueError: oh")


def test_a_field_that_is_not_known_is_left_out(lines: Lines) -> None:
    log.write(logging.INFO, "said", id=None, attempt=0)

    assert {"id", "attempt"} & set(lines()[0]) == {"attempt"}


class Strange:
    """Something that has no text."""

    def __str__(self) -> str:
        raise RuntimeError("no")


def a_circle() -> list[Any]:
    circle: list[Any] = []
    circle.append(circle)
    return circle


@pytest.mark.parametrize(
    ("value", "written"),
    [
        pytest.param({"a": [1, None, True, 0.5]}, {"a": [1, None, True, 0.5]}, id="JSON"),
        pytest.param({1}, "{1}", id="a set"),
        pytest.param(float("nan"), "nan", id="no number"),
        pytest.param({"a": float("inf")}, "{'a': inf}", id="a number without end"),
        pytest.param({(1, 2): 3}, "{(1, 2): 3}", id="a key that is none"),
        pytest.param(a_circle(), "[[...]]", id="a circle"),
        pytest.param(b"\xff", "b'\\xff'", id="bytes"),
        pytest.param(10**5_000, "a int, whose text can't be had", id="too many digits"),
        pytest.param(Strange(), "a Strange, whose text can't be had", id="nothing that has a text"),
    ],
)
def test_any_field_makes_a_line_of_json(lines: Lines, value: Any, written: Any) -> None:
    log.write(logging.INFO, "said", what=value)

    assert lines()[0]["what"] == written


@pytest.mark.parametrize("name", ["timestamp", "level", "message", "traceback"])
def test_no_field_takes_the_place_of_what_every_line_has(lines: Lines, name: str) -> None:
    log.LOGGER.error("true", extra={"fields": {name: "FORGED", "more": 1}}, exc_info=ValueError("true"))

    (line,) = lines()
    assert "FORGED" not in str(line)
    assert line["more"] == 1


def test_our_own_line_may_tell_cloudwatch_of_its_metrics(lines: Lines) -> None:
    log.write(logging.INFO, "said", seconds=1.5, _aws={"CloudWatchMetrics": []})

    assert lines()[0]["_aws"] == {"CloudWatchMetrics": []}


@pytest.mark.parametrize("extra", [{"fields": {"_aws": {}}}, {"_aws": {}}], ids=str)
def test_nobody_elses_line_may(lines: Lines, extra: dict[str, Any]) -> None:
    logging.getLogger("zigzag.task").info("said", extra=extra)

    assert set(lines()[0]) == {"timestamp", "level", "message"}


class TestOfATask:
    """Fields that `context.log` adds to a task's lines."""

    FIELDS: ClassVar = {"task": "pay", "id": "1", "attempt": 2}

    @pytest.mark.parametrize(
        ("extra", "more"),
        [
            (None, {}),
            ({"fields": {"order": "A-1"}}, {"order": "A-1"}),
            ({"order": "A-1"}, {"order": "A-1"}),
            ({"order": "A-1", "fields": {"customer": 7}}, {"order": "A-1", "customer": 7}),
            ({"fields": "of corn"}, {"fields": "of corn"}),
            ({"fields": {"task": "FORGED"}, "id": "FORGED", "attempt": 9}, {}),
        ],
        ids=str,
    )
    def test_a_line_has_what_the_task_gives_it_and_which_attempt_it_is_of(
        self, lines: Lines, extra: dict[str, Any] | None, more: dict[str, Any]
    ) -> None:
        log.of_a_task(self.FIELDS).warning("said", extra=extra)

        (line,) = lines()
        assert line.pop("timestamp")
        assert line == {"level": "WARNING", "message": "said", **self.FIELDS, **more}

    def test_the_tasks_own_fields_are_not_changed(self, lines: Lines) -> None:
        extra = {"fields": {"order": "A-1"}}

        log.of_a_task(self.FIELDS).warning("said", extra=extra)

        assert extra == {"fields": {"order": "A-1"}}


def test_fields_that_are_none_of_ours_are_one_field(lines: Lines) -> None:
    log.LOGGER.info("said", extra={"fields": "of corn"})

    assert lines()[0]["fields"] == "of corn"


def test_a_line_whose_arguments_do_not_fit_is_a_line_still() -> None:
    record = logging.LogRecord("a.task", logging.INFO, "task.py", 7, "%d apples", ("no\nnumber",), None)

    line = json.loads(log.JsonFormatter().format(record))

    assert line["message"] == "%d apples (its arguments don't fit: task.py:7)"


def test_a_percent_sign_in_what_we_say_is_no_place_for_an_argument(lines: Lines) -> None:
    log.write(logging.INFO, "%s %(x)s %d")

    assert lines()[0]["message"] == "%s %(x)s %d"


class TestLength:
    """A line is short enough to stay whole on its way through Lambda."""

    def test_a_text_that_is_too_long_loses_its_middle(self, lines: Lines) -> None:
        log.write(logging.INFO, "said", what="first" + "x" * 1_000_000 + "last")

        what = lines()[0]["what"]
        assert what.startswith("firstx")
        assert what.endswith("xlast")
        assert "984,009 characters" in what

    def test_so_does_a_list(self, lines: Lines) -> None:
        log.write(logging.INFO, "said", what=list(range(100_000)))

        assert lines()[0]["what"].startswith("[0, 1, 2, 3")

    @pytest.mark.parametrize("character", ["x", "\x00", "\ud800", "🙂"])
    def test_many_long_ones_are_a_line_still(self, character: str, lines: Lines) -> None:
        endless = character * 100_000

        fields = {f"a{number}": endless for number in range(10)}
        log.write(logging.INFO, endless, error=ValueError(endless), **fields)

        (line,) = lines()
        assert len(json.dumps(line)) <= log.MAX_LINE_BYTES
        assert len(line) == 14

    def test_the_metrics_are_whole_though_the_rest_is_cut(self, lines: Lines) -> None:
        embedded = {"Timestamp": 1, "CloudWatchMetrics": [{"Namespace": "n" * 500}]}
        endless = {f"a{number}": "\x00" * 100_000 for number in range(10)}

        log.write(logging.INFO, "said", _aws=embedded, **endless)

        (line,) = lines()
        assert line["_aws"] == embedded
        assert len(json.dumps(line)) <= log.MAX_LINE_BYTES


@pytest.fixture
def root(monkeypatch: pytest.MonkeyPatch) -> Iterator[logging.Logger]:
    """Yields the root logger, as some other runtime left it. Puts it back at the end."""
    root, botocore = logging.getLogger(), logging.getLogger("botocore")
    levels = root.level, botocore.level
    monkeypatch.setattr(root, "handlers", [logging.StreamHandler(io.StringIO())])
    monkeypatch.setattr(log, "_function", None)
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


def test_botocores_words_on_credentials_are_not_logged(
    root: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    log.configure()
    logging.getLogger("botocore.credentials").info("Found credentials")

    assert capsys.readouterr().out == ""


LONG_LINES = """
import logging
from shared import log
log.configure()
log.take_turns()
for _ in range(20):
    log.write(logging.ERROR, "failed", reason="x" * 12_000, trace="y" * 12_000)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="a server runs on Linux")
def test_long_lines_of_several_processes_are_whole_though_their_reader_is_slow() -> None:
    reads, writes = os.pipe()
    command, path = [sys.executable, "-c", LONG_LINES], {"PYTHONPATH": os.pathsep.join(sys.path)}
    processes = [subprocess.Popen(command, stdout=writes, env=path) for _ in range(3)]
    os.close(writes)
    data = b""
    with open(reads, "rb", buffering=0) as pipe:
        while part := pipe.read(8192):
            data += part
            time.sleep(0.0005)

    assert [process.wait() for process in processes] == [0, 0, 0]
    assert len([json.loads(line) for line in data.splitlines()]) == 60
