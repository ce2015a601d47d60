"""The hard end of an attempt that goes on after its time: its process ends, whatever becomes of settling."""

from __future__ import annotations

from typing import Any

import pytest

from worker.settle import Settler
from zigzag import task
from zigzag_testing import Sandbox
from zigzag_testing.blocking import block


@task(timeout=5)
def deaf(payload: dict[str, Any]) -> None:
    block(1000, interruptible=False)


def test_an_error_of_ours_in_the_settling_leaves_no_process_that_waits_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def fail(*_: object) -> bool:
        raise RuntimeError("ours")

    monkeypatch.setattr(Settler, "settle", fail)
    with Sandbox({"deaf": deaf}, blocking=True, worker_timeout_seconds=300) as sandbox:
        deaf.send({})
        sandbox.run_for(100)

    assert sandbox.workers.ended == {"crashed": 1}
