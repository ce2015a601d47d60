"""An endpoint, and both ways to wait for it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.http_endpoint import HttpEndpoint
from tests.transports import as_on_lambda
from tests.unit.shared.aws.ways import GOOD, WAYS, Way


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[HttpEndpoint]:
    with HttpEndpoint(GOOD) as endpoint:
        as_on_lambda(monkeypatch, endpoint.url)
        yield endpoint


@pytest.fixture(params=WAYS.values(), ids=WAYS)
def way(request: pytest.FixtureRequest, endpoint: HttpEndpoint) -> Iterator[Way]:
    way: Way = request.param()
    yield way
    way.close()
