"""A child that a task, its check or its key forks is the task's own: it never comes back to the worker."""

from __future__ import annotations

import pytest
from tests.integration.conftest import WARM
from tests.integration.warm_worker import WarmWorker

CODE = """
import os
from pydantic import BaseModel, model_validator

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

class Checked(BaseModel):
    @model_validator(mode="before")
    @classmethod
    def check(cls, payload):
        returns(payload)
        return payload

@task
def checks(payload: Checked) -> None:
    print("ran", flush=True)

def key(payload):
    returns(payload)
    raise ValueError("no key")

@task(idempotent=key)
def keys(payload: dict[str, Any]) -> None: ...
"""


@pytest.mark.parametrize(("name", "status"), [("returns", 0), ("raises", 1), ("asynchronous", 0)])
def test_one_that_leaves_the_task_ends_there(worker: WarmWorker, name: str, status: int) -> None:
    ran = worker.runs(CODE, name)

    assert worker.called == ["DeleteMessageBatch"]
    assert ran.deliveries == ["succeeded"]
    assert ran.outcomes == [("succeeded", True)]
    assert f"status {status}" in ran.output
    assert ("ValueError: of the child" in ran.errors) is (name == "raises")


@pytest.mark.parametrize(("name", "status", "calls"), [("checks", 0, 1), ("keys", 1, 2)])
def test_one_that_leaves_a_check_or_a_key_ends_there(warm: WARM, name: str, status: int, calls: int) -> None:
    with warm() as worker:
        ran = worker.runs(CODE, name)

        assert (len(ran.deliveries), len(worker.called)) == (1, calls)
        assert f"status {status}" in ran.output
        assert ran.output.count("ran") == (name == "checks")
