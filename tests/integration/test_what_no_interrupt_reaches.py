"""A task that goes on when it is interrupted: its attempt is ended soon after, and before the function is."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.integration.conftest import WARM
from tests.integration.warm_worker import Ran

GOES_ON = """
import asyncio, time
from concurrent.futures import ThreadPoolExecutor

@task()
def pool(payload: dict[str, Any]) -> None:
    with ThreadPoolExecutor() as threads:  # which waits for them on the way out
        threads.submit(time.sleep, 20)

@task(timeout=1)
def bounded(payload: dict[str, Any]) -> None:
    pool(payload)

@task()
async def to_thread(payload: dict[str, Any]) -> None:
    await asyncio.to_thread(time.sleep, 20)

@task()
def swallows(payload: dict[str, Any]) -> None:
    ends = time.monotonic() + 20
    while time.monotonic() < ends:
        try:
            time.sleep(1)
        except BaseException:
            pass
"""
BY_THE_FUNCTION = "interrupted shortly before the function's time was over"
WHY = {
    **dict.fromkeys(("pool", "to_thread", "swallows"), BY_THE_FUNCTION),
    "bounded": "took longer than its timeout of 1 s",
}
CODE = {"hangs": "import time\ntime.sleep(20)", **dict.fromkeys(WHY, GOES_ON)}

SECONDS_LEFT = 10
"""The least time-out there is: what settles a message has its sixth."""

SETTLED = ["UpdateItem", "ChangeMessageVisibilityBatch"]


@pytest.fixture(scope="module")
def ran(warm: WARM) -> dict[str, tuple[Ran, list[str]]]:
    """Runs each, side by side. Returns what came of it, and its calls of AWS."""

    def run(name: str) -> tuple[Ran, list[str]]:
        with warm() as worker:
            return worker.runs(CODE[name], name, seconds_left=SECONDS_LEFT), worker.called

    with ThreadPoolExecutor(len(CODE)) as pool:
        return dict(zip(CODE, pool.map(run, CODE), strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("name", WHY)
def test_its_message_is_postponed_and_its_process_ends(
    ran: dict[str, tuple[Ran, list[str]]], name: str
) -> None:
    process, called = ran[name]

    (line,) = process.said("delivery")
    assert (line["outcome"], line["settled"], called) == ("retry later", True, SETTLED)
    assert WHY[name] in line["reason"]
    assert process.status == 1, "it ended itself"
    assert process.lines[-1]["message"] == "this environment ends"


@pytest.mark.slow
def test_an_import_that_hangs_is_ended_as_well(ran: dict[str, tuple[Ran, list[str]]]) -> None:
    process, called = ran["hangs"]

    (line,) = process.said("delivery")
    assert (line["outcome"], line["settled"], called) == ("retry later", True, SETTLED)
    assert line["reason"].startswith("hangs can't be imported: interrupted")
