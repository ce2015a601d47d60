"""An endpoint, and both ways to wait for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest
from tests.http_endpoint import HttpEndpoint
from tests.transports import as_on_lambda
from tests.unit.shared.aws.ways import GOOD, WAYS, ConsumersWay, Way, WorkersWay


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[HttpEndpoint]:
    with HttpEndpoint(GOOD) as endpoint:
        as_on_lambda(monkeypatch, endpoint.url)
        yield endpoint


@pytest.fixture(params=WAYS.values(), ids=WAYS)
def way(request: pytest.FixtureRequest) -> Iterator[Way]:
    with closing(request.param()) as way:
        yield way


@pytest.fixture
def workers_way() -> Iterator[Way]:
    with closing(WorkersWay()) as way:
        yield way


@pytest.fixture
def consumers_way() -> Iterator[Way]:
    with closing(ConsumersWay()) as way:
        yield way
