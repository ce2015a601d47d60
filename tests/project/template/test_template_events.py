"""With Trigger=events: does Lambda poll every queue, and nobody else? Is refused what it can't do?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from tests.project.template.reading import Template, arn, statements

from shared import lease
from zigzag_testing.event_sources import VISIBILITY_SECONDS

QUEUES = ["TaskQueue", *(f"TaskQueue{number}" for number in (2, 3, 4, 5))]
ALL = {f"Queue{number}": f"queue{number}" for number in (2, 3, 4, 5)}
EVENTS = {"Trigger": "events"}


def mappings(template: Template, **given: str) -> dict[str, Any]:
    """Returns the properties of the event sources that a stack with these parameters has, by their queue."""
    found = template.of_type("AWS::Lambda::EventSourceMapping").values()
    there = [one["Properties"] for one in found if template.holds(one["Condition"], **given)]
    return {one["EventSourceArn"]["Fn::GetAtt"][0]: template.decided(one, **given) for one in there}


def test_by_default_the_schedule_is_the_trigger(template: Template) -> None:
    assert template.source["Parameters"]["Trigger"]["Default"] == "schedule"
    assert mappings(template, **ALL) == {}
    assert state(template) == "ENABLED"


def state(template: Template, **given: str) -> str:
    return str(template.decided(template.properties("ConsumerFunctionTick"), **given)["State"])


def test_with_events_no_tick_fires(template: Template) -> None:
    assert state(template, **EVENTS) == "DISABLED"


@pytest.mark.parametrize("more", [{}, {"Queue3": "bulk"}, ALL], ids=str)
def test_with_events_lambda_polls_each_queue_of_the_stack(
    template: Template, more: Mapping[str, str]
) -> None:
    named = {"TaskQueue", *(f"Task{parameter}" for parameter in more)}

    assert mappings(template, **EVENTS, **more).keys() == named


def test_a_message_that_the_worker_names_is_not_deleted_by_lambda(template: Template) -> None:
    # Without this, each message that was postponed would be lost.
    told = [one["FunctionResponseTypes"] for one in mappings(template, **EVENTS, **ALL).values()]

    assert told == [["ReportBatchItemFailures"]] * len(QUEUES)


def test_an_event_source_invokes_the_worker_with_batches_of_the_size_that_is_given(
    template: Template,
) -> None:
    found = mappings(template, **EVENTS, **ALL).values()

    assert [(one["FunctionName"], one["BatchSize"]) for one in found] == [
        ({"Ref": "WorkerFunction"}, {"Ref": "BatchSize"})
    ] * len(QUEUES)


@pytest.mark.parametrize(
    ("workers", "most"), [("0", None), ("5", {"MaximumConcurrency": {"Ref": "WorkerConcurrency"}})]
)
def test_no_more_workers_are_invoked_than_may_run(template: Template, workers: str, most: Any) -> None:
    found = mappings(template, **EVENTS, **ALL, WorkerConcurrency=workers).values()

    assert [one.get("ScalingConfig") for one in found] == [most] * len(QUEUES)


@pytest.mark.parametrize("queue", QUEUES)
def test_a_queue_hides_messages_at_least_as_long_as_its_worker_may_run(
    template: Template, queue: str
) -> None:
    # Lambda refuses an event source else
    # (https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html).
    properties = template.decided(template.properties(queue), **EVENTS)

    assert properties["VisibilityTimeout"] == VISIBILITY_SECONDS  # the sandbox's
    assert properties["VisibilityTimeout"] >= template.source["Parameters"]["WorkerTimeout"]["MaxValue"]


def test_what_never_starts_is_hidden_so_long_that_sqs_does_not_move_it_for_ten_days(
    template: Template,
) -> None:
    # Given that Lambda receives a message again and again, and no worker is free
    properties = template.decided(template.properties("TaskQueue"), **EVENTS)
    hidden = properties["VisibilityTimeout"] * properties["RedrivePolicy"]["maxReceiveCount"]

    assert hidden >= lease.KEPT_SECONDS - lease.DROP_MARGIN_SECONDS


@pytest.mark.parametrize(
    ("trigger", "more"), [("schedule", set()), ("events", {"sqs:ReceiveMessage", "sqs:GetQueueAttributes"})]
)
def test_the_workers_role_may_receive_only_where_lambda_polls_with_it(
    template: Template, trigger: str, more: set[str]
) -> None:
    (policy,) = template.decided(template.properties("WorkerRole")["Policies"], Trigger=trigger)
    found = [one for one in statements(policy["PolicyDocument"]) if arn("TaskQueue") in one["Resource"]]

    assert [set(one["Action"]) for one in found] == [
        {"sqs:DeleteMessage", "sqs:ChangeMessageVisibility"} | more
    ]


@pytest.mark.parametrize(("trigger", "wanted"), [("schedule", None), ("events", "Allow")])
def test_lambda_stops_no_chain_of_tasks(template: Template, trigger: str, wanted: str | None) -> None:
    properties = template.decided(template.properties("WorkerFunction"), Trigger=trigger)

    assert properties.get("RecursiveLoop") == wanted


# ---- What an event source does not know ----


def refused(template: Template, **given: str) -> list[str]:
    """Returns why CloudFormation would refuse these parameters."""
    found = []
    for rule in template.source["Rules"].values():
        if "RuleCondition" not in rule or judged(template, rule["RuleCondition"], given):
            found += [
                one["AssertDescription"]
                for one in rule["Assertions"]
                if not judged(template, one["Assert"], given)
            ]
    return found


def judged(template: Template, function: Any, given: Mapping[str, str]) -> bool:
    """Judges a rule, by the functions that a rule may have, of which the template has three
    (https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference-rules.html)."""
    ((name, arguments),) = function.items()
    if name == "Fn::Not":
        return not judged(template, *arguments, given)
    if name == "Fn::Or":
        return any(judged(template, one, given) for one in arguments)
    assert name == "Fn::Equals", f"this reads no {name} yet"
    left, right = (
        given.get(one["Ref"], str(template.value(one))) if isinstance(one, Mapping) else one
        for one in arguments
    )
    return bool(left == right)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"FlowControl": "true"}, "no limits and no pause: set FlowControl=false, or Trigger=schedule"),
        ({"DefaultWeight": "3"}, "no weights: set DefaultWeight=1, or Trigger=schedule"),
        ({"WorkerConcurrency": "1"}, "two workers at least: set WorkerConcurrency=0, or 2 to 1000"),
    ],
    ids=str,
)
def test_what_an_event_source_does_not_know_is_refused_before_the_deployment(
    template: Template, given: dict[str, str], says: str
) -> None:
    (why,) = refused(template, **EVENTS, **given)

    assert says in why
    assert refused(template, **given) == []


@pytest.mark.parametrize("given", [{}, {"WorkerConcurrency": "2"}, {"Fifo": "true"}, ALL], ids=str)
def test_everything_else_goes_with_an_event_source(template: Template, given: dict[str, str]) -> None:
    assert refused(template, **EVENTS, **given) == []
