"""The worker's handler, invoked with a task and no queue: what its caller is told."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel
from tests.integration.conftest import LINES, Stack

from worker.triggers.direct import MAX_RESULT_BYTES, ResultError, TaskFailedError
from zigzag import Context, Done, Reject, Retry, Unavailable, task


class Sum(BaseModel):
    a: int
    b: int = 0


class Total(BaseModel):
    total: int


ran: list[str] = []


@task(idempotent=True)
def add(payload: Sum, context: Context) -> dict[str, Any]:
    ran.append(context.id)
    return {"total": payload.a + payload.b, "id": context.id, "attempt": context.attempt}


@task()
async def give(payload: dict[str, Any]) -> Any:
    return RETURNED[payload["key"]]


@task(attempts=3)
def fail(payload: dict[str, Any]) -> None:
    ran.append("fail")
    raise RAISED[payload["key"]]


RETURNED: dict[str, Any] = {
    "nothing": None,
    "model": Total(total=5),
    "models": [Total(total=5), (1, 2)],
    "bytes": b"x",
    "nan": float("nan"),
    "half": "\ud800",
    "large": "x" * MAX_RESULT_BYTES,
    "most": "x" * (MAX_RESULT_BYTES - 2),
    "next": give.then({}),
}
RAISED = {
    "error": ConnectionError("no table in sight"),
    "retry": Retry("busy", after=600),
    "unavailable": Unavailable("away"),
    "reject": Reject("no such user"),
}


@pytest.fixture(autouse=True)
def _tasks(stack: Stack) -> None:
    ran.clear()
    stack.knows(add, give, fail)


def test_the_caller_gets_what_the_task_returns_and_the_tasks_id_is_its_own(stack: Stack) -> None:
    chosen = stack.start_worker({"task": "add", "payload": {"a": 2, "b": 3}, "id": "sum-1"})
    lambdas = stack.start_worker({"task": "add", "payload": {"a": 2}})

    assert chosen == {"outcome": "succeeded", "result": {"total": 5, "id": "sum-1", "attempt": 1}}
    assert lambdas["result"] == {"total": 2, "id": "the-request", "attempt": 1}


def test_no_record_is_kept_so_that_an_idempotent_task_runs_at_each_call(stack: Stack) -> None:
    for _ in range(2):
        stack.start_worker({"task": "add", "payload": {"a": 2}, "id": "sum-1"})

    assert ran == ["sum-1", "sum-1"]


def test_what_is_stored_already_is_answered_with_its_result(stack: Stack) -> None:
    @task(done=lambda name, id: Done(f"the receipt of {name} {id}"))
    def pay(payload: dict[str, Any]) -> None:
        ran.append("pay")

    stack.knows(pay)

    answer = stack.start_worker({"task": "pay", "id": "p-1"})

    assert answer == {"outcome": "already done", "result": "the receipt of pay p-1"}
    assert ran == []


def test_a_task_that_raised_is_answered_with_what_it_stored_or_with_all_reasons(stack: Stack) -> None:
    answers: list[Any] = [None, Done("the receipt"), None]

    @task(attempts=3, done=lambda name, id: answers.pop(0))
    def pay(payload: dict[str, Any]) -> None:
        raise ValueError("no answer")

    stack.knows(pay)

    assert stack.start_worker({"task": "pay"}) == {"outcome": "already done", "result": "the receipt"}
    with pytest.raises(TaskFailedError) as failed:  # the list is empty by then
        stack.start_worker({"task": "pay"})
    assert str(failed.value).startswith(
        "ValueError: no answer; whether it is done can't be known: IndexError"
    )


@pytest.mark.parametrize(
    ("key", "result"), [("nothing", None), ("model", {"total": 5}), ("models", [{"total": 5}, [1, 2]])]
)
def test_a_result_comes_as_json(stack: Stack, key: str, result: Any) -> None:
    assert stack.start_worker({"task": "give", "payload": {"key": key}})["result"] == result


@pytest.mark.parametrize(
    ("key", "why"),
    [
        ("bytes", "TypeError: bytes is no JSON; return JSON, or a pydantic model"),
        ("nan", "not JSON compliant"),
        ("half", "surrogates not allowed"),
        ("large", "it has 6,000,002 bytes, and an answer takes 6,000,000; store it, and return where"),
    ],
)
def test_what_can_not_be_told_is_an_error_that_says_the_task_has_succeeded(
    stack: Stack, key: str, why: str
) -> None:
    with pytest.raises(ResultError) as refused:
        stack.start_worker({"task": "give", "payload": {"key": key}})

    assert str(refused.value).startswith("give has succeeded, but what it returned can't be told: ")
    assert why in str(refused.value)


def test_it_has_no_next_task(stack: Stack, lines: LINES) -> None:
    with pytest.raises(ResultError, match="a next task is sent after a message, and there is none here"):
        stack.start_worker({"task": "give", "payload": {"key": "next"}})

    assert [line["message"] for line in lines() if line["level"] == "WARNING"] == [
        "the next task is not sent: the event names no queue"
    ]


def test_the_largest_result_is_told(stack: Stack) -> None:
    assert len(stack.start_worker({"task": "give", "payload": {"key": "most"}})["result"]) == 5_999_998


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        ({"task": "fail", "payload": {"key": "error"}}, "ConnectionError: no table in sight"),
        ({"task": "fail", "payload": {"key": "retry"}}, "busy"),
        ({"task": "fail", "payload": {"key": "unavailable"}}, "away"),
        ({"task": "fail", "payload": {"key": "reject"}}, "rejected: no such user"),
        ({"task": "add", "payload": {"b": 3}}, "the payload does not fit add: a: Field required"),
        ({"task": "add", "payload": []}, "`payload` is an array; it must be a JSON object"),
        ({"task": "add", "payload": {"a": 1}, "id": 7}, "`id` is a number; it must be a text"),
        ({"task": "add", "payload": {"a": float("nan")}}, "the body is not JSON: it has NaN"),
        ({"task": "add", "reply_to": "answers"}, "`reply_to` is for a message on a queue"),
        ({"task": None}, "the body names no task"),
        ({"task": "ad"}, "no task is called 'ad'; there are: "),
    ],
    ids=str,
)
def test_a_failure_is_an_error_of_the_function_and_nothing_is_tried_again(
    stack: Stack, lines: LINES, event: dict[str, Any], reason: str
) -> None:
    with pytest.raises(TaskFailedError) as failed:
        stack.start_worker(event)

    assert str(failed.value).startswith(reason)
    assert len(ran) == (event["task"] == "fail")
    (line,) = [line for line in lines() if line["message"] == "delivery"]
    assert (line["settled"], line["message_id"]) == (False, "the-request")
    assert stack.visible() + stack.in_flight() + stack.visible(stack.dead_letter_queue_url) == 0


def test_an_event_with_a_message_is_a_dispatch_whatever_else_it_has(stack: Stack) -> None:
    answer = stack.start_worker({"Message": {"Body": '{"task": "add", "payload": {"a": 1}}'}, "task": "give"})

    assert (answer["task"], answer["settled"]) == ("add", False)
