"""The places where each test of a contract runs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.contract.places import PLACES, Place
from tests.worlds import World

from shared.ports import Records


@pytest.fixture(scope="module", params=PLACES)
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    with request.param() as place:
        yield place


@pytest.fixture
def world(place: Place, request: pytest.FixtureRequest) -> Iterator[World]:
    for mark in request.node.iter_markers("differs"):
        where, does = mark.args
        if where == place.name:
            request.applymarker(pytest.mark.xfail(strict=True, reason=does))
    world = place.world()
    yield world
    world.close()


@pytest.fixture
def records(place: Place) -> Iterator[Records]:
    with place.records() as records:
        yield records
