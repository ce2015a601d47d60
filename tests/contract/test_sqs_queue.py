"""The `Queue` port on SQS: what only the adapter has."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from tests.http_endpoint import HttpEndpoint
from tests.transports import as_on_lambda, in_place

from shared.aws import boto, sqs_queue
from shared.aws.lean import transport as lean
from shared.aws.sqs_queue import SqsQueue
from shared.aws.transport import Answered
from shared.delivery import Delivery
from shared.ports.queue import Outgoing, QueueError
from shared.ports.workers import Meaning
from zigzag.in_place import run_in_place

URL = "https://sqs.test/tasks"
X_MD5 = "9dd4e461268c8034f5c8564e155c67a6"

type Call = Callable[[SqsQueue], Coroutine[Any, Any, Any]]


class Answering:
    """A transport whose every call has that answer."""

    def __init__(self, body: dict[str, Any], date: str | None = None) -> None:
        self._answered = Answered(body, date)
        self.at: list[float] = []

    def prepare(self, *_: Any) -> None: ...

    async def call(self, *_: Any) -> Answered:
        self.at.append(time.time())
        return self._answered

    async def invoke(self, function: str, event: bytes) -> None: ...

    def close(self) -> None: ...


@pytest.mark.parametrize(
    ("date", "received_at"),
    [
        pytest.param("Fri, 15 Jan 2027 08:00:00 GMT", 1_800_000_000.0, id="SQS's own clock"),
        pytest.param(None, None, id="it does not say: before the call"),
        pytest.param("once upon a time", None, id="it says nothing we understand"),
    ],
)
def test_the_lease_runs_from_the_date_of_the_answer(date: str | None, received_at: float | None) -> None:
    message = {"MessageId": "m", "ReceiptHandle": "h", "Body": "x", "MD5OfBody": X_MD5}
    transport = Answering({"Messages": [message]}, date)
    before = time.time()

    (delivery,) = run_in_place(SqsQueue(transport, URL).receive(1, 0, 120))

    assert delivery.lease is not None
    if received_at is not None:
        assert delivery.lease.received_at == received_at
    else:
        assert before <= delivery.lease.received_at <= transport.at[0]


def test_an_answer_whose_lists_are_null_brings_and_refuses_nothing() -> None:
    queue = SqsQueue(Answering({"Messages": None, "Failed": None}), URL)

    assert run_in_place(queue.receive(1, 0, 120)) == []
    assert run_in_place(queue.delete([Delivery({"ReceiptHandle": "a"}, URL)])) == []


HELD = Delivery({"Body": "x", "ReceiptHandle": "a"}, URL)

RECEIVE: Call = lambda queue: queue.receive(1, 0, 120)  # noqa: E731
DELETE: Call = lambda queue: queue.delete([HELD])  # noqa: E731
SEND: Call = lambda queue: queue.send(Outgoing("x"))  # noqa: E731
COUNT: Call = lambda queue: queue.in_flight()  # noqa: E731


@pytest.mark.parametrize(
    ("call", "body"),
    [
        (RECEIVE, {"Messages": 7}),
        (RECEIVE, {"Messages": {"Body": "x"}}),
        (DELETE, {"Failed": 7}),
        (DELETE, {"Failed": [{}]}),
        (DELETE, {"Failed": [{"Id": "eleven", "Code": "x"}]}),
        (DELETE, {"Failed": [{"Id": "11", "Code": "x"}]}),
        (SEND, {}),
        (COUNT, {}),
        (COUNT, {"Attributes": None}),
        (COUNT, {"Attributes": {"ApproximateNumberOfMessagesNotVisible": "many"}}),
    ],
    ids=lambda value: json.dumps(value) if isinstance(value, dict) else "",
)
def test_an_answer_of_another_shape_is_an_error_of_the_call(call: Call, body: dict[str, Any]) -> None:
    with pytest.raises(QueueError, match="BadAnswer"):
        run_in_place(call(SqsQueue(Answering(body), URL)))


@contextmanager
def queue_at(
    endpoint: HttpEndpoint, wanted: str, attempts: int = 1, name: str = "tasks"
) -> Iterator[SqsQueue]:
    with in_place(wanted, attempts=attempts) as transport:
        yield SqsQueue(transport, f"{endpoint.url}/000000000000/{name}")


@pytest.mark.parametrize("attempts", [1, 2])
@pytest.mark.parametrize("answer", [503, "half an error"])
def test_a_call_whose_answer_is_an_error_is_sent_as_often_as_told(
    endpoint: HttpEndpoint, answer: int | str, attempts: int, wanted: str
) -> None:
    endpoint.answer = answer

    with queue_at(endpoint, wanted, attempts) as queue, pytest.raises(QueueError):
        run_in_place(queue.in_flight())

    assert len(endpoint.requests) == attempts


def _bad(status: int, code: str) -> bytes:
    body = f'{{"__type": "com.amazonaws.sqs#{code}"}}'
    return f"HTTP/1.1 {status} Bad\r\ncontent-length: {len(body)}\r\n\r\n{body}".encode()


@pytest.mark.parametrize(
    ("answer", "meaning"),
    [
        pytest.param(_bad(403, "AccessDenied"), Meaning.DEFINITE, id="403"),
        pytest.param(_bad(400, "OverLimit"), Meaning.DEFINITE, id="any other 4xx"),
        pytest.param(_bad(429, "TooManyRequests"), Meaning.TRANSIENT, id="429"),
        pytest.param(_bad(400, "ThrottlingException"), Meaning.TRANSIENT, id="a throttle of SQS's"),
        pytest.param(_bad(500, "InternalError"), Meaning.TRANSIENT, id="500"),
        pytest.param("close", Meaning.AMBIGUOUS, id="closed after the bytes"),
        pytest.param("reset", Meaning.AMBIGUOUS, id="reset after the bytes"),
        pytest.param("half", Meaning.AMBIGUOUS, id="closed within the answer"),
    ],
)
def test_an_answer_to_a_receive_has_its_meaning(
    endpoint: HttpEndpoint, wanted: str, answer: str | bytes, meaning: Meaning
) -> None:
    endpoint.answer = answer

    with queue_at(endpoint, wanted) as queue, pytest.raises(QueueError) as caught:
        run_in_place(queue.receive(1, 0, 120))

    assert caught.value.meaning is meaning


def test_after_an_error_of_its_own_the_queue_may_have_a_message(endpoint: HttpEndpoint, wanted: str) -> None:
    endpoint.answer = _bad(500, "InternalError")

    with queue_at(endpoint, wanted) as queue, pytest.raises(QueueError) as caught:
        run_in_place(queue.send(Outgoing("{}")))

    assert caught.value.meaning is Meaning.AMBIGUOUS


@pytest.mark.parametrize(
    ("call", "later"),
    [
        pytest.param(lambda queue: queue.change_visibility([HELD], 1), 2.0, id="it would hide another's"),
        pytest.param(SEND, 300.0, id="a FIFO queue has forgotten the first one"),
    ],
)
def test_a_call_is_not_sent_again_once_its_time_is_over(
    endpoint: HttpEndpoint, monkeypatch: pytest.MonkeyPatch, wanted: str, call: Call, later: float
) -> None:
    endpoint.answer = 503
    now = lambda: later if endpoint.requests else 0.0  # noqa: E731
    monkeypatch.setattr(lean, "time", now)
    for module in (boto, sqs_queue):
        monkeypatch.setattr(module, "time", SimpleNamespace(time=now))

    with queue_at(endpoint, wanted, attempts=4, name="tasks.fifo") as queue, pytest.raises(QueueError):
        run_in_place(call(queue))

    assert len(endpoint.requests) == 1


def test_a_function_without_a_region(monkeypatch: pytest.MonkeyPatch, wanted: str) -> None:
    as_on_lambda(monkeypatch)
    for name in ("AWS_DEFAULT_REGION", "AWS_REGION"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")

    with in_place(wanted) as transport, pytest.raises(QueueError) as caught:
        run_in_place(SqsQueue(transport, URL).in_flight())
    assert caught.value.code == "NoRegionError"


@pytest.mark.parametrize("url", ["nonsense", "http://", "http://127.0.0.1:99999"])
def test_an_endpoint_that_is_no_url_is_an_error_of_the_call(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    as_on_lambda(monkeypatch)
    monkeypatch.setenv("AWS_ENDPOINT_URL", url)

    with in_place("lean") as transport, pytest.raises(QueueError) as caught:
        run_in_place(SqsQueue(transport, URL).in_flight())
    assert caught.value.code == "ValueError"
