"""Is a queue FIFO if the owner says so, and standard in every respect if not?"""

from __future__ import annotations

from typing import Any

import pytest
from tests.project.template.reading import Template

QUEUES = ["TaskQueue", *(f"TaskQueue{number}" for number in (2, 3, 4, 5)), "DeadLetterQueue"]
FIFO = {
    "FifoQueue": True,
    "DeduplicationScope": "messageGroup",
    "FifoThroughputLimit": "perMessageGroupId",
    "ContentBasedDeduplication": True,
}


def fifo_properties(template: Template, queue: str, fifo: str, **given: str) -> dict[str, Any]:
    """Returns those of the queue's properties that only a FIFO queue has."""
    properties = template.decided(template.properties(queue), Fifo=fifo, **given)
    return {name: value for name, value in properties.items() if "Fifo" in name or "Dedupl" in name}


@pytest.mark.parametrize("queue", QUEUES)
def test_a_fifo_queue_has_its_limits_by_group_and_takes_messages_without_a_deduplication_id(
    template: Template, queue: str
) -> None:
    assert fifo_properties(template, queue, "true") == FIFO


@pytest.mark.parametrize("queue", QUEUES)
def test_a_standard_queue_does_not_even_say_that_it_is_none(template: Template, queue: str) -> None:
    assert fifo_properties(template, queue, "false") == {}


def test_queues_are_standard_unless_the_owner_says_otherwise(template: Template) -> None:
    parameters = template.source["Parameters"]

    assert parameters["Fifo"]["Default"] == "false"
    assert [parameters[f"Queue{number}Fifo"]["Default"] for number in (2, 3, 4, 5)] == ["default"] * 4


@pytest.mark.parametrize(
    ("first", "its_own", "expected"),
    [
        ("false", "default", {}),
        ("false", "false", {}),
        ("false", "true", FIFO),
        ("true", "default", FIFO),
        ("true", "false", {}),
        ("true", "true", FIFO),
    ],
)
@pytest.mark.parametrize("number", [2, 3, 4, 5])
def test_a_further_queue_is_as_its_parameter_says_or_as_the_first_one(
    template: Template, number: int, first: str, its_own: str, expected: dict[str, Any]
) -> None:
    given = {f"Queue{number}": "orders", f"Queue{number}Fifo": its_own}

    assert fifo_properties(template, f"TaskQueue{number}", first, **given) == expected
    assert fifo_properties(template, "TaskQueue", first, **given) == (FIFO if first == "true" else {})


@pytest.mark.parametrize(("fifo", "expected"), [("false", FIFO), ("true", {})])
def test_the_other_dead_letter_queue_is_what_the_first_one_is_not(
    template: Template, fifo: str, expected: dict[str, Any]
) -> None:
    assert fifo_properties(template, "OtherDeadLetterQueue", fifo) == expected


@pytest.mark.parametrize("queue", QUEUES)
def test_nothing_else_depends_on_it(template: Template, queue: str) -> None:
    standard, fifo = (template.decided(template.properties(queue), Fifo=fifo) for fifo in ("false", "true"))

    assert {name: value for name, value in fifo.items() if name not in FIFO} == standard


def test_an_owner_reads_that_a_change_replaces_the_queues_and_what_to_do_before(template: Template) -> None:
    description = template.source["Parameters"]["Fifo"]["Description"]

    for words in ("replaces both queues", "are kept", "./zigzag status", "new QueueUrl"):
        assert words in description
