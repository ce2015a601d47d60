"""The places where each test of a contract runs, and an endpoint, where only an adapter is looked at."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.contract.places import PLACES, ByHand, Place
from tests.http_endpoint import HttpEndpoint
from tests.transports import TRANSPORTS, as_on_lambda
from tests.worlds import World

from shared.ports.gates import OperatedGates
from shared.ports.records import Records


@pytest.fixture(scope="module", params=PLACES)
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    with request.param() as place:
        yield place


@pytest.fixture
def world(place: Place) -> Iterator[World]:
    world = place.world()
    yield world
    world.close()


@pytest.fixture
def records(place: Place) -> Iterator[Records]:
    with place.records() as records:
        yield records


@pytest.fixture
def by_hand(place: Place) -> Iterator[ByHand]:
    with place.gates() as by_hand:
        yield by_hand


@pytest.fixture
def gates(by_hand: ByHand) -> OperatedGates:
    return by_hand.gates


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[HttpEndpoint]:
    """Yields the AWS of this process."""
    with HttpEndpoint() as endpoint:
        as_on_lambda(monkeypatch, endpoint.url)
        yield endpoint


@pytest.fixture(params=TRANSPORTS)
def wanted(request: pytest.FixtureRequest) -> str:
    """Returns the transport to ask for. Both are asked for, with what both promise."""
    return str(request.param)
