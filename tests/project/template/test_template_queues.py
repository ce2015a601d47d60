"""Is each further queue like the first one, there only if it is named, and known to both functions?"""

from __future__ import annotations

from typing import Any

import pytest
from benchmarks.template import environment_of
from tests.project.template.reading import Template, arn

from consumer.settings import ConsumerSettings
from shared.queues import MAX_WEIGHT, TaskQueue
from shared.settings import read
from worker.settings import WorkerSettings

MORE = (2, 3, 4, 5)
TWO = {
    "Queue2": "urgent:6",
    "Queue4": "bulk",
    "TaskQueue2": "https://sqs.test/u",
    "TaskQueue4": "https://sqs.test/b",
}


@pytest.mark.parametrize("fifo", ["false", "true"])
@pytest.mark.parametrize("number", MORE)
def test_a_queue_has_the_first_ones_properties(template: Template, number: int, fifo: str) -> None:
    first, other = (
        template.decided(template.properties(name), Fifo=fifo) for name in ("TaskQueue", f"TaskQueue{number}")
    )

    assert other == first


@pytest.mark.parametrize("number", MORE)
def test_a_queue_is_there_if_it_is_named(template: Template, number: int) -> None:
    condition = template.resources[f"TaskQueue{number}"]["Condition"]

    assert not template.holds(condition)
    assert template.holds(condition, **{f"Queue{number}": "urgent:6"})


@pytest.mark.parametrize("fifo", ["false", "true"])
@pytest.mark.parametrize("number", MORE)
def test_a_policy_is_there_if_its_queue_is(template: Template, number: int, fifo: str) -> None:
    policies = [
        policy
        for policy in template.of_type("AWS::SQS::QueuePolicy").values()
        if policy["Properties"]["Queues"] == [{"Ref": f"TaskQueue{number}"}]
    ]

    def there(**named: str) -> int:
        return sum(template.holds(policy["Condition"], Fifo=fifo, **named) for policy in policies)

    assert there() == 0
    assert there(**{f"Queue{number}": "urgent:6"}) == 1


def test_the_first_queue_is_always_there(template: Template) -> None:
    assert "Condition" not in template.resources["TaskQueue"]


def test_there_is_one_dead_letter_queue_for_all(template: Template) -> None:
    targets: list[Any] = [
        queue["Properties"]["RedrivePolicy"]["deadLetterTargetArn"]
        for name, queue in template.of_type("AWS::SQS::Queue").items()
        if name != "DeadLetterQueue"
    ]

    assert targets == [arn("DeadLetterQueue")] * (1 + len(MORE))


@pytest.mark.parametrize("function", ["ConsumerFunction", "WorkerFunction"])
def test_by_default_a_function_knows_no_other_queue(function: str) -> None:
    assert environment_of(function)["ZIGZAG_QUEUES"] == ""


def test_the_consumer_reads_what_the_template_gives_it() -> None:
    environment = environment_of("ConsumerFunction", DefaultWeight="3", **TWO)
    queues = read(ConsumerSettings, environment).task_queues

    dead_letters, worker = environment["ZIGZAG_DEAD_LETTER_QUEUE_URL"], environment["ZIGZAG_WORKER"]
    assert queues == [
        TaskQueue("default", environment["ZIGZAG_QUEUE_URL"], dead_letters, 1, 3, worker),
        TaskQueue("urgent", "https://sqs.test/u", dead_letters, 1, 6, worker),
        TaskQueue("bulk", "https://sqs.test/b", dead_letters, 1, 1, worker),
    ]


def test_the_worker_reads_what_the_template_gives_it() -> None:
    environment = environment_of("WorkerFunction", **TWO)

    assert read(WorkerSettings, environment).names == {
        environment["ZIGZAG_QUEUE_URL"]: "default",
        "https://sqs.test/u": "urgent",
        "https://sqs.test/b": "bulk",
    }


def test_the_first_queues_weight_has_the_others_limits(ours: Template) -> None:
    weight = ours.source["Parameters"]["DefaultWeight"]

    assert (weight["MinValue"], weight["MaxValue"], weight["Default"]) == (1, MAX_WEIGHT, 1)
