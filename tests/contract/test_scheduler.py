"""EventBridge Scheduler, by boto: what a schedule has, and what its refusals mean."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from tests.http_endpoint import HttpEndpoint
from tests.transports import as_on_lambda
from tests.worlds import ministack, moto

from shared.aws.choice import BOTO
from zigzag import AlreadyScheduledError, SendError, aws, task

ROLE, LETTERS = "arn:aws:iam::123456789012:role/sender", "arn:aws:sqs:eu-west-1:123456789012:dead-letters"
URL = "https://sqs.us-east-1.amazonaws.com/123456789012/tasks"
AT = datetime(2099, 1, 2, 3, 4, 5, tzinfo=UTC)


@task
def collect(payload: dict[str, Any]) -> None: ...


@contextmanager
def at_moto() -> Iterator[None]:
    with moto(BOTO):
        yield


@contextmanager
def at_ministack() -> Iterator[None]:
    with ministack(BOTO):
        yield


@pytest.fixture(params=[at_moto, pytest.param(at_ministack, marks=pytest.mark.slow)])
def scheduler(request: pytest.FixtureRequest, producer: None) -> Iterator[Any]:
    """Yields boto's client of an account that has the group `later`."""
    place: Callable[[], AbstractContextManager[None]] = request.param
    with place():
        client = boto3.client("scheduler")
        client.create_schedule_group(Name="later")
        yield client


@pytest.fixture
def producer(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("ZIGZAG_QUEUE_URL", URL)
    monkeypatch.setenv("ZIGZAG_QUEUES", f"orders={URL}.fifo")
    monkeypatch.setenv("ZIGZAG_SCHEDULER", f"later {ROLE} {LETTERS}")
    aws.forget()
    yield
    aws.forget()


def test_a_schedule_sends_the_message_once_by_the_stacks_role_and_then_is_gone(scheduler: Any) -> None:
    assert collect.send({"text": "<b>"}, id="a", at=AT, group="g", queue="orders") == "a"

    (listed,) = scheduler.list_schedules(GroupName="later")["Schedules"]
    made = scheduler.get_schedule(GroupName="later", Name=listed["Name"])
    target = made["Target"]
    assert json.loads(target.pop("Input")) == {"task": "collect", "payload": {"text": "<b>"}, "id": "a"}
    assert target == {
        "Arn": "arn:aws:sqs:us-east-1:123456789012:tasks.fifo",
        "RoleArn": ROLE,
        "DeadLetterConfig": {"Arn": LETTERS},
        "RetryPolicy": {"MaximumEventAgeInSeconds": 86_400, "MaximumRetryAttempts": 185},
        "SqsParameters": {"MessageGroupId": "g"},
    }
    assert (made["ScheduleExpression"], made["ScheduleExpressionTimezone"]) == (
        "at(2099-01-02T03:04:05)",
        "UTC",
    )
    assert (made["ActionAfterCompletion"], made["FlexibleTimeWindow"]) == ("DELETE", {"Mode": "OFF"})


def test_a_standard_queues_group_is_left_out_as_the_scheduler_has_groups_for_fifo(scheduler: Any) -> None:
    collect.send({}, id="a", at=AT, group="g")

    (listed,) = scheduler.list_schedules(GroupName="later")["Schedules"]
    assert "SqsParameters" not in scheduler.get_schedule(GroupName="later", Name=listed["Name"])["Target"]


def test_a_second_one_is_refused_and_the_first_is_as_it_was(scheduler: Any) -> None:
    collect.send({}, id="a", at=AT)
    with pytest.raises(AlreadyScheduledError, match=r"already: .*`\./zigzag cancel collect a`"):
        collect.send({}, id="a", at=AT + timedelta(days=1))

    (listed,) = scheduler.list_schedules(GroupName="later")["Schedules"]
    made = scheduler.get_schedule(GroupName="later", Name=listed["Name"])
    assert made["ScheduleExpression"] == "at(2099-01-02T03:04:05)"


def refusal(code: str, status: int = 400) -> bytes:
    """Returns an answer of the Scheduler's."""
    body = json.dumps({"Message": "words"}).encode()
    return b"HTTP/1.1 %d No\r\nx-amzn-errortype: %s\r\ncontent-length: %d\r\n\r\n%s" % (
        status,
        code.encode(),
        len(body),
        body,
    )


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (
            refusal("AccessDeniedException", 403),
            "the credentials do not allow it: the output SchedulerPolicy",
        ),
        (
            refusal("ServiceQuotaExceededException", 402),
            "the account has as many schedules as its quota allows",
        ),
        (refusal("ThrottlingException", 429), "calls come too fast for the account: try again"),
        (
            refusal("ValidationException"),
            "collect with the id a is not scheduled: ValidationException: words",
        ),
        ("close", "collect with the id a may be scheduled: no answer came"),
    ],
)
def test_a_refusal_says_what_to_do(
    endpoint: HttpEndpoint, producer: None, answer: str | bytes, said: str
) -> None:
    endpoint.answer = answer

    with pytest.raises(SendError, match=said):
        collect.send({}, id="a", at=AT)

    assert len({json.loads(body)["ClientToken"] for body in endpoint.requests}) == 1


@pytest.mark.parametrize(
    ("variable", "queue", "said"),
    [
        ("", None, "deploy the stack with the parameter Scheduler=true"),
        ("later", None, "ZIGZAG_SCHEDULER is wrong"),
        (f"later {ROLE} {LETTERS}", f"{URL}-of-others", "a schedule sends to the stack's own queues only"),
    ],
)
def test_without_what_it_needs_nothing_is_called(
    producer: None, monkeypatch: pytest.MonkeyPatch, variable: str, queue: str | None, said: str
) -> None:
    as_on_lambda(monkeypatch, "http://127.0.0.1:1")
    monkeypatch.setenv("ZIGZAG_SCHEDULER", variable)

    with pytest.raises(SendError, match=said):
        collect.send({}, at=AT, queue=queue)
