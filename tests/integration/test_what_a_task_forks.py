"""A child that a task forks is the task's own: it never comes back to the worker."""

from __future__ import annotations

import pytest
from tests.integration.warm_worker import WarmWorker

CODE = """
import os

def waited_for(child):
    print("status", os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)

@task
def returns(payload: dict[str, Any]) -> None:
    if child := os.fork():
        waited_for(child)

@task
def raises(payload: dict[str, Any]) -> None:
    if child := os.fork():
        waited_for(child)
    else:
        raise ValueError("of the child")

@task
async def asynchronous(payload: dict[str, Any]) -> None:
    returns(payload)
"""


@pytest.mark.parametrize(("name", "status"), [("returns", 0), ("raises", 1), ("asynchronous", 0)])
def test_one_that_leaves_the_task_ends_there(worker: WarmWorker, name: str, status: int) -> None:
    ran = worker.runs(CODE, name)

    assert worker.called == ["DeleteMessageBatch"]
    assert ran.deliveries == ["succeeded"]
    assert ran.outcomes == [("succeeded", True)]
    assert f"status {status}" in ran.output
    assert ("ValueError: of the child" in ran.errors) is (name == "raises")
