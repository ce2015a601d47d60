"""The places where each test of a contract runs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.contract.places import PLACES, ByHand, Place
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
