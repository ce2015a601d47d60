"""How many lanes poll, over how many connections? As many as the processor feeds, which grows with memory."""

from __future__ import annotations

import pytest

from consumer.lanes import connections_for, lanes_for, threads_for


@pytest.mark.parametrize(
    ("memory_mb", "lanes"),
    [(0, 4), (128, 4), (256, 4), (512, 8), (1769, 27), (2048, 32), (10_240, 32)],
)
def test_there_is_a_lane_for_each_64_mb_within_bounds(memory_mb: int, lanes: int) -> None:
    assert lanes_for(memory_mb) == lanes


@pytest.mark.parametrize(("lanes", "connections"), [(4, 20), (32, 160)])
def test_a_lane_has_connections_for_half_of_what_it_invokes(lanes: int, connections: int) -> None:
    assert connections_for(lanes) == connections


@pytest.mark.parametrize(("lanes", "threads"), [(4, 10), (16, 16), (32, 32)])
def test_boto_has_a_thread_for_each_lane_and_ten_at_least(lanes: int, threads: int) -> None:
    assert threads_for(lanes) == threads
