"""More work than workers: events wait, grow old and are dropped, and none of that uses up an attempt."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

from zigzag import Context, task
from zigzag_testing import Sandbox

MANY = 500


def test_five_hundred_messages_on_two_workers_all_run_and_none_dies_untried() -> None:
    # Given a worker whose account lets two run at once, and 500 tasks of 3 s: eight times what a minute takes
    ran: Counter[str] = Counter()

    @task(attempts=2)
    async def slow(payload: dict[str, Any], context: Context) -> None:
        await asyncio.sleep(3)
        ran[context.id] += 1

    with Sandbox({"slow": slow}, concurrency=2) as sandbox:
        for number in range(MANY):
            slow.send({"number": number}, id=f"task-{number}")
        # When the ticks go on until the queue is empty
        sandbox.run()

        # Then each ran once, though events were dropped, and no message was given up
        assert ran == Counter({f"task-{number}": 1 for number in range(MANY)})
        assert sandbox.workers.ended["dropped"] > 0
        assert sandbox.dead_letters == []


def test_a_failing_task_has_all_its_attempts_however_often_it_waited_in_vain() -> None:
    tried: Counter[int] = Counter()

    @task(attempts=3)
    async def fails(payload: dict[str, Any]) -> None:
        tried[payload["number"]] += 1
        await asyncio.sleep(3)
        raise ValueError("broken")

    with Sandbox({"fails": fails}, concurrency=2) as sandbox:
        for number in range(MANY // 5):
            fails.send({"number": number})
        sandbox.run()

        assert sandbox.workers.ended["dropped"] > 0
        assert set(tried.values()) == {3}
        assert len(sandbox.dead_letters) == MANY // 5
