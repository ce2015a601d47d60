"""When a schedule fires."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from zigzag_testing.schedules import DAY, HOUR, MINUTE, every, office_hours


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize("gap", [MINUTE, HOUR, 3 * DAY])
def test_a_rate_fires_so_long_after_the_last_time(gap: float) -> None:
    assert every(gap)(1000.0) == 1000.0 + gap


@pytest.mark.parametrize(
    ("now", "next_firing"),
    [
        pytest.param("2026-11-25 10:00", "2026-11-25 10:05", id="in the day, soon"),
        pytest.param("2026-11-25 17:58", "2026-11-26 08:00", id="in the evening, next morning"),
        pytest.param("2026-11-27 17:58", "2026-11-30 08:00", id="on Friday, on Monday"),
        pytest.param("2026-11-28 12:00", "2026-11-30 08:00", id="on Saturday, on Monday"),
        pytest.param("2026-11-30 03:00", "2026-11-30 08:00", id="before dawn, in the morning"),
    ],
)
def test_office_hours_are_on_working_days(now: str, next_firing: str) -> None:
    assert office_hours(minutes=5)(at(now)) == at(next_firing)
