"""A task sets limits to its process: the next one must not be killed by them."""

from __future__ import annotations

import os
import resource
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from worker.process import LambdaProcess
from zigzag.in_place import run_in_place

LONG = 30.0
NOBODY = 65534
LIMITS = ("CPU", "AS", "DATA", "NOFILE", "FSIZE", "NPROC")


@pytest.fixture
def process() -> Iterator[LambdaProcess]:
    process = LambdaProcess()
    yield process
    process.close()


def call(process: LambdaProcess, function: Callable[[], Any]) -> Any:
    return run_in_place(process.call(function, LONG))


def status_of_a_child(run: Callable[[], int]) -> int:
    """That of a child process which may not raise its hard limits, as on Lambda."""
    child = os.fork()
    if child == 0:
        try:
            if os.geteuid() == 0:
                os.setuid(NOBODY)
            os._exit(run())
        finally:  # only if it did not end
            os._exit(99)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.mark.parametrize("name", LIMITS)
def test_a_soft_limit_is_put_back(process: LambdaProcess, name: str) -> None:
    number = getattr(resource, f"RLIMIT_{name}")
    soft, hard = before = resource.getrlimit(number)
    other = 2**40 if hard == resource.RLIM_INFINITY else hard - 1
    assert other != soft

    call(process, lambda: resource.setrlimit(number, (other, hard)))

    after = resource.getrlimit(number)
    resource.setrlimit(number, before)
    assert (after, process.exit_reason) == (before, None)


def test_one_that_leaves_no_descriptor_ends_no_process(process: LambdaProcess) -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)

    call(process, lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (3, before[1])))

    after = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert (after, process.exit_reason) == (before, None)


def test_after_a_hard_limit_that_cant_be_raised_again_the_process_must_exit() -> None:
    """It has to settle first, so the soft limit goes as far as it can."""

    def run() -> int:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        process = LambdaProcess()
        call(process, lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard - 1)))
        now = resource.getrlimit(resource.RLIMIT_NOFILE)
        ends = process.exit_reason == "its task lowered a limit of its process for good: RLIMIT_NOFILE"
        return 0 if ends and now == (min(soft, hard - 1), hard - 1) else 1

    assert status_of_a_child(run) == 0


def test_a_hard_limit_without_end_that_got_one_is_the_soft_one_then() -> None:
    def run() -> int:
        hard = 2**40
        process = LambdaProcess()
        call(process, lambda: resource.setrlimit(resource.RLIMIT_CPU, (100, hard)))
        ends = process.exit_reason == "its task lowered a limit of its process for good: RLIMIT_CPU"
        return 0 if ends and resource.getrlimit(resource.RLIMIT_CPU) == (hard, hard) else 1

    assert status_of_a_child(run) == 0


def test_the_size_of_a_threads_stack_is_put_back(process: LambdaProcess) -> None:
    before = threading.stack_size()

    call(process, lambda: threading.stack_size(2**46))

    after = threading.stack_size(before)
    assert (after, process.exit_reason) == (before, None)
