"""Is each further queue like the first one, there only if it is named, and known to both functions?"""

from __future__ import annotations

import json
from itertools import combinations
from typing import Any

import pytest
from benchmarks.template import environment_of
from tests.project.template.reading import Template, arn

from consumer.settings import ConsumerSettings
from shared.queues import MAX_WEIGHT, TaskQueue
from shared.settings import read
from worker.settings import WorkerSettings
from zigzag_operate.kept import QUEUE, STACK

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

    assert {**other, "Tags": None} == {**first, "Tags": None}


def test_each_queue_has_the_tags_by_which_it_is_found_once_it_is_no_longer_in_the_stack(
    template: Template,
) -> None:
    tags = {
        name: {one["Key"]: one["Value"] for one in queue["Properties"]["Tags"]}
        for name, queue in template.of_type("AWS::SQS::Queue").items()
    }

    assert {name: one.pop(QUEUE) for name, one in tags.items()} == {
        "TaskQueue": "default",
        **{f"TaskQueue{number}": {"Ref": f"Queue{number}"} for number in MORE},
        "DeadLetterQueue": "dead-letters",
        "OtherDeadLetterQueue": "other-dead-letters",
    }
    assert list(tags.values()) == [{STACK: {"Ref": "AWS::StackName"}}] * (3 + len(MORE))


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


@pytest.mark.parametrize("fifo", ["false", "true"])
def test_there_is_one_dead_letter_queue_for_all_of_a_kind(template: Template, fifo: str) -> None:
    """A FIFO queue's dead-letter queue must be FIFO, and a standard one's standard
    (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html)."""
    another = {"false": "true", "true": "false"}[fifo]
    given = {"Fifo": fifo, "Queue2": "a", "Queue2Fifo": "false", "Queue3": "b", "Queue3Fifo": "true"}
    given |= {"Queue4": "c", "Queue5": "d", "Queue5Fifo": another}

    targets: dict[str, Any] = {
        name: template.decided(queue["Properties"], **given)["RedrivePolicy"]["deadLetterTargetArn"]
        for name, queue in template.of_type("AWS::SQS::Queue").items()
        if not name.endswith("DeadLetterQueue")
    }

    ones, others = arn("DeadLetterQueue"), arn("OtherDeadLetterQueue")
    of_a_kind = {"false": ones, "true": others} if fifo == "false" else {"true": ones, "false": others}
    assert targets == {
        "TaskQueue": ones,
        "TaskQueue2": of_a_kind["false"],
        "TaskQueue3": of_a_kind["true"],
        "TaskQueue4": ones,
        "TaskQueue5": others,
    }


@pytest.mark.parametrize(
    ("given", "there"),
    [
        ({}, False),
        ({"Queue3": "orders"}, False),
        ({"Queue3": "orders", "Fifo": "true"}, False),
        ({"Queue3Fifo": "true"}, False),
        ({"Queue3": "orders", "Queue3Fifo": "true"}, True),
        ({"Queue3": "orders", "Queue3Fifo": "true", "Fifo": "true"}, False),
        ({"Queue5": "mails", "Queue5Fifo": "false", "Fifo": "true"}, True),
    ],
    ids=str,
)
def test_the_other_dead_letter_queue_is_there_only_if_a_queue_needs_it(
    template: Template, given: dict[str, str], there: bool
) -> None:
    needed = [
        name
        for name, one in template.ours.items()
        if name.startswith(("OtherDead", "FifoOtherDead")) and template.holds(one["Condition"], **given)
    ]
    policy = "OtherDeadLetterQueuePolicy" if "Queue5" in given else "FifoOtherDeadLetterQueuePolicy"

    expected = {"OtherDeadLetterQueue", "OtherDeadLetterAlarm", policy} if there else set()
    assert set(needed) == expected


@pytest.mark.parametrize("name", ["DeadLetterQueue", "DeadLetterAlarm"])
def test_the_other_ones_have_the_first_ones_properties(template: Template, name: str) -> None:
    other = template.decided(template.properties(f"Other{name}"), Fifo="true")
    first = template.decided(template.properties(name), Fifo="false")

    told = json.dumps(other).replace("OtherDead", "Dead").replace("other-dead", "dead")
    assert json.loads(told) == first


@pytest.mark.parametrize("function", ["ConsumerFunction", "WorkerFunction"])
def test_by_default_a_function_knows_no_other_queue(function: str) -> None:
    assert environment_of(function)["ZIGZAG_QUEUES"] == ""


def test_the_consumer_reads_what_the_template_gives_it() -> None:
    environment = environment_of("ConsumerFunction", DefaultWeight="3", Tracing="true", **TWO)
    queues = read(ConsumerSettings, environment).task_queues

    dead_letters, worker = environment["ZIGZAG_DEAD_LETTER_QUEUE_URL"], environment["ZIGZAG_WORKER"]
    assert queues == [
        TaskQueue("default", environment["ZIGZAG_QUEUE_URL"], dead_letters, 1, 3, worker, True),
        TaskQueue("urgent", "https://sqs.test/u", dead_letters, 1, 6, worker, True),
        TaskQueue("bulk", "https://sqs.test/b", dead_letters, 1, 1, worker, True),
    ]


def test_a_queue_of_the_other_kind_has_the_other_dead_letters() -> None:
    both = {"DeadLetterQueue": "https://sqs.test/d", "OtherDeadLetterQueue": "https://sqs.test/o.fifo"}
    given = {**TWO, **both, "Queue4Fifo": "true", "TaskQueue4": "https://sqs.test/b.fifo"}

    consumer = read(ConsumerSettings, environment_of("ConsumerFunction", **given))
    worker = read(WorkerSettings, environment_of("WorkerFunction", **given))

    told = {queue.name: queue.dead_letter_url for queue in consumer.task_queues}
    assert told == {"default": both["DeadLetterQueue"], "urgent": both["DeadLetterQueue"]} | {
        "bulk": both["OtherDeadLetterQueue"]
    }
    assert {name: worker.dead_letters_of(url) for url, name in worker.names.items()} == told


def test_the_worker_reads_what_the_template_gives_it() -> None:
    environment = environment_of("WorkerFunction", **TWO)

    assert read(WorkerSettings, environment).names == {
        environment["ZIGZAG_QUEUE_URL"]: "default",
        "https://sqs.test/u": "urgent",
        "https://sqs.test/b": "bulk",
    }


def test_no_two_places_have_the_same_name(ours: Template) -> None:
    rule = ours.source["Rules"]["EachPlaceHasAQueueOfItsOwn"]
    places = {f"Queue{place}": "none" for place in range(2, 6)}

    def refused(**names: str) -> int:
        return sum(not ours._holds(one["Assert"], places | names) for one in rule["Assertions"])

    assert refused() == 0
    assert refused(Queue2="bulk", Queue3="urgent") == 0
    assert [refused(**{one: "bulk", other: "bulk"}) for one, other in combinations(places, 2)] == [1] * 6


def test_the_first_queues_weight_has_the_others_limits(ours: Template) -> None:
    weight = ours.source["Parameters"]["DefaultWeight"]

    assert (weight["MinValue"], weight["MaxValue"], weight["Default"]) == (1, MAX_WEIGHT, 1)
