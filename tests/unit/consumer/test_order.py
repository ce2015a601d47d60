"""The order of the queues: which one is polled next?"""

from __future__ import annotations

import pytest

from consumer.order import next_after


@pytest.mark.parametrize(
    ("last", "polled", "number"),
    [
        pytest.param(-1, [True], 0, id="the first poll"),
        pytest.param(0, [True], 0, id="the only queue, again and again"),
        pytest.param(0, [True, True, True], 1, id="the one after it"),
        pytest.param(2, [True, True, True], 0, id="after the last, the first"),
        pytest.param(0, [True, False, True], 2, id="a queue whose turn has ended is passed over"),
        pytest.param(1, [False, True, False], 1, id="the last whose turn goes on"),
        pytest.param(0, [False, False], None, id="no turn goes on"),
        pytest.param(-1, [], None, id="no queue"),
    ],
)
def test_each_queue_is_polled_in_turn(last: int, polled: list[bool], number: int | None) -> None:
    assert next_after(last, polled) == number
