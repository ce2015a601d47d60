"""A queue, as a value."""

from __future__ import annotations

import pytest
from tests.support import DEAD_LETTER_QUEUE_URL, QUEUE_URL

from shared.queues import TaskQueue


@pytest.mark.parametrize(
    ("url", "fifo"),
    [(f"{QUEUE_URL}.fifo", True), (QUEUE_URL, False), ("https://sqs.test/fifo", False)],
)
def test_a_fifo_queue_is_known_by_its_url(url: str, fifo: bool) -> None:
    assert TaskQueue("mails", url, DEAD_LETTER_QUEUE_URL).fifo is fifo
