"""A task that goes on when it is interrupted: its attempt is ended in its stead, before the function is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.integration.warm_worker import WarmWorker, warm_worker

GOES_ON = """
import asyncio, time
from concurrent.futures import ThreadPoolExecutor

@task()
def pool(payload: dict[str, Any]) -> None:
    with ThreadPoolExecutor() as threads:  # which waits for them on the way out
        threads.submit(time.sleep, 20)

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


SECONDS_LEFT = 10
"""The least time-out there is: what settles a message has its sixth."""


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[WarmWorker]:
    with warm_worker(tmp_path) as worker:
        yield worker


@pytest.mark.parametrize("name", ["pool", "to_thread", "swallows"])
def test_its_message_is_postponed_and_its_process_ends(worker: WarmWorker, name: str) -> None:
    ran = worker.runs(GOES_ON, name, seconds_left=SECONDS_LEFT)

    (line,) = ran.said("delivery")
    assert (line["outcome"], line["settled"]) == ("retry later", True)
    assert "interrupted shortly before the function's time was over" in line["reason"]
    assert worker.called == ["UpdateItem", "ChangeMessageVisibilityBatch"]
    assert ran.status == 1, "it ended itself"
    assert ran.lines[-1]["message"] == "this environment ends"


def test_an_import_that_hangs_is_ended_as_well(worker: WarmWorker) -> None:
    ran = worker.runs("import time\ntime.sleep(20)", "hangs", seconds_left=SECONDS_LEFT)

    (line,) = ran.said("delivery")
    assert (line["outcome"], line["settled"]) == ("retry later", True)
    assert line["reason"].startswith("hangs can't be imported: interrupted")
    assert worker.called == ["UpdateItem", "ChangeMessageVisibilityBatch"]
