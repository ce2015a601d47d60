"""A queue, as a value."""

from __future__ import annotations

import pytest
from tests.support import DEAD_LETTER_QUEUE_URL, QUEUE_URL

from shared.queues import TaskQueue, more_queues, workers_of_queues


@pytest.mark.parametrize(
    ("url", "fifo"),
    [(f"{QUEUE_URL}.fifo", True), (QUEUE_URL, False), ("https://sqs.test/fifo", False)],
)
def test_a_fifo_queue_is_known_by_its_url(url: str, fifo: bool) -> None:
    assert TaskQueue("mails", url, DEAD_LETTER_QUEUE_URL).fifo is fifo


class TestMoreQueues:
    """The text that the template makes of the stack's further queues."""

    def test_each_has_a_name_a_weight_and_a_url(self) -> None:
        assert more_queues("urgent:6=https://sqs.test/u bulk=https://sqs.test/b?a=b ") == (
            ("urgent", 6, "https://sqs.test/u"),
            ("bulk", 1, "https://sqs.test/b?a=b"),
        )

    def test_the_first_one_is_left_out(self) -> None:
        assert more_queues("default:3=https://a/b bulk=https://a/c") == (("bulk", 1, "https://a/c"),)

    @pytest.mark.parametrize("text", ["", " "])
    def test_there_may_be_none(self, text: str) -> None:
        assert more_queues(text) == ()

    @pytest.mark.parametrize(
        "text",
        [
            pytest.param("urgent", id="no URL"),
            pytest.param("urgent=TaskQueue2", id="no URL but a name"),
            pytest.param("=https://a/b", id="no name"),
            pytest.param("ur-gent=https://a/b", id="a name that is not alphanumeric"),
            pytest.param("dringlichü=https://a/b", id="a name that is not ASCII"),
            pytest.param("urgent:0=https://a/b", id="a weight of 0"),
            pytest.param("urgent:101=https://a/b", id="a weight above the most"),
            pytest.param("urgent:=https://a/b", id="no weight after the colon"),
            pytest.param("urgent:1.5=https://a/b", id="a weight that is not whole"),
            pytest.param("urgent=https://a/b urgent:2=https://a/c", id="a name twice"),
            pytest.param(" ".join(f"q{number}=https://a/b" for number in range(5)), id="a sixth queue"),
        ],
    )
    def test_a_text_that_is_wrong_is_refused(self, text: str) -> None:
        with pytest.raises(ValueError):  # noqa: PT011 -- the settings say what it may be
            more_queues(text)


class TestWorkersOfQueues:
    """The text that the template makes of the lines in its place for workers of queues."""

    def test_each_has_a_queues_name_and_a_functions(self) -> None:
        assert workers_of_queues(" video:2=zigzag-VideoWorker-1A default=zigzag-Other-2B") == {
            "video": "zigzag-VideoWorker-1A",
            "default": "zigzag-Other-2B",
        }

    def test_the_workers_of_empty_places_are_nobodys(self) -> None:
        assert workers_of_queues(" none=zigzag-VideoWorker-1A none=zigzag-Other-2B") == {}

    @pytest.mark.parametrize("text", ["", " "])
    def test_there_may_be_none(self, text: str) -> None:
        assert workers_of_queues(text) == {}

    @pytest.mark.parametrize(
        "text",
        [
            pytest.param("video", id="no worker"),
            pytest.param("video=", id="no name of a worker"),
            pytest.param("=worker", id="no name of a queue"),
            pytest.param("vi-deo=worker", id="a name that is not alphanumeric"),
            pytest.param("video=one video:2=two", id="a name twice"),
        ],
    )
    def test_a_text_that_is_wrong_is_refused(self, text: str) -> None:
        with pytest.raises(ValueError):  # noqa: PT011 -- the settings say what it may be
            workers_of_queues(text)
