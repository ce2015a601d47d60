"""A task goes on though its own time is over: a `with ThreadPoolExecutor()` waits for its threads.

Its attempt is ended soon after, and failed: the function's time is not used up by it.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import pytest
from tests.support import body_of
from tests.unit.worker.conftest import Bench

from worker.deadline import GRACE_SECONDS
from worker.settle import Settler
from zigzag import task
from zigzag.policy import Policy
from zigzag_testing import Sandbox
from zigzag_testing.blocking import block
from zigzag_testing.faults import Crash

TIMEOUT = 20
GOES_ON: dict[str, Any] = {"goes on for": 600}


def work(bench: Bench, *payloads: dict[str, Any], **policy: Any) -> None:
    """Runs one dispatch of them, whose process ends."""
    bench.table["plain"].policy = Policy(timeout=TIMEOUT, **policy)
    for payload in payloads:
        bench.send(body_of("plain", payload))
    with contextlib.suppress(Crash, asyncio.CancelledError):
        bench.work(*bench.receive(), seconds_left=900)


def test_it_is_ended_once_its_finally_had_its_time(bench: Bench) -> None:
    work(bench, GOES_ON)

    assert bench.seconds() == TIMEOUT + GRACE_SECONDS


@pytest.mark.parametrize("before", [[], [{"seconds": 1}]], ids=["alone", "behind another"])
def test_it_has_used_up_an_attempt(bench: Bench, before: list[dict[str, Any]]) -> None:
    work(bench, *before, GOES_ON, attempts=2)
    bench.pass_time(100)
    work(bench, attempts=2)

    assert [context.attempt for context in bench.contexts] == [*[1] * len(before), 1, 2]


def test_the_letter_says_what_it_was(bench: Bench) -> None:
    work(bench, {"seconds": 1}, GOES_ON, {"seconds": 1}, attempts=1)

    (letter,) = bench.run(bench.dead_letters.receive(10, 0, 60))
    assert "failed after 1 attempt: took longer than its timeout of 20 s" in str(letter.attributes)
    assert len(bench.queue) == 1, "the third is left to another dispatch"


def test_an_error_of_ours_in_its_settling_leaves_no_process_that_waits_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    @task(timeout=5)
    def deaf(payload: dict[str, Any]) -> None:
        block(1000, interruptible=False)

    async def fail(*_: object) -> bool:
        raise RuntimeError("ours")

    monkeypatch.setattr(Settler, "settle", fail)
    with Sandbox({"deaf": deaf}, blocking=True, worker_timeout_seconds=300) as sandbox:
        deaf.send({})
        sandbox.run_for(100)

    assert sandbox.workers.ended == {"crashed": 1}


def test_one_that_ends_in_its_time_is_let_be(bench: Bench) -> None:
    work(bench, {"seconds": TIMEOUT - 1})

    assert (len(bench.queue), bench.host.exit_reason) == (0, None)
