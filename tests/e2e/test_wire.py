"""The wire of the chaos tests does the harm that it counts."""

from __future__ import annotations

import http.client
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


def post(wire: Wire, path: str = INVOKE) -> int:
    """Returns the status of the answer; 0 if the connection breaks."""
    connection = http.client.HTTPConnection(urlsplit(wire.url).netloc, timeout=5)
    try:
        connection.request("POST", path, b"{}")
        return connection.getresponse().status
    except http.client.RemoteDisconnected:
        return 0
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("fault", "path", "status", "arrived"),
    [
        (LOST, INVOKE, 0, 0),
        (UNANSWERED, INVOKE, 0, 1),
        (THROTTLED, INVOKE, 429, 0),
        (THROTTLED, "/", 200, 1),
    ],
)
def test_a_fault_does_what_its_name_says(
    wire: Wire,
    endpoint: HttpEndpoint,
    monkeypatch: pytest.MonkeyPatch,
    fault: str,
    path: str,
    status: int,
    arrived: int,
) -> None:
    monkeypatch.setattr(module, "CHANCE", {fault: 1.0})
    wire.bad = True

    assert (post(wire, path), len(endpoint.requests)) == (status, arrived)


def test_a_cut_ends_a_request_that_is_under_way(wire: Wire, endpoint: HttpEndpoint) -> None:
    endpoint.answer = "hang"
    said: list[int] = []
    asking = threading.Thread(target=lambda: said.append(post(wire)))
    asking.start()
    assert wait_for(lambda: len(endpoint.requests) == 1)

    assert wire.cut() == 1

    asking.join(5)
    assert (said, wire.fired) == ([0], {CUT: 1})
    endpoint.released.set()
