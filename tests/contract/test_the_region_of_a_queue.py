"""A producer is in one region, by its variables, and the queue in another, by its URL. The queue's counts."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from tests.http_endpoint import HttpEndpoint

from shared.aws import choice
from shared.aws.choice import transport_in_place
from shared.aws.lean import streams
from shared.aws.transport import Transport
from zigzag import SendError, aws, task

PRODUCERS = "us-east-1"


@task
def collect(payload: dict[str, Any]) -> None: ...


@pytest.fixture(autouse=True)
def _a_producer_in_us_east_1(
    endpoint: HttpEndpoint, wanted: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    endpoint.answer = 400
    monkeypatch.setenv("ZIGZAG_TRANSPORT", wanted)
    made: list[Transport] = []

    def remember(*arguments: Any, **named: Any) -> Transport:
        made.append(transport_in_place(*arguments, **named))
        return made[-1]

    monkeypatch.setattr(choice, "transport_in_place", remember)
    aws.forget()
    yield
    aws.forget()
    for transport in made:
        transport.close()


def region_signed_for(endpoint: HttpEndpoint, monkeypatch: pytest.MonkeyPatch, queue_url: str) -> str:
    monkeypatch.setenv("ZIGZAG_QUEUE_URL", queue_url)
    with pytest.raises(SendError):
        collect.send({})
    (headers,) = endpoint.headers
    (region,) = re.findall(r"Credential=test/\d+/([\w-]+)/sqs/", headers["authorization"])
    return str(region)


@pytest.mark.parametrize(
    ("queue", "region"),
    [
        ("https://sqs.eu-west-1.amazonaws.com", "eu-west-1"),
        ("https://sqs.cn-north-1.amazonaws.com.cn", "cn-north-1"),
        ("https://SQS.us-gov-west-1.amazonaws.com", "us-gov-west-1"),
        pytest.param("http://127.0.0.1:4566", PRODUCERS, id="an address"),
        pytest.param("https://queue.amazonaws.com", PRODUCERS, id="an older name"),
        pytest.param("https://sqs.eu-west-1.amazonaws.com.example.com", PRODUCERS, id="somebody else's"),
    ],
)
def test_a_send_is_signed_for_the_one_in_the_queues_url_or_the_producers(
    endpoint: HttpEndpoint, monkeypatch: pytest.MonkeyPatch, queue: str, region: str
) -> None:
    assert region_signed_for(endpoint, monkeypatch, f"{queue}/123456789012/tasks") == region


def test_a_send_goes_to_the_queues(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: set[str] = set()

    def lookup(host: str, *_: Any, **__: Any) -> None:
        asked.add(host)
        raise socket.gaierror(socket.EAI_NONAME, "no test reaches AWS")

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    monkeypatch.setattr(streams, "getaddrinfo", lookup)
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    monkeypatch.setenv("ZIGZAG_QUEUE_URL", "https://sqs.eu-west-1.amazonaws.com/123456789012/tasks")

    with pytest.raises(SendError):
        collect.send({})

    assert asked == {"sqs.eu-west-1.amazonaws.com"}


def test_a_producer_needs_none_of_its_own(endpoint: HttpEndpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name)

    queue_url = "https://sqs.eu-west-1.amazonaws.com/123456789012/tasks"
    assert region_signed_for(endpoint, monkeypatch, queue_url) == "eu-west-1"
