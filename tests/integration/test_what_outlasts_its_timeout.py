"""A real process: what hangs, and does not listen to its interrupt, is ended soon after its own timeout."""

from __future__ import annotations

import pytest
from tests.integration.warm_worker import WarmWorker

HANGS = """
import time
from concurrent.futures import ThreadPoolExecutor

@task(timeout=1)
def pool(payload: dict[str, Any]) -> None:
    with ThreadPoolExecutor() as threads:  # which waits for them on the way out
        list(threads.map(time.sleep, [1000]))
"""


@pytest.mark.slow
def test_its_message_is_postponed_and_its_process_ends(worker: WarmWorker) -> None:
    ran = worker.runs(HANGS, "pool", seconds_left=20)

    (line,) = ran.said("delivery")
    assert (line["outcome"], line["settled"]) == ("retry later", True)
    assert line["reason"] == "took longer than its timeout of 1 s"
    assert worker.called == ["UpdateItem", "ChangeMessageVisibilityBatch"]
    assert (ran.status, ran.lines[-1]["message"]) == (1, "this environment ends")
