"""How many pollers, over how many connections? As many as the processor feeds, which grows with memory."""

from __future__ import annotations

import pytest

from consumer.pollers import connections_for, messages_for, pollers_for, threads_for


@pytest.mark.parametrize(
    ("memory_mb", "pollers"),
    [(0, 4), (128, 4), (256, 4), (512, 8), (1769, 27), (2048, 32), (10_240, 32)],
)
def test_there_is_a_poller_for_each_64_mb_within_bounds(memory_mb: int, pollers: int) -> None:
    assert pollers_for(memory_mb) == pollers
    assert pollers_for(memory_mb, 5) == max(pollers, 5), "and for each queue"


@pytest.mark.parametrize(("pollers", "connections"), [(4, 40), (32, 320)])
def test_a_poller_has_a_connection_for_each_of_its_invokes(pollers: int, connections: int) -> None:
    assert connections_for(pollers) == connections


@pytest.mark.parametrize(("pollers", "threads"), [(4, 10), (16, 16), (32, 32)])
def test_boto_has_a_thread_for_each_poller_and_ten_at_least(pollers: int, threads: int) -> None:
    assert threads_for(pollers) == threads


@pytest.mark.parametrize(
    ("memory_mb", "messages"), [(0, 10), (128, 2), (256, 5), (448, 8), (512, 10), (2048, 10)]
)
def test_a_receive_of_boto_asks_for_as_many_large_messages_as_the_memory_carries(
    memory_mb: int, messages: int
) -> None:
    assert messages_for(memory_mb) == messages
