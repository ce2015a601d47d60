"""Is each of SQS's six settings of a queue a parameter, or fixed to what the code counts on?"""

from __future__ import annotations

import pytest
from tests.template.reading import Template

from shared.dead_letter import MAX_MESSAGE_BYTES
from shared.ports.queue import MAX_DELAY_SECONDS


@pytest.mark.parametrize("setting", ["DelaySeconds", "MaximumMessageSize"])
def test_a_parameter_sets_its_property_of_the_task_queue(template: Template, setting: str) -> None:
    assert template.source["Resources"]["TaskQueue"]["Properties"][setting] == {"Ref": setting}


def test_by_default_both_are_sqss_own_defaults(ours: Template) -> None:
    parameters = ours.source["Parameters"]

    assert parameters["DelaySeconds"]["Default"] == 0
    assert parameters["MaximumMessageSize"]["Default"] == MAX_MESSAGE_BYTES


def test_both_take_what_sqs_takes(ours: Template) -> None:
    limits = {
        name: (ours.source["Parameters"][name]["MinValue"], ours.source["Parameters"][name]["MaxValue"])
        for name in ("DelaySeconds", "MaximumMessageSize")
    }

    assert limits == {
        "DelaySeconds": (0, MAX_DELAY_SECONDS),
        "MaximumMessageSize": (1_024, MAX_MESSAGE_BYTES),
    }


def test_a_dead_letter_may_be_as_large_as_its_note_makes_it(template: Template) -> None:
    # Given that a letter is its message and a note, within SQS's limit and no smaller one
    assert template.properties("DeadLetterQueue")["MaximumMessageSize"] == MAX_MESSAGE_BYTES


def test_dead_letters_are_not_delayed(template: Template) -> None:
    assert "DelaySeconds" not in template.properties("DeadLetterQueue")


def test_each_receive_says_how_long_it_waits_and_the_queue_says_nothing(template: Template) -> None:
    assert "ReceiveMessageWaitTimeSeconds" not in template.properties("TaskQueue")
