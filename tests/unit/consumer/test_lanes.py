"""How many polls may run side by side? As many as the processor feeds, which grows with the memory."""

from __future__ import annotations

import pytest

from consumer.app import lanes_for


@pytest.mark.parametrize(
    ("memory_mb", "lanes"),
    [(0, 4), (128, 4), (256, 4), (512, 8), (1769, 27), (2048, 32), (10_240, 32)],
)
def test_there_is_a_lane_for_each_64_mb_within_bounds(memory_mb: int, lanes: int) -> None:
    assert lanes_for(memory_mb) == lanes
