"""How often a look at what waits receives."""

from __future__ import annotations

from typing import Any, cast

import pytest

from zigzag_operate.peek import peek
from zigzag_operate.target import Stack, Target


class Queue:
    """A `Target` that is its own client of SQS: each receive brings one message."""

    def __init__(self, counts: list[int]) -> None:
        self.counts = counts
        self.asked: list[tuple[int, int]] = []

    def client(self, service: str, patience: Any) -> Any:
        return self

    def stack_as_it_is(self) -> Stack:
        return Stack(
            {"QueueUrl": "https://sqs.test/1/tasks", "DeadLetterQueueUrl": "https://sqs.test/1/d"}, {}
        )

    def get_queue_attributes(self, **asked: Any) -> Any:
        return {
            "Attributes": {"RedrivePolicy": '{"maxReceiveCount": "1000"}', "ApproximateNumberOfMessages": "9"}
        }

    def receive_message(self, **asked: Any) -> Any:
        self.asked.append((asked["MaxNumberOfMessages"], asked["VisibilityTimeout"]))
        number = len(self.asked)
        system = {"ApproximateReceiveCount": str(self.counts[number - 1]), "SentTimestamp": "0"}
        return {"Messages": [{"MessageId": str(number), "Body": "{}", "Attributes": system}]}


@pytest.mark.parametrize(
    ("counts", "receives"),
    [([1, 1, 1, 1], 3), ([969, 969, 969], 3), ([970], 1), ([1, 1000, 1], 2)],
)
def test_it_receives_three_times_until_a_message_has_thirty_receives_left(
    counts: list[int], receives: int
) -> None:
    queue = Queue(counts)

    seen = peek(cast(Target, queue))

    assert queue.asked == [(10, 2), (9, 2), (8, 2)][:receives]
    assert [one.near_end for one in seen.messages].count(True) == sum(one >= 970 for one in counts[:receives])
