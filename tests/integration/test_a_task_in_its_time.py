"""The end of a process: the worker's handler ends it, all settled, where it must exit after a task."""

from __future__ import annotations

import os
import threading
from typing import Any

import pytest
from tests.integration.conftest import LINES, Stack
from tests.support import body_of

import worker.app
from worker.process import LambdaProcess
from zigzag import task


class EndOfProcess(BaseException):
    """Stands for the end of the process."""


@pytest.fixture
def ended(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Returns the statuses with which the process ended."""
    statuses: list[int] = []

    def end(status: int) -> None:
        statuses.append(status)
        raise EndOfProcess

    monkeypatch.setattr(os, "_exit", end)
    monkeypatch.setattr(worker.app, "PROCESS", LambdaProcess())
    return statuses


def test_a_process_with_a_thread_left_behind_ends_once_its_message_is_settled(
    stack: Stack, ended: list[int], lines: LINES
) -> None:
    leave = threading.Event()

    @task()
    def forget_a_thread(payload: dict[str, Any]) -> None:
        threading.Thread(target=leave.wait, name="forgotten").start()

    stack.knows(forget_a_thread)
    stack.send(body_of("forget_a_thread"))

    with pytest.raises(EndOfProcess):
        stack.run()

    leave.set()
    assert ended == [1]
    assert (stack.visible(), stack.in_flight()) == (0, 0)
    assert lines()[-1]["reason"] == "its task left threads behind: forgotten"


def test_a_process_after_a_task_that_ended_goes_on(stack: Stack, ended: list[int]) -> None:
    stack.send(body_of("hello", {"name": "world"}))

    (answer,) = stack.run()

    assert answer["outcome"] == "succeeded"
    assert ended == []
