"""A producer is in one region, by its variables, and the queue in another, by its URL. The queue's counts."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from tests.http_endpoint import HttpEndpoint
from tests.transports import TRANSPORTS, as_on_lambda

from shared.aws import choice
from shared.aws.choice import transport_in_place
from shared.aws.lean import streams
from shared.aws.transport import Transport
from zigzag import SendError, send, task


@task
def collect(payload: dict[str, Any]) -> None: ...


@pytest.fixture(autouse=True, params=TRANSPORTS)
def _a_producer_in_us_east_1(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    as_on_lambda(monkeypatch)
    monkeypatch.setenv("ZIGZAG_TRANSPORT", request.param)
    made: list[Transport] = []

    def remember(*arguments: Any, **named: Any) -> Transport:
        made.append(transport_in_place(*arguments, **named))
        return made[-1]

    monkeypatch.setattr(choice, "transport_in_place", remember)
    send._queue.cache_clear()
    yield
    send._queue.cache_clear()
    for transport in made:
        transport.close()


def region_signed_for(monkeypatch: pytest.MonkeyPatch, queue_url: str) -> str:
    monkeypatch.setenv("ZIGZAG_QUEUE_URL", queue_url)
    with HttpEndpoint(400) as endpoint:
        monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint.url)
        with pytest.raises(SendError):
            collect.send({})
        (headers,) = endpoint.headers
    (region,) = re.findall(r"Credential=test/\d+/([\w-]+)/sqs/", headers["authorization"])
    return str(region)


@pytest.mark.parametrize(
    ("queue_url", "region"),
    [
        ("https://sqs.eu-west-1.amazonaws.com/123456789012/tasks", "eu-west-1"),
        ("https://sqs.us-east-1.amazonaws.com/123456789012/tasks", "us-east-1"),
        ("https://sqs.cn-north-1.amazonaws.com.cn/123456789012/tasks", "cn-north-1"),
        ("https://SQS.us-gov-west-1.amazonaws.com/123456789012/tasks", "us-gov-west-1"),
    ],
)
def test_a_send_is_signed_for_the_queues(
    monkeypatch: pytest.MonkeyPatch, queue_url: str, region: str
) -> None:
    assert region_signed_for(monkeypatch, queue_url) == region


@pytest.mark.parametrize(
    "queue_url",
    [
        "http://127.0.0.1:4566/000000000000/tasks",
        "https://queue.amazonaws.com/123456789012/tasks",
        "https://sqs.eu-west-1.amazonaws.com.example.com/123456789012/tasks",
    ],
)
def test_where_the_url_names_none_it_is_the_producers(
    monkeypatch: pytest.MonkeyPatch, queue_url: str
) -> None:
    assert region_signed_for(monkeypatch, queue_url) == "us-east-1"


def test_a_send_goes_to_the_queues(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: set[str] = set()

    def lookup(host: str, *_: Any, **__: Any) -> None:
        asked.add(host)
        raise socket.gaierror(socket.EAI_NONAME, "no test reaches AWS")

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    monkeypatch.setattr(streams, "getaddrinfo", lookup)
    monkeypatch.setenv("ZIGZAG_QUEUE_URL", "https://sqs.eu-west-1.amazonaws.com/123456789012/tasks")

    with pytest.raises(SendError):
        collect.send({})

    assert asked == {"sqs.eu-west-1.amazonaws.com"}


def test_a_producer_needs_none_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name)

    url = "https://sqs.eu-west-1.amazonaws.com/123456789012/tasks"
    assert region_signed_for(monkeypatch, url) == "eu-west-1"
