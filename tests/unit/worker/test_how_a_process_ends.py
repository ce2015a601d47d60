"""A process in which the worker itself has failed ends at once: the next message finds another one."""

from __future__ import annotations

import os

import pytest

from shared import log
from worker.process import LambdaProcess

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="only a child can be looked at")


def status_of_a_child_that_ends_after(error: BaseException) -> int:
    child = os.fork()
    if child == 0:
        try:
            LambdaProcess().end_after(error, "the-request")
        finally:  # only if it did not end
            os._exit(99)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


class UnspeakableError(Exception):
    def __str__(self) -> str:
        raise KeyboardInterrupt


ERRORS = [RuntimeError("replaced"), KeyboardInterrupt(), MemoryError(), UnspeakableError()]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_whatever_escaped_from_the_worker(error: BaseException) -> None:
    assert status_of_a_child_that_ends_after(error) == 1


def test_though_its_log_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise SystemExit(7)

    monkeypatch.setattr(log, "write", refuse)

    assert status_of_a_child_that_ends_after(RuntimeError("replaced")) == 1
