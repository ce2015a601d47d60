"""The wire of the chaos tests breaks what it is told to break, and says truly what it did."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator
from random import Random
from urllib.parse import urlsplit

import pytest
from tests.e2e import wire as module
from tests.e2e.wire import CUT, LOST, THROTTLED, UNANSWERED, Wire
from tests.http_endpoint import HttpEndpoint, wait_for

INVOKE = "/2015-03-31/functions/worker/invocations"


@pytest.fixture
def endpoint() -> Iterator[HttpEndpoint]:
    with HttpEndpoint(200) as endpoint:
        yield endpoint


@pytest.fixture
def wire(endpoint: HttpEndpoint) -> Iterator[Wire]:
    with Wire(endpoint.url, Random(0)) as wire:
        yield wire


def always(monkeypatch: pytest.MonkeyPatch, wire: Wire, fault: str) -> None:
    monkeypatch.setattr(module, "CHANCE", {fault: 1.0})
    wire.bad = True


def post(wire: Wire, path: str = INVOKE, body: str = "{}", **headers: str) -> int:
    """Returns the status of the answer. Raises the error of a connection that breaks."""
    connection = http.client.HTTPConnection(urlsplit(wire.url).netloc, timeout=5)
    try:
        connection.request(
            "POST", path, body.encode(), {name.replace("_", "-"): v for name, v in headers.items()}
        )
        return connection.getresponse().status
    finally:
        connection.close()


def test_a_lost_request_never_arrives(
    wire: Wire, endpoint: HttpEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    always(monkeypatch, wire, LOST)

    with pytest.raises(http.client.RemoteDisconnected):
        post(wire)

    assert endpoint.requests == []
    assert wire.fired == {LOST: 1}


def test_where_the_answer_is_lost_the_request_has_arrived(
    wire: Wire, endpoint: HttpEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    always(monkeypatch, wire, UNANSWERED)

    with pytest.raises(http.client.RemoteDisconnected):
        post(wire)

    assert len(endpoint.requests) == 1
    assert wire.fired == {UNANSWERED: 1}


def test_only_invokes_are_throttled(
    wire: Wire, endpoint: HttpEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    always(monkeypatch, wire, THROTTLED)

    assert post(wire, INVOKE) == 429
    assert post(wire, "/") == 200
    assert len(endpoint.requests) == 1


def test_a_cut_ends_a_request_that_is_under_way(wire: Wire, endpoint: HttpEndpoint) -> None:
    # Given a request that is not answered yet
    endpoint.answer = "hang"
    broken: list[Exception] = []

    def ask() -> None:
        try:
            post(wire)
        except http.client.RemoteDisconnected as error:
            broken.append(error)

    asking = threading.Thread(target=ask)
    asking.start()
    assert wait_for(lambda: len(endpoint.requests) == 1)

    # When the wire is cut
    assert wire.cut() == 1

    # Then the client is told at once, and it is counted
    asking.join(5)
    assert len(broken) == 1
    assert wire.fired == {CUT: 1}
    endpoint.released.set()


def test_the_answer_to_a_record_of_a_completion_is_noted(wire: Wire) -> None:
    target = {"X_Amz_Target": "DynamoDB_20120810.UpdateItem"}
    done = {"Key": {"key": {"S": "greet#1"}}, "UpdateExpression": "SET done = :yes, expires = :expires"}
    begun = {"Key": {"key": {"S": "greet#2"}}, "UpdateExpression": "ADD runs :one"}

    post(wire, "/", json.dumps(done), **target)
    post(wire, "/", json.dumps(begun), **target)

    assert wire.recorded.keys() == {"greet#1"}


def test_a_refused_record_of_a_completion_is_none(wire: Wire, endpoint: HttpEndpoint) -> None:
    endpoint.answer = 400
    done = {"Key": {"key": {"S": "greet#1"}}, "UpdateExpression": "SET done = :yes, expires = :expires"}

    post(wire, "/", json.dumps(done), X_Amz_Target="DynamoDB_20120810.UpdateItem")

    assert wire.recorded == {}
