"""`./zigzag scheduled` and `cancel`, on an account of moto's."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from tests.stacks import deployed, queue

from zigzag import aws, task

DAY = timedelta(days=1)
AT = datetime(2099, 1, 2, 3, 4, 5, tzinfo=UTC)
ROLE, LETTERS = "arn:aws:iam::123456789012:role/sender", "arn:aws:sqs:eu-west-1:123456789012:dead-letters"


@task
def remind(payload: dict[str, Any]) -> None: ...


@task
def report(payload: dict[str, Any]) -> None: ...


@pytest.fixture
def later(account: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Yields the Scheduler's client. A stack called zigzag has three messages for later."""
    client = boto3.client("scheduler")
    client.create_schedule_group(Name="later")
    outputs = deployed(queue(), Scheduler=f"later {ROLE} {LETTERS}")
    monkeypatch.setenv("ZIGZAG_QUEUE_URL", outputs["QueueUrl"])
    monkeypatch.setenv("ZIGZAG_SCHEDULER", outputs["Scheduler"])
    aws.forget()
    remind.send({"secret": 1}, id="order 8", at=AT + DAY)
    remind.send({"secret": 1}, id="order 7", at=AT)
    report.send({"secret": 1}, id="x", at=AT + 2 * DAY)
    yield client
    aws.forget()


def test_they_are_shown_in_their_order_and_no_payload(zigzag: Any, later: Any) -> None:
    code, out, err = zigzag("scheduled")

    assert (code, err) == (0, "")
    assert out == (
        "2099-01-02 03:04:05 UTC  remind  order 7\n"
        "2099-01-03 03:04:05 UTC  remind  order 8\n"
        "2099-01-04 03:04:05 UTC  report  x\n"
    )
    told = json.loads(zigzag("scheduled", "--task", "report", "--json")[1])
    assert [(one["task"], one["id"], one["at"]) for one in told["tasks"]] == [
        ("report", "x", "2099-01-04T03:04:05")
    ]
    assert told["more"] is False


def test_no_more_are_shown_than_asked_for_and_that_there_are_more(zigzag: Any, later: Any) -> None:
    _, out, _ = zigzag("scheduled", "--most", "2")

    assert len(out.splitlines()) == 3
    assert out.endswith("and more, also earlier ones: --most 200 shows 200, --task NAME those of one task\n")


@pytest.mark.parametrize(
    ("name", "body", "line"),
    [
        ("night", '{"task": "report", "id": "a\\n"}', "cron(0 2 ? * TUE *) Europe/Berlin  report  a\\n\n"),
        ("theirs", "[1]", "cron(0 2 ? * TUE *) Europe/Berlin  names no task: theirs\n"),
    ],
)
def test_one_that_fires_again_and_again_is_shown_with_its_zone(
    zigzag: Any, later: Any, name: str, body: str, line: str
) -> None:
    target = {"Arn": LETTERS, "RoleArn": ROLE, "Input": body}
    later.create_schedule(
        GroupName="later",
        Name=name,
        ScheduleExpression="cron(0 2 ? * TUE *)",
        ScheduleExpressionTimezone="Europe/Berlin",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target=target,
    )

    assert zigzag("scheduled")[1].endswith(line)


def test_one_that_is_cancelled_is_gone_and_one_that_is_gone_is_told(zigzag: Any, later: Any) -> None:
    said = zigzag("cancel", "remind", "order 7")
    again = zigzag("cancel", "remind", "order 7")

    assert said == (0, "remind with the id order 7 is cancelled: it will not be sent\n", "")
    assert again[:2] == (2, "")
    assert "remind with the id order 7 is not scheduled: it has been sent, or cancelled" in again[2]
    assert "order 7" not in zigzag("scheduled")[1]


def test_a_name_that_is_no_tasks_is_told_with_the_names_that_are(zigzag: Any, later: Any) -> None:
    code, out, err = zigzag("scheduled", "--task", "helo")

    assert (code, out) == (3, "")
    assert "no task is called 'helo'; there are: crawl_page, hello, " in err
    assert zigzag("scheduled", "--task", "hello") == (0, "nothing is scheduled\n", "")


@pytest.mark.parametrize("command", [("scheduled",), ("cancel", "remind", "x")])
def test_a_stack_without_a_scheduler_is_told_what_to_deploy(
    zigzag: Any, account: None, command: tuple[str, ...]
) -> None:
    deployed(queue())

    code, out, err = zigzag(*command)

    assert (code, out) == (2, "")
    assert "the stack sends nothing later: deploy it with Scheduler=true" in err


# ---- What the command schedules ----


def test_the_command_sends_later_as_send_does(zigzag: Any, later: Any) -> None:
    code, out, _ = zigzag(
        "send", "hello", '{"name": "Ann"}', "--id", "a b", "--at", "2099-01-02T03:04:05+01:00"
    )
    assert (code, out) == (0, "hello with the id a b will be sent at 2099-01-02 02:04:05 UTC\n")

    told = json.loads(zigzag("send", "hello", '{"name": "Bo"}', "--delay", "90000", "--json")[1])
    shown = json.loads(zigzag("scheduled", "--task", "hello", "--json")[1])["tasks"]
    assert [(one["id"], one["at"]) for one in shown] == [
        (told["id"], told["at"]),
        ("a b", "2099-01-02T02:04:05"),
    ]
    assert (
        "cancel that by `./zigzag cancel hello 'a b'`"
        in zigzag("send", "hello", '{"name": "Ann"}', "--id", "a b", "--at", "2099-01-02T03:04:05Z")[2]
    )


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--at", "tomorrow"], "a time with its zone"),
        (["--at", "2099-01-02T03:04:05"], "a time with its zone"),
        (["--at", "2099-01-02T03:04:05Z", "--delay", "5"], "not both"),
        (["--delay", "99999999999"], "a hundred years"),
        (["--delay", "9" * 400], "a hundred years"),
        (["--many", "x", "--at", "2099-01-02T03:04:05Z"], "no --at"),
        (["--many", "x", "--reply-to", "answers"], "no --at or the like"),
        (["--expires-at", "tomorrow"], "--expires-at takes a time with its zone"),
    ],
    ids=str,
)
def test_a_wrong_time_is_a_sentence_and_nothing_is_sent(
    zigzag: Any, later: Any, options: list[str], words: str
) -> None:
    code, out, err = zigzag("send", "hello", *([] if "--many" in options else ['{"name": "Ann"}']), *options)

    assert (code, out, words in err) == (2, "", True), err
    assert zigzag("scheduled", "--task", "hello")[1] == "nothing is scheduled\n"


def test_without_a_scheduler_the_sentence_names_the_parameter(zigzag: Any, account: None) -> None:
    deployed(queue())

    code, _, err = zigzag("send", "hello", '{"name": "Ann"}', "--at", "2099-01-02T03:04:05Z")

    assert (code, "Scheduler=true" in err) == (2, True), err
