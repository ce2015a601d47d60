"""What consumers are compared with, and what they do together: is it measured right?"""

from __future__ import annotations

import pytest
from benchmarks import growth, limit, stub_speed, wrk
from benchmarks.bench import Bench
from benchmarks.processes import ArmFailedError
from benchmarks.stub.running import Stub

needs_wrk = pytest.mark.skipif(not wrk.is_there(), reason=wrk.MISSING)


@needs_wrk
def test_wrk_receives_a_message_for_each_invoke_over_the_connections_that_it_is_given(stub: Stub) -> None:
    found = wrk.load(stub, 4, 1, latency_ms=1, backlog=1_000_000)

    stats = stub.stats()
    assert stats["connections"] == found.connections == 4
    assert stats["dispatched"] == stats["invokes"] > 0
    assert stats["invokes"] == pytest.approx(10 * stats["receives"], abs=10 * 4)
    assert 0 < found.stub_busy <= 1


@needs_wrk
def test_a_backlog_that_ends_too_soon_gives_no_figure(stub: Stub) -> None:
    with pytest.raises(ArmFailedError, match="receives were empty"):
        wrk.load(stub, 2, 1, latency_ms=1, backlog=10)


def test_consumers_together_dispatch_every_message_once(bench: Bench) -> None:
    found = growth.together(bench, consumers=2, backlog=40, start_seconds=0)  # else it raises

    assert found["messages"] == 40
    assert found["connections"] >= 2


def test_the_sum_of_consumers_is_compared_with_as_many_times_one() -> None:
    rows = growth.compared({1: [{"messages_per_second": 100.0}], 2: [{"messages_per_second": 190.0}]})

    assert [row["ratio"] for row in rows] == [1.0, 0.95]


ROW = {
    "latency_ms": 20,
    "arm": "zigzag",
    "connections": 288,
    "messages_per_second": 8_000.0,
    "wrk_messages_per_second": 10_000.0,
    "wrk_requests_per_second": 11_000.0,
    "ratio": 0.8,
    "stub_busy": 0.6,
    "changed": "InFlightCap=0",
}


def test_the_connections_limit_wrk_while_the_stub_has_time_left() -> None:
    assert "the connections; the stub was busy for 60% of wrk's time" in limit.tables([ROW])


def test_the_page_says_so_if_the_stub_is_the_limit() -> None:
    assert "the stub, at 11,000 requests/s of wrk's" in limit.tables([{**ROW, "stub_busy": 0.97}])


def test_without_wrk_the_page_says_what_is_missing() -> None:
    assert "apt-get install wrk" in limit.tables([])


def test_the_stubs_speed_is_told_by_its_processor_time_where_wrk_does_not_fill_it() -> None:
    load = wrk.Load(
        requests_per_second=20_000.0,
        messages_per_second=18_000.0,
        connections=64,
        stub_busy=0.66,
        stub_cpu_us_per_request=33.0,
    )

    assert "| 64 | 20,000 | 66% | 33 | 30,303 |" in stub_speed.tables([load])
