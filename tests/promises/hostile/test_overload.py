"""More work than workers: events wait, grow old and are dropped, and none of that uses up an attempt."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import pytest
from tests.support import slow

from zigzag import Context, Retry, task
from zigzag_testing import Sandbox
from zigzag_testing.schedules import every

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


@pytest.mark.parametrize("gap_days", [1 / 24, 1, 3])
def test_a_message_that_no_worker_ever_took_has_a_letter_before_sqs_drops_it(gap_days: float) -> None:
    # Given a Lambda that refuses every invoke, and a schedule with gaps
    @task()
    def never(payload: dict[str, Any]) -> None: ...

    with Sandbox(
        {"never": never}, schedule=every(gap_days * 86_400), faults={"invoke throttled": 1.0}
    ) as sandbox:
        never.send({})
        sandbox.run_for(14 * 86_400)

        assert len(sandbox.queue) == 0
        assert [letter.reason[:54] for letter in sandbox.dead_letters] == [
            "SQS would drop the message in less than 4 days, and no"
        ]


@task(attempts=50)
def down(payload: dict[str, Any]) -> None:
    raise Retry("its partner is down", after=payload["again_after"])


@task()
def fresh(payload: dict[str, Any]) -> None:
    started.append(payload["number"])


DOWN_AND_FRESH = {"down": down, "fresh": fresh}
started: list[int] = []


def longest_wait(sandbox: Sandbox) -> float:
    """Returns the longest wait for a start, in seconds, of ten fresh tasks, sent at ten moments of a tick."""
    started.clear()
    waits = []
    for number in range(10):
        sent = sandbox.clock.now()
        fresh.send({"number": number})
        while number not in started and sandbox.clock.now() < sent + 600:
            sandbox.run_for(1)
        waits.append(sandbox.clock.now() - sent)
        sandbox.run_for(7 * number)
    return max(waits)


class TestInFlightCap:
    """How many tasks run at once under the cap, where SQS's count is a minute old and no worker is short."""

    @pytest.mark.parametrize("tick_every", [60, 20])
    @pytest.mark.parametrize(("cap", "seconds"), [(1, 800), (5, 60), (50, 1), (50, 300), *slow((200, 800))])
    def test_no_more_run_than_the_cap_for_each_run_of_a_minute_and_the_small_polls(
        self, cap: int, seconds: int, tick_every: int
    ) -> None:
        running = most = 0

        @task()
        async def busy(payload: dict[str, Any]) -> None:
            nonlocal running, most
            running += 1
            most = max(most, running)
            await asyncio.sleep(seconds)
            running -= 1

        minutes = 15
        runs_a_minute = 1 + 60 // tick_every
        small_polls = max(1, cap // 10) * (seconds // tick_every + 1)
        with Sandbox(
            {"busy": busy}, in_flight_cap=cap, worker_timeout_seconds=900, count_late_seconds=60
        ) as sandbox:
            for _ in range(min(4000, 4 * runs_a_minute * cap + 200)):
                busy.send({})
            for _ in range(minutes * 60 // tick_every):
                sandbox.run_for(tick_every)  # one tick

        assert cap <= most <= runs_a_minute * cap + small_polls

    @pytest.mark.parametrize("process", ["the same", "a new one for each tick"])
    @pytest.mark.parametrize(("cap", "seconds"), [(5, 60), *slow((20, 300))])
    def test_nor_do_they_with_several_queues(self, cap: int, seconds: int, process: str) -> None:
        running = most = 0

        @task()
        async def busy(payload: dict[str, Any]) -> None:
            nonlocal running, most
            running += 1
            most = max(most, running)
            await asyncio.sleep(seconds)
            running -= 1

        minutes = 15
        with Sandbox(
            {"busy": busy},
            queues={"urgent": 6, "bulk": 1},
            in_flight_cap=cap,
            keep_percent=20,
            worker_timeout_seconds=900,
            count_late_seconds=60,
        ) as sandbox:
            for number in range(4 * cap + 40):
                busy.send({}, queue=("default", "urgent", "bulk")[number % 3])
            for _ in range(minutes):
                sandbox.run_for(60)
                if process != "the same":
                    sandbox.consumers.forget()

        assert 0.8 * cap <= most <= 2 * cap + max(1, cap // 10) * (seconds // 60 + 1)

    def test_a_cap_delays_no_short_tasks_that_come_slower_than_it(self) -> None:
        # Given 40 tasks of a second each minute, and a cap of 50
        done: Counter[str] = Counter()

        @task()
        async def short(payload: dict[str, Any], context: Context) -> None:
            await asyncio.sleep(1)
            done[context.id] += 1

        with Sandbox({"short": short}, in_flight_cap=50, count_late_seconds=0) as sandbox:
            for minute in range(10):
                for number in range(40):
                    short.send({}, id=f"{minute}-{number}")
                sandbox.run_for(60)
                assert len(sandbox.queue) == 0

        assert set(done.values()) == {1}

    @pytest.mark.parametrize("cap", [4, 20])
    def test_a_fresh_task_starts_within_two_minutes_though_far_more_than_the_cap_is_postponed(
        self, cap: int
    ) -> None:
        with Sandbox(DOWN_AND_FRESH, in_flight_cap=cap, count_late_seconds=60) as sandbox:
            for _ in range(25 * cap):
                down.send({"again_after": 11 * 3600})
            while len(sandbox.reports) < 25 * cap:
                sandbox.run_for(60)

            assert longest_wait(sandbox) <= 120

    @pytest.mark.slow
    def test_nor_though_a_tenth_of_the_cap_comes_back_each_minute(self) -> None:
        # Given five times the cap of tasks that fail, each again an hour later: 17 a minute, and 20 may
        with Sandbox(DOWN_AND_FRESH, in_flight_cap=200, count_late_seconds=60) as sandbox:
            for _ in range(60):
                for _ in range(17):
                    down.send({"again_after": 3600})
                sandbox.run_for(60)
            sandbox.run_for(3 * 3600)

            assert longest_wait(sandbox) <= 120
