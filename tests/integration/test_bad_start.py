"""A function that can't work says why in its first log line."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
from tests.integration.conftest import LINES, LambdaContext, Stack
from tests.project.architecture.modules import ROOT

import consumer.app
import worker.app
from shared.delivery import BadEventError
from shared.settings import SettingError

HANDLERS: dict[str, Any] = {"consumer": consumer.app.handler, "worker": worker.app.handler}


@pytest.mark.parametrize(
    ("function", "variable", "says"),
    [
        ("consumer", "ZIGZAG_QUEUE_URL", "ZIGZAG_QUEUE_URL is not set; it may be the task queue's URL"),
        ("consumer", "ZIGZAG_WORKER", "ZIGZAG_WORKER is not set; it may be the name of the worker function"),
        (
            "worker",
            "ZIGZAG_DEAD_LETTER_QUEUE_URL",
            "ZIGZAG_DEAD_LETTER_QUEUE_URL is not set; it may be the d",
        ),
    ],
)
def test_a_missing_setting_is_named_in_the_first_log_line_at_every_start(
    stack: Stack, lines: LINES, monkeypatch: pytest.MonkeyPatch, function: str, variable: str, says: str
) -> None:
    monkeypatch.delenv(variable)

    for _ in range(2):
        with pytest.raises(SettingError):
            HANDLERS[function]({}, LambdaContext(60))

        first = lines()[0]
        assert first["level"] == "ERROR"
        assert first["message"].startswith(says)


def test_a_function_mends_itself_when_its_setting_is_there(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZIGZAG_WORKER", "")
    with pytest.raises(SettingError):
        stack.wake_consumer()

    monkeypatch.setenv("ZIGZAG_WORKER", "worker")

    assert stack.wake_consumer()["stopped"] == "queue empty"


@pytest.mark.parametrize("function", ["consumer", "worker"])
def test_within_lambda_a_missing_setting_is_said_in_the_init_phase(function: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", f"import {function}.app"],
        env={"AWS_LAMBDA_FUNCTION_NAME": "x", "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=False,
    )

    assert ended.returncode != 0
    assert json.loads(ended.stdout.splitlines()[0])["message"].startswith("ZIGZAG_QUEUE_URL is not set")


@pytest.mark.parametrize("event", [{}, {"Records": []}, "hello"], ids=str)
def test_an_event_that_is_no_dispatch_is_refused_and_said(stack: Stack, lines: LINES, event: Any) -> None:
    with pytest.raises(BadEventError):
        stack.start_worker(event)

    assert lines()[0]["message"].startswith("the event is no dispatch: it needs")


def test_a_queue_that_is_not_there_is_in_the_summary(
    stack: Stack, lines: LINES, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZIGZAG_QUEUE_URL", stack.queue_url + "-gone")

    summary = stack.wake_consumer()

    assert summary["stopped"].startswith("receives refused: ")
    assert "NonExistentQueue" in summary["stopped"]
    assert lines()[-1]["level"] == "ERROR"
