"""The places where each test of a contract runs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.contract.places import PLACES, ByHand, Place
from tests.worlds import World

from shared.ports.gates import OperatedGates
from shared.ports.queue import QueueError
from shared.ports.records import Records

OTHERWISE = (AssertionError, QueueError, pytest.fail.Exception)
"""How a test fails where a place does otherwise; anything else is a mistake."""


@pytest.fixture(scope="module", params=PLACES)
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    with request.param() as place:
        yield place


@pytest.fixture(autouse=True)
def _otherwise(request: pytest.FixtureRequest) -> None:
    """A test that says what its place does instead must fail there."""
    for mark in request.node.iter_markers("differs"):
        where, does = mark.args
        if where == request.getfixturevalue("place").name:
            request.applymarker(pytest.mark.xfail(strict=True, reason=does, raises=OTHERWISE))


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
