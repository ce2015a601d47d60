"""The lease: how long a delivery is ours."""

from __future__ import annotations

from typing import Any

import pytest

from shared import lease as times
from shared.lease import Lease


def test_a_lease_leaves_time_to_dispatch_to_start_and_for_clocks_that_differ() -> None:
    needed = times.DISPATCH_SECONDS + times.EVENT_AGE_SECONDS + times.SAFETY_SECONDS

    assert needed <= times.LEASE_SECONDS


def test_the_times_are_those_of_the_design() -> None:
    assert times.LEASE_SECONDS == 120
    assert times.EVENT_AGE_SECONDS == 60
    assert times.DISPATCH_SECONDS == 10
    assert times.SAFETY_SECONDS == 30
    assert times.MAX_RECEIVE_COUNT == 1000


def test_a_lease_says_by_when_to_dispatch_by_when_to_start_and_when_it_ends() -> None:
    lease = Lease.taken(1000.0)

    assert lease.received_at == 1000
    assert lease.dispatch_by == 1010
    assert lease.start_by == 1090
    assert lease.ends == 1120


def test_a_lease_of_another_length_keeps_its_safety() -> None:
    lease = Lease.taken(1000.0, 300)

    assert (lease.start_by, lease.ends) == (1270, 1300)


def test_a_lease_travels_as_json() -> None:
    lease = Lease.taken(1000.5)

    value = lease.to_json()

    assert value == {"ReceivedAt": 1000.5, "StartBy": 1090.5, "Ends": 1120.5}
    assert Lease.from_json(value) == lease


def test_its_permit_travels_with_it() -> None:
    lease = Lease.taken(1000.5)._replace(permit="a1b2c3d4")

    value = lease.to_json()

    assert value == {"ReceivedAt": 1000.5, "StartBy": 1090.5, "Ends": 1120.5, "Permit": "a1b2c3d4"}
    assert Lease.from_json(value) == lease


@pytest.mark.parametrize(
    "value",
    [
        pytest.param({}, id="empty"),
        pytest.param({"ReceivedAt": 1, "StartBy": 2}, id="no end"),
        pytest.param({"ReceivedAt": 1, "StartBy": 2, "Ends": "soon"}, id="a word"),
        pytest.param({"ReceivedAt": None, "StartBy": 2, "Ends": 3}, id="null"),
        pytest.param("tomorrow", id="a text"),
        pytest.param([1, 2, 3], id="a list"),
        pytest.param({"ReceivedAt": 1, "StartBy": 2, "Ends": 3, "Permit": 7}, id="a permit that is no text"),
        pytest.param({"ReceivedAt": 1, "StartBy": 2, "Ends": 3, "Permit": "x" * 65}, id="a long permit"),
    ],
)
def test_what_is_no_lease_is_refused(value: Any) -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        Lease.from_json(value)
