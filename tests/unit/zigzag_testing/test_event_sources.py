"""The sandbox's `trigger="events"`: Lambda's own pollers start the tasks."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import pytest
from tests.support import binary, body_of, text, watch

from shared.lease import LEASE_SECONDS
from zigzag import Context, Reject, Retry, task
from zigzag_testing import Sandbox
from zigzag_testing.event_sources import VISIBILITY_SECONDS
from zigzag_testing.faults import Crash

ran: list[Any] = []
running: Counter[str] = Counter()


@task()
def collect(payload: dict[str, Any], context: Context) -> None:
    ran.append((payload.get("n"), context.attempt, context.attributes))


@task()
async def doze(payload: dict[str, Any], context: Context) -> None:
    running["now"] += 1
    running["most"] = max(running["most"], running["now"])
    await asyncio.sleep(payload["seconds"])
    running["now"] -= 1
    ran.append(payload.get("n"))


@task(attempts=3)
def fail(payload: dict[str, Any]) -> None:
    ran.append(payload.get("n"))
    raise ValueError("broken")


@task()
def later(payload: dict[str, Any], context: Context) -> None:
    ran.append(context.attempt)
    if context.attempt == 1:
        raise Retry("in an hour", after=3600)


@task()
def reject(payload: dict[str, Any]) -> None:
    raise Reject("no such user")


@task()
def crash_once(payload: dict[str, Any]) -> None:
    ran.append(payload)
    if len(ran) == 1:
        raise Crash


TABLE = {one.name: one for one in (collect, doze, fail, later, reject, crash_once)}


@pytest.fixture(autouse=True)
def _nothing_ran() -> None:
    ran.clear()
    running.clear()


def test_a_task_starts_at_once_and_no_tick_fires() -> None:
    with Sandbox(TABLE, trigger="events") as sandbox:
        collect.send({"n": 1})
        sandbox.run_for(2)

        assert [number for number, *_ in ran] == [1]
        assert (len(sandbox.queue), sandbox.fired) == (0, [])


def test_one_sent_while_the_queue_is_idle_starts_within_a_second_or_two() -> None:
    with Sandbox(TABLE, trigger="events") as sandbox:
        sandbox.run_for(100)
        collect.send({"n": 1})
        sandbox.run_for(2)

        assert len(ran) == 1


def test_attributes_arrive_as_they_were_sent() -> None:
    with Sandbox(TABLE, trigger="events") as sandbox:
        sandbox.send_message(body_of("collect"), {"user": text("ann"), "raw": binary(b"\x00\xff")})
        sandbox.run()

    assert [attributes for *_, attributes in ran] == [{"user": "ann", "raw": b"\x00\xff"}]


def test_a_message_that_is_postponed_comes_again_when_its_task_has_said() -> None:
    with Sandbox(TABLE, trigger="events") as sandbox:
        later.send({})
        sandbox.run_for(3500)
        before = list(ran)
        sandbox.run_for(200)

    assert (before, ran) == ([1], [1, 2])


def test_a_task_has_its_attempts_and_then_a_dead_letter() -> None:
    with Sandbox(TABLE, trigger="events") as sandbox:
        fail.send({"n": 1})
        sandbox.run()

        assert ran == [1, 1, 1]
        (letter,) = sandbox.dead_letters
        assert letter.reason.startswith("failed after 3 attempts")


def test_a_bad_message_is_a_dead_letter() -> None:
    with Sandbox(TABLE, trigger="events") as sandbox:
        sandbox.send_message("no JSON")
        reject.send({})
        sandbox.run()

        assert len(sandbox.dead_letters) == 2


def test_a_killed_workers_message_is_back_within_a_lease_although_the_queue_hides_longer() -> None:
    with Sandbox(TABLE, trigger="events") as sandbox:
        crash_once.send({})
        sandbox.run_for(LEASE_SECONDS + 5)

        assert len(ran) == 2
        assert LEASE_SECONDS + 5 < VISIBILITY_SECONDS


def test_a_task_of_ten_minutes_keeps_its_message() -> None:
    with Sandbox(TABLE, trigger="events", worker_timeout_seconds=900) as sandbox:
        doze.send({"seconds": 600, "n": 1})
        sandbox.run()

    assert ran == [1]


@pytest.mark.parametrize("concurrency", [2, 7])
def test_no_more_workers_run_than_may(concurrency: int) -> None:
    with Sandbox(TABLE, trigger="events", concurrency=concurrency) as sandbox:
        for number in range(60):
            doze.send({"seconds": 3, "n": number})
        sandbox.run()

    assert running["most"] == concurrency
    assert sorted(ran) == [*range(60)]


def test_it_begins_with_five_batches_and_takes_five_more_each_second() -> None:
    with Sandbox(TABLE, trigger="events") as sandbox:
        for number in range(60):
            doze.send({"seconds": 30, "n": number})
        most = []
        for _ in range(4):
            sandbox.run_for(1)
            most.append(running["most"])

    assert most == [5, 10, 15, 20]


def test_a_message_that_no_worker_takes_uses_up_no_attempt() -> None:
    # Given that Lambda has no room at all for half an hour
    with Sandbox(TABLE, trigger="events", faults={"invoke throttled": 1.0}) as sandbox:
        collect.send({"n": 1})
        sandbox.run_for(1800)
        assert ran == []
        sandbox.faults.stop()
        sandbox.run()

    assert [(number, attempt) for number, attempt, _ in ran] == [(1, 1)]


def test_a_fifo_groups_tasks_run_one_after_the_other() -> None:
    with Sandbox(TABLE, trigger="events", fifo=True, batch_size=10) as sandbox:
        for number in range(6):
            doze.send({"seconds": 2, "n": number}, group="a")
        sandbox.run()

    assert (ran, running["most"]) == ([0, 1, 2, 3, 4, 5], 1)


def test_a_fifo_batch_stops_at_its_first_failure() -> None:
    with Sandbox(TABLE, trigger="events", fifo=True, batch_size=10) as sandbox:
        later.send({}, group="a")
        collect.send({"n": 1}, group="a")
        sandbox.run_for(3000)
        assert ran == [1]
        sandbox.run()

        assert ran[1] == 2
        assert ran[2][0] == 1


def test_each_further_queue_is_polled() -> None:
    with Sandbox(TABLE, trigger="events", queues={"bulk": 1}) as sandbox:
        collect.send({"n": 1}, queue="bulk")
        sandbox.run_for(2)

        assert len(ran) == 1


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"flow_control": True}, "no limits and no pause"),
        ({"queues": {"urgent": 6}}, "no weights"),
        ({"trigger": "both"}, "trigger is 'both'; it may be 'schedule' or 'events'"),
    ],
    ids=str,
)
def test_what_the_template_refuses_is_refused(options: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Sandbox(TABLE, **{"trigger": "events", **options})


@pytest.mark.parametrize(("before", "after"), [("schedule", "events"), ("events", "schedule")])
def test_a_change_with_messages_in_flight_loses_none_and_repeats_none(before: str, after: str) -> None:
    # Given tasks that run, and tasks that wait
    with Sandbox(TABLE, trigger=before, concurrency=3) as sandbox:
        for number in range(20):
            doze.send({"seconds": 20, "n": number})
        sandbox.run_for(30)
        assert running["now"] == 3

        # When another trigger is deployed
        sandbox.trigger = after
        sandbox.run()

        # Then each ran once
        assert sorted(ran) == [*range(20)]
        assert sandbox.dead_letters == []


def test_the_queue_is_asked_for_as_long_as_the_template_says() -> None:
    asked: list[Any] = []
    with Sandbox(TABLE, trigger="events", batch_size=3) as sandbox:
        watch(sandbox.queue, "receive", lambda received, *arguments: asked.append(arguments))
        sandbox.run_for(30)

    assert set(asked) == {(3, 20, VISIBILITY_SECONDS)}
