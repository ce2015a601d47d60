"""The sandbox with several queues: a test's way to see where a task's messages go."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from tests.support import watch

from zigzag import Context, SendError, task
from zigzag_testing import Sandbox


@task
def plain(payload: dict[str, Any]) -> None:
    if payload.get("chain"):
        plain.send({}, queue=payload["chain"])


@task(queue="urgent")
def hurry(payload: dict[str, Any]) -> None: ...


@task(attempts=1)
def fail(payload: dict[str, Any]) -> None:
    raise ValueError


TASKS = {"plain": plain, "hurry": hurry, "fail": fail}
QUEUES = {"urgent": 6, "bulk": 1}


def waiting(sandbox: Sandbox) -> dict[str, int]:
    return {name: len(queue) for name, queue in sandbox.queues.items()}


def idle_calls(more: int) -> int:
    """Returns how many calls to SQS a tick makes that finds nothing, with so many more queues."""
    calls: list[str] = []
    with Sandbox(TASKS, queues={f"more{number}": 1 for number in range(more)}, in_flight_cap=400) as sandbox:
        for queue in sandbox.queues.values():
            for method in ("receive", "in_flight"):
                watch(queue, method, lambda *_, method=method: calls.append(method))
        sandbox.tick()
    return len(calls)


def test_a_message_goes_to_the_queue_of_its_task_or_of_its_send() -> None:
    with Sandbox(TASKS, queues=QUEUES) as sandbox:
        plain.send({})
        hurry.send({})
        hurry.send({}, queue="bulk")
        plain.send({}, queue=sandbox.queues["bulk"].url)
        sandbox.send_message("{}", queue="bulk")

        assert waiting(sandbox) == {"default": 1, "urgent": 1, "bulk": 3}


def test_all_queues_are_worked_and_a_task_may_send_to_any() -> None:
    with Sandbox(TASKS, queues=QUEUES) as sandbox:
        plain.send({"chain": "bulk"}, queue="urgent")
        sandbox.run()

        assert [report.outcome for report in sandbox.reports] == ["succeeded", "succeeded"]
        assert waiting(sandbox) == {"default": 0, "urgent": 0, "bulk": 0}


def test_a_dead_letter_says_which_queue_it_was_on() -> None:
    with Sandbox(TASKS, queues=QUEUES) as sandbox:
        fail.send({}, queue="bulk")
        sandbox.run()

        (letter,) = sandbox.dead_letters
        assert letter.note["source"] == sandbox.queues["bulk"].url


@pytest.mark.parametrize("queue", ["none", "https://sqs.test/another", []])
def test_a_queue_that_the_sandbox_lacks_is_refused(queue: Any) -> None:
    with Sandbox(TASKS, queues=QUEUES), pytest.raises(SendError, match="only default, urgent, bulk"):
        plain.send({}, queue=queue)


def test_without_others_a_task_of_another_queue_is_refused() -> None:
    with Sandbox(TASKS), pytest.raises(SendError, match=r"no queue 'urgent', only default"):
        hurry.send({})


def test_a_queue_with_a_worker_of_its_own_has_its_time_and_the_others_have_the_stacks() -> None:
    left: dict[str, float] = {}

    @task
    def look(payload: dict[str, Any], context: Context) -> None:
        left[payload["queue"]] = context.seconds_left()

    with Sandbox({"look": look}, queues=QUEUES, queue_workers={"bulk": 900}) as sandbox:
        for queue in ("default", "urgent", "bulk"):
            look.send({"queue": queue}, queue=queue)
        sandbox.run()

        assert [report.outcome for report in sandbox.reports] == ["succeeded"] * 3
        assert left["default"] == left["urgent"] == left["bulk"] - 840
        assert (sandbox.workers.ended["returned"], sandbox.workers_of["bulk"].ended["returned"]) == (2, 1)


class TestFifo:
    """A sandbox in which only `urgent` is FIFO."""

    @pytest.fixture
    def sandbox(self) -> Iterator[Sandbox]:
        with Sandbox(TASKS, queues=QUEUES, fifo=["urgent"]) as sandbox:
            yield sandbox

    def test_what_is_sent_to_it_needs_a_group_and_the_others_take_none_or_one(self, sandbox: Sandbox) -> None:
        with pytest.raises(SendError, match="the message has no group"):
            plain.send({}, queue="urgent")
        plain.send({}, queue="urgent", group="ann")
        plain.send({}, queue="bulk")
        plain.send({}, group="ann")
        sandbox.run()

        assert [report.outcome for report in sandbox.reports] == ["succeeded"] * 3

    def test_its_dead_letters_are_apart_and_each_comes_back_to_a_queue_that_is_as_its_own(
        self, sandbox: Sandbox
    ) -> None:
        fail.send({}, queue="urgent", group="ann")
        fail.send({}, queue="bulk")
        sandbox.run()
        letters = {letter.note["source"] for letter in sandbox.dead_letters}

        assert letters == {sandbox.queues["urgent"].url, sandbox.queues["bulk"].url}
        assert len(sandbox.dead_letter_queue) == 1
        assert sandbox.redrive() == 2
        assert waiting(sandbox) == {"default": 1, "urgent": 1, "bulk": 0}

    def test_one_that_is_not_there_is_refused(self) -> None:
        with pytest.raises(ValueError, match=r"^fifo has 'none'; it may have default, urgent, bulk$"):
            Sandbox(TASKS, queues=QUEUES, fifo=["none"])


def test_a_worker_of_a_queue_that_is_not_there_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^queue_workers has 'none'; it may have default, urgent, bulk$"):
        Sandbox(TASKS, queues=QUEUES, queue_workers={"none": 60})


def test_a_worker_of_a_queue_is_refused_with_an_event_source() -> None:
    # The template's event sources all invoke the stack's worker.
    with pytest.raises(ValueError, match=r"^an event source knows one worker"):
        Sandbox(TASKS, queues=dict.fromkeys(QUEUES, 1), queue_workers={"bulk": 60}, trigger="events")


def test_a_sixth_queue_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^queues has 6 with `default`; a stack has 5 at most$"):
        Sandbox(TASKS, queues=dict.fromkeys("abcde", 1))


@pytest.mark.parametrize("queues", [{"ur-gent": 1}, {"urgent": 0}, {"urgent": 101}, {"": 1}])
def test_queues_that_the_template_would_refuse_are_refused(queues: dict[str, int]) -> None:
    with pytest.raises(
        ValueError, match="it may have names of letters and digits, and weights from 1 to 100"
    ):
        Sandbox(TASKS, queues=queues)


def test_an_idle_queue_takes_four_calls_a_tick() -> None:
    assert [idle_calls(more) for more in (0, 1, 4)] == [4, 8, 20]
