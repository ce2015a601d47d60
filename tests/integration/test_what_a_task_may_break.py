"""A task breaks what the worker looks at after it. It succeeded all the same, and so does the next one."""

from __future__ import annotations

import pytest
from tests.integration.warm_worker import WarmWorker

REPLACED = (
    *("os.waitid", "os.waitpid", "os.open", "os.close", "os.getcwd", "os.chdir", "os.umask", "os.getpid"),
    *("os._exit", "os.listdir", "os.sysconf", "sys.getrecursionlimit", "sys.setrecursionlimit"),
    *("resource.getrlimit", "resource.getrusage", "threading.enumerate"),
)

BREAKS = """
import os, resource, sys, threading

def refuse(*_, **__):
    raise RuntimeError("of a test double")

@task
def breaks(payload: dict[str, Any]) -> None:
    {what}

@task
def next_one(payload: dict[str, Any]) -> None: ...

@task
async def next_async(payload: dict[str, Any]) -> None: ...
"""


def test_the_worker_does_not_use_what_it_replaces_of_the_system(worker: WarmWorker) -> None:
    # Given a task for each, one after the other in one process: at last all of them are replaced
    breaks = "@task\ndef breaks{}(payload: dict[str, Any]) -> None:\n    {} = refuse\n\n"
    code = "".join(breaks.format(number, name) for number, name in enumerate(REPLACED))
    names = ["next_async", *(f"breaks{number}" for number in range(len(REPLACED))), "next_one"]

    ran = worker.runs(BREAKS.format(what="...") + code, *names)

    assert [line["task"] for line in ran.said("delivery")] == names
    assert (ran.outcomes, ran.errors) == ([("succeeded", True)] * len(names), "")
    assert ran.status == 0


def test_a_pid_that_it_makes_up_does_not_make_the_worker_a_child(worker: WarmWorker) -> None:
    ran = worker.runs(BREAKS.format(what="os.getpid = lambda: 7"), "breaks", "next_one", "next_async")

    assert ran.outcomes == [("succeeded", True)] * 3


@pytest.mark.parametrize("name", ["umask", "getcwd", "waitid", "open_descriptor"])
def test_after_what_cant_be_put_back_the_process_ends(worker: WarmWorker, name: str) -> None:
    what = f"sys.modules['worker.leftovers'].{name} = refuse"

    ran = worker.runs(BREAKS.format(what=what), "breaks", "next_one")

    assert ran.deliveries == ["succeeded"]
    assert (ran.status, ran.lines[-1]["message"]) == (1, "this environment ends")
    assert "what its task changed can't be put back: RuntimeError" in ran.lines[-1]["reason"]


def test_so_it_does_after_what_its_module_broke_when_it_was_imported(worker: WarmWorker) -> None:
    broken = "\nsys.modules['worker.leftovers'].ResourceLimits = refuse\n"

    ran = worker.runs(BREAKS.format(what="...") + broken, "next_one", "next_one")

    assert ran.deliveries == ["succeeded"]
    assert ran.lines[-1]["reason"].startswith("what was there before its task can't be told: RuntimeError")


def test_so_it_does_after_what_breaks_the_loop(worker: WarmWorker) -> None:
    ran = worker.runs(BREAKS.format(what="os.closerange(3, 256)"), "next_async", "breaks", "next_async")

    assert ran.deliveries == ["succeeded"] * 2
    assert (ran.status, ran.lines[-1]["message"]) == (1, "this environment ends")
