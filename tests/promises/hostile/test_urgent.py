"""How soon do urgent tasks start behind a backlog of 20,000, where fifty run at once? docs/several-queues.md
has the figures."""

from __future__ import annotations

import pytest
from tests.conftest import COUNTED, Record
from tests.promises.hostile.places import Waits, waits

pytestmark = pytest.mark.slow

SENT = {"default": 5.0, "urgent": 0.5}
FLOODED = {"default": 5.0, "urgent": 40.0}
Note = Record


def told(name: str, found: dict[str, Waits], record_property: Note) -> dict[str, Waits]:
    record_property(
        COUNTED,
        f"{name}: "
        + "; ".join(
            f"{queue} {one.started} started, median {one.median:.1f} s, p99 {one.slowest_hundredth:.1f} s"
            for queue, one in found.items()
        ),
    )
    return found


def test_tasks_of_two_seconds(record_property: Note) -> None:
    found = waits(places=50, seconds=2, minutes=3, a_second=SENT, in_flight_cap=1400)
    told("2 s", found, record_property)

    assert found["urgent"].slowest_hundredth < 2
    assert found["default"].slowest_hundredth < 5
    assert found["bulk"].started > 2000


def test_tasks_of_a_minute_with_a_part_kept(record_property: Note) -> None:
    found = waits(places=50, seconds=60, minutes=10, a_second=SENT, in_flight_cap=50, keep_percent=20)
    told("60 s, keep", found, record_property)

    assert found["urgent"].slowest_hundredth < 2
    assert found["bulk"].started > 0


@pytest.mark.parametrize("keep_percent", [0, 20])
def test_while_urgent_is_flooded(keep_percent: int, record_property: Note) -> None:
    found = waits(
        places=50, seconds=2, minutes=3, a_second=FLOODED, in_flight_cap=1400, keep_percent=keep_percent
    )
    told(f"flooded, keep {keep_percent}", found, record_property)

    assert found["default"].slowest_hundredth < 5
    assert found["bulk"].started > 100


def test_where_only_the_concurrency_bounds_urgent_waits_in_lambda_like_all_others(
    record_property: Note,
) -> None:
    found = waits(places=50, seconds=2, minutes=3, a_second=SENT, in_flight_cap=0)
    told("no cap", found, record_property)

    assert found["urgent"].median > 20
