"""The meter of the local AWS, and what it counts in virtual minutes."""

from __future__ import annotations

from typing import Any

import pytest

from zigzag_local.meter import KEPT_MINUTES, Meter, Values, depths, of_queue

KEY = of_queue("arn:aws:sqs:us-east-1:000000000000:tasks", "NumberOfMessagesSent")


def message(sent: float, visible: float, received: int) -> dict[str, Any]:
    return {"sent_at": sent, "visible_at": visible, "receive_count": received}


@pytest.mark.parametrize(
    ("is_fifo", "messages", "told"),
    [
        (False, [], (0, 0, 0, 0)),
        (False, [message(10, 10, 0), message(40, 200, 1), message(60, 960, 0)], (1, 1, 1, 90)),
        (False, [message(10, 10, 3), message(40, 200, 2)], (1, 1, 0, 60)),
        (True, [message(10, 10, 3), message(40, 200, 2)], (1, 1, 0, 90)),
        (True, [message(10, 10, 3) | {"enqueued_at": 95}], (1, 0, 0, 5)),
    ],
    ids=["empty", "delayed", "received three times", "FIFO", "moved by SQS to a FIFO queue"],
)
def test_what_is_on_a_queue(is_fifo: bool, messages: list[Any], told: tuple[int, ...]) -> None:
    found = depths({"is_fifo": is_fifo, "messages": messages}, 100)

    assert tuple(found.values()) == told


def test_an_error_counts_in_the_minute_in_which_its_invocation_began_and_is_told_once() -> None:
    time = 1_000.0
    meter = Meter(60, lambda: time)
    meter.add(KEY, 2)
    assert meter.new() == {KEY: {0: Values(1, 2, 2, 2)}}
    time += 130
    meter.add(KEY, 1, minute=0)
    meter.add(KEY, 4)

    assert meter.new() == {KEY: {0: Values(1, 1, 1, 1), 2: Values(1, 4, 4, 4)}}
    assert meter.values(KEY, -1, 2) == [None, Values(2, 3, 1, 2), None, Values(1, 4, 4, 4)]


def test_it_keeps_some_hours_however_long_it_runs() -> None:
    time = 0.0
    meter = Meter(1, lambda: time)
    for second in range(3 * KEPT_MINUTES):
        time = float(second)
        meter.add(KEY)
        if second % 100 == 0:
            meter.new()

    known = [one for one in meter.values(KEY, 0, 3 * KEPT_MINUTES) if one]
    assert len(known) <= KEPT_MINUTES + 100
