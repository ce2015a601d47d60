"""Code that is no `async def` takes virtual time, too, and others go on meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from tests.support import NOW, body_of

from zigzag import task
from zigzag_testing import Sandbox
from zigzag_testing.blocking import block

ended: list[int] = []


@task()
def busy(payload: dict[str, Any]) -> None:
    block(payload["seconds"], interruptible=payload.get("interruptible", True))
    ended.append(payload["seconds"])


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    ended.clear()
    with Sandbox({"busy": busy}, blocking=True, worker_timeout_seconds=300) as sandbox:
        yield sandbox


def test_those_that_block_at_the_same_time_end_each_in_its_own(sandbox: Sandbox) -> None:
    for seconds in (200, 10, 50):
        sandbox.send_message(body_of("busy", {"seconds": seconds}))

    sandbox.run()

    assert ended == [10, 50, 200]
    assert sandbox.clock.now() - NOW == 240  # the tick after the last


def test_the_soft_deadline_interrupts_it(sandbox: Sandbox) -> None:
    sandbox.send_message(body_of("busy", {"seconds": 1000}))

    sandbox.run_for(300)

    assert [report.outcome for report in sandbox.reports] == ["retry later"]
    assert sandbox.workers.ended["returned"] == 1


def test_a_task_that_nothing_interrupts_is_ended_with_its_process(sandbox: Sandbox) -> None:
    sandbox.send_message(body_of("busy", {"seconds": 1000, "interruptible": False}))

    sandbox.run_for(301)

    assert sandbox.workers.ended == {"crashed": 1}, "which the worker does itself, before its time is over"
    assert len(sandbox.queue) == 1


def test_what_is_said_not_to_block_and_does_is_named() -> None:
    with Sandbox({"busy": busy}, blocking=lambda event: "200" in event["Message"]["Body"]) as sandbox:
        sandbox.send_message(body_of("busy", {"seconds": 10}))
        sandbox.tick()

    assert "only a worker can block" in str(sandbox.reports[0].reason)


def test_outside_of_a_worker_it_says_so() -> None:
    with pytest.raises(RuntimeError, match="only a worker can block"):
        block(1)
