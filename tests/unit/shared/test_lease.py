"""The lease: how long a delivery is ours."""

from __future__ import annotations

import pytest

from shared import lease as times
from shared.lease import Lease


def test_a_lease_leaves_time_to_dispatch_to_start_and_for_clocks_that_differ() -> None:
    needed = times.DISPATCH_SECONDS + times.EVENT_AGE_SECONDS + times.SAFETY_SECONDS

    assert needed <= times.LEASE_SECONDS


def test_a_lease_says_by_when_to_dispatch_by_when_to_start_and_when_it_ends() -> None:
    lease = Lease.taken(1000.0)

    assert (lease.received_at, lease.dispatch_by) == (1000, 1010)
    assert (lease.start_by, lease.ends) == (1090, 1120)


def test_a_lease_of_another_length_keeps_its_safety() -> None:
    lease = Lease.taken(1000.0, 300)

    assert (lease.start_by, lease.ends) == (1270, 1300)


def test_its_permit_travels_with_it() -> None:
    lease = Lease.taken(1000.5)._replace(permit="a1b2c3d4")

    value = lease.to_json()

    assert value == {"ReceivedAt": 1000.5, "StartBy": 1090.5, "Ends": 1120.5, "Permit": "a1b2c3d4"}
    assert Lease.from_json(value) == lease


@pytest.mark.parametrize("permit", [7, "x" * 65])
def test_a_permit_that_can_be_none_is_refused(permit: object) -> None:
    with pytest.raises(ValueError, match="Permit"):
        Lease.from_json({"ReceivedAt": 1, "StartBy": 2, "Ends": 3, "Permit": permit})
