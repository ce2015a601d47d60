"""A task arms what ends its process, or raises in it, a while later. The next task in it does not notice."""

from __future__ import annotations

from tests.integration.warm_worker import WarmWorker

CODE = """
import faulthandler, signal, time

def heard(*_):
    raise RuntimeError("of the first task")

@task
def dumps(payload: dict[str, Any]) -> None:
    faulthandler.dump_traceback_later(0.3, exit=True)

@task
def profiles(payload: dict[str, Any]) -> None:
    signal.setitimer(signal.ITIMER_PROF, 0.3, 0.3)

@task
def profiles_itself(payload: dict[str, Any]) -> None:
    signal.signal(signal.SIGPROF, heard)
    signal.setitimer(signal.ITIMER_PROF, 0.3, 0.3)

@task
def next_one(payload: dict[str, Any]) -> None:
    ends = time.process_time() + 0.7
    while time.process_time() < ends:
        pass
"""


def test_it_goes_off_in_no_other_task(worker: WarmWorker) -> None:
    ran = worker.runs(CODE, "dumps", "profiles", "profiles_itself", "next_one")

    assert (ran.outcomes, ran.status) == ([("succeeded", True)] * 4, 0)
