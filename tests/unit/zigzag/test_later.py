"""Sending for a later time: what SQS delays, what a schedule sends, and what is refused."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from zigzag import AlreadyScheduledError, PayloadTooLargeError, SendError, task
from zigzag.extra.schedules import name_of, prefix_of
from zigzag_testing import Sandbox

NOW = datetime.fromtimestamp(1_800_000_000, UTC)
DAY = timedelta(days=1)


@task(idempotent=True)
def remind(payload: dict[str, Any]) -> None:
    pass


def sandbox(**options: Any) -> Sandbox:
    return Sandbox({"remind": remind}, queues={"orders": 1}, fifo=["orders"], **options)


@pytest.mark.parametrize(
    ("options", "delay", "at"),
    [
        pytest.param({"at": NOW}, 0, None, id="now"),
        pytest.param({"at": NOW - DAY}, 0, None, id="in the past, at once"),
        pytest.param({"at": NOW + timedelta(seconds=1.5)}, 2, None, id="never too early"),
        pytest.param({"at": NOW + timedelta(minutes=15)}, 900, None, id="as long as SQS can wait"),
        pytest.param({"at": NOW + timedelta(seconds=901)}, 0, 901, id="longer than SQS can wait"),
        pytest.param({"delay_seconds": 901}, 0, 901, id="a longer delay"),
        pytest.param({"at": NOW.astimezone() + 30 * DAY}, 0, 30 * 86_400, id="in another zone"),
        pytest.param(
            {"at": NOW + timedelta(seconds=5), "queue": "orders", "group": "a"}, 0, 60, id="FIFO, too soon"
        ),
        pytest.param({"at": NOW - DAY, "queue": "orders", "group": "a"}, 0, None, id="FIFO, in the past"),
    ],
)
def test_sqs_waits_for_fifteen_minutes_and_a_schedule_for_longer(
    options: dict[str, Any], delay: int, at: int | None
) -> None:
    with sandbox() as here:
        remind.send({}, id="a", **options)

        queue = here.queues[options.get("queue", "default")]
        assert [one.delay_seconds for one in queue.messages] == ([] if at else [delay])
        due = {name: one.at - NOW.timestamp() for name, one in here.scheduler.waiting.items()}
        assert due == ({name_of("remind", "a"): at} if at else {})


def test_a_message_says_when_it_expires_and_for_how_long_sqs_hides_it() -> None:
    with sandbox() as here:
        remind.send({}, delay_seconds=5, expires_at=NOW + DAY)
        list(remind.send_many([{}], delay_seconds=5, expires_at=NOW + DAY))
        remind.send({}, at=NOW + DAY, expires_at=NOW + 2 * DAY)

        bodies = [json.loads(one.body) for one in here.queue.messages]
        (later,) = here.scheduler.waiting.values()

    at = NOW.timestamp() + 86_400
    assert [(one["expires_at"], one["delay_seconds"]) for one in bodies] == [(at, 5), (at, 5)]
    said = json.loads(later.message.body)
    assert (said["expires_at"], "delay_seconds" in said) == (at + 86_400, False)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"at": datetime(2030, 1, 1)}, "at has no time zone; give it one"),
        ({"expires_at": datetime(2030, 1, 1)}, "expires_at has no time zone; give it one"),
        ({"expires_at": NOW}, "expires_at is in the past: the message would never start"),
        ({"expires_at": NOW + DAY / 2000, "delay_seconds": 60}, "expires_at is not after the delay"),
        ({"correlation_id": "my-7"}, "correlation_id is for a reply: give reply_to as well"),
        ({"expires_at": 3600}, "expires_at must be a datetime with a time zone"),
        ({"expires_at": NOW + DAY, "at": NOW + DAY}, "expires_at is not after the time of the message"),
        (
            {"expires_at": NOW + DAY / 2880, "at": NOW + DAY / 5000, "queue": "orders", "group": "a"},
            "expires_at is not after the time of the message",
        ),
        ({"at": "2030-01-01"}, "at must be a datetime with a time zone"),
        ({"at": NOW + DAY, "delay_seconds": 5}, "a message has a time, at, or delay_seconds, not both"),
        ({"delay_seconds": 10**400}, "more than a hundred years from now"),
        ({"at": NOW + DAY, "queue": "orders"}, "the queue is FIFO, and the message has no group"),
        (
            {"at": NOW + DAY, "queue": "orders", "group": "a", "deduplication_id": "b"},
            "a schedule takes no deduplication_id",
        ),
    ],
)
def test_a_time_that_can_not_be_is_refused_and_nothing_is_sent(options: dict[str, Any], said: str) -> None:
    with sandbox() as here:
        with pytest.raises(SendError, match=said):
            remind.send({}, **options)

        assert (here.scheduler.waiting, sum(map(len, here.queues.values()))) == ({}, 0)


def test_a_message_too_large_for_a_schedule_is_refused() -> None:
    with sandbox() as here, pytest.raises(PayloadTooLargeError, match="at most 262,144 can be scheduled"):
        remind.send({"text": "<" * 50_000}, at=NOW + DAY)
    assert here.scheduler.waiting == {}


def test_a_second_one_of_an_id_is_refused_until_the_first_is_sent() -> None:
    with sandbox() as here:
        assert remind.send({}, id="order-7", at=NOW + DAY) == "order-7"
        with pytest.raises(AlreadyScheduledError, match=r"^remind with the id order-7 is scheduled already"):
            remind.send({}, id="order-7", at=NOW + 2 * DAY)

        here.run()
        remind.send({}, id="order-7", delay_seconds=86_400)


def test_without_an_id_each_is_another_one_and_a_doubled_firing_is_one() -> None:
    with sandbox(faults={"firing doubled": 1.0}) as here:
        ids = [remind.send({}, at=NOW + 20 * DAY) for _ in range(2)]
        here.run()

    succeeded = [report.id for report in here.reports if report.outcome == "succeeded"]
    assert sorted(succeeded) == sorted(ids)
    assert {report.id for report in here.reports if report.outcome == "already done"} == {*ids}
    assert here.clock.now() < NOW.timestamp() + 20 * 86_400 + 3600


def test_what_the_scheduler_would_replace_arrives_as_it_was_sent() -> None:
    payload = {"<aws.scheduler.execution-id>": "a \\<aws.scheduler.scheduled-time> 🙂"}

    with sandbox() as here:
        remind.send(payload, at=NOW + DAY)
        (one,) = here.scheduler.waiting.values()

    assert "<" not in one.message.body
    assert json.loads(one.message.body)["payload"] == payload


@pytest.mark.parametrize("task", ["a.b-c_9", "é" * 300])
def test_a_schedules_name_is_one_that_aws_takes_and_each_ids_own(task: str) -> None:
    names = {name_of(task, id) for id in ("a", "b", "🙂")} | {name_of(f"{task}:a", "a")}

    assert len(names) == 4
    assert [name for name in names if not re.fullmatch(r"[0-9A-Za-z_.-]{1,64}", name)] == []
    assert [name for name in names if not name.startswith(prefix_of(task)[:-1])] == []
