"""Is each of SQS's six settings of a queue a parameter, or fixed to what the code counts on?"""

from __future__ import annotations

import pytest
from tests.project.template.reading import Template

from shared.dead_letter import MAX_MESSAGE_BYTES
from shared.ports.queue import MAX_DELAY_SECONDS


@pytest.mark.parametrize(
    ("name", "least", "most", "default"),
    [
        ("DelaySeconds", 0, MAX_DELAY_SECONDS, 0),
        ("MaximumMessageSize", 1_024, MAX_MESSAGE_BYTES, MAX_MESSAGE_BYTES),
    ],
)
def test_a_parameter_takes_what_sqs_takes_and_its_default_is_sqss(
    ours: Template, name: str, least: int, most: int, default: int
) -> None:
    parameter = ours.source["Parameters"][name]

    assert (parameter["MinValue"], parameter["MaxValue"], parameter["Default"]) == (least, most, default)


def test_a_dead_letter_may_be_as_large_as_its_note_makes_it(template: Template) -> None:
    # Given that a letter is its message and a note, within SQS's limit and no smaller one
    assert template.properties("DeadLetterQueue")["MaximumMessageSize"] == MAX_MESSAGE_BYTES


def test_each_receive_says_how_long_it_waits_and_the_queue_says_nothing(template: Template) -> None:
    assert "ReceiveMessageWaitTimeSeconds" not in template.properties("TaskQueue")
