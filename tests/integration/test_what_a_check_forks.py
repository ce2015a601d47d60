"""A check of a payload, or the function of a key, forks: the child is none of the worker's either."""

from __future__ import annotations

import pytest
from tests.integration.conftest import WARM

CODE = """
import os
from pydantic import BaseModel, model_validator

def forks():
    if child := os.fork():
        print("status", os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)

class Checked(BaseModel):
    @model_validator(mode="before")
    @classmethod
    def check(cls, payload):
        forks()
        return payload

@task
def checks(payload: Checked) -> None:
    print("ran", flush=True)

def key(payload):
    forks()
    raise ValueError("no key")

@task(idempotent=key)
def keys(payload: dict[str, Any]) -> None: ...
"""


@pytest.mark.parametrize(("name", "status", "calls"), [("checks", 0, 1), ("keys", 1, 2)])
def test_one_that_leaves_it_ends_there(warm: WARM, name: str, status: int, calls: int) -> None:
    with warm() as worker:
        ran = worker.runs(CODE, name)

        assert (len(ran.deliveries), len(worker.called)) == (1, calls)
        assert f"status {status}" in ran.output
        assert ran.output.count("ran") == (name == "checks")
