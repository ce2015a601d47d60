"""Does a sender from elsewhere get what its parameter says, on the first queue, and nobody without one?

A policy evaluator judges the same policies in tests/e2e/test_who_may_send.py.
"""

from __future__ import annotations

from typing import Any

import pytest
from tests.project.template.reading import Template, arn, statements

NAMED: dict[str, str] = {
    "SenderAccounts": "222222222222,arn:aws:iam::333333333333:role/shop",
    "SenderTopics": "arn:aws:sns:eu-west-1:222222222222:orders",
    "SenderBuckets": "arn:aws:s3:::uploads",
    "SenderRules": "arn:aws:events:eu-west-1:123456789012:rule/orders",
}


def listed(parameter: str) -> dict[str, list[Any]]:
    return {"Fn::Split": [",", {"Ref": parameter}]}


def of(service: str, parameter: str, **more: Any) -> dict[str, Any]:
    condition = {"ArnEquals": {"aws:SourceArn": listed(parameter)}, **more}
    return {"Principal": {"Service": f"{service}.amazonaws.com"}, "Condition": condition}


WANTED: dict[str, dict[str, Any]] = {
    "SenderAccounts": {"Principal": {"AWS": listed("SenderAccounts")}},
    "SenderTopics": of("sns", "SenderTopics"),
    "SenderBuckets": of("s3", "SenderBuckets", StringEquals={"aws:SourceAccount": {"Ref": "AWS::AccountId"}}),
    "SenderRules": of("events", "SenderRules"),
}


def allowed(template: Template, **given: str) -> dict[str, list[dict[str, Any]]]:
    """Returns what the queues' policies allow in a stack with these parameters, by the policy's name."""
    found = {}
    for name, policy in template.of_type("AWS::SQS::QueuePolicy").items():
        if template.holds(policy["Condition"], **given):
            document = template.decided(policy["Properties"]["PolicyDocument"], **given)
            found[name] = [one for one in statements(document) if one["Effect"] == "Allow"]
    return {name: these for name, these in found.items() if these}


@pytest.mark.parametrize("fifo", ["false", "true"])
def test_without_a_parameter_no_policy_allows_anything(ours: Template, fifo: str) -> None:
    assert allowed(ours, Fifo=fifo, Queue2="urgent") == {}


@pytest.mark.parametrize(
    ("fifo", "parameter"),
    [
        (fifo, parameter)
        for fifo in ("false", "true")
        for parameter in NAMED
        if (fifo, parameter) != ("true", "SenderBuckets")
    ],
)
def test_a_parameter_lets_its_senders_send_to_the_first_queue_and_do_nothing_else(
    ours: Template, fifo: str, parameter: str
) -> None:
    """Topics and rules may send there what they can't deliver: to the dead-letter queue of a standard one
    (https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html)."""
    queues = {{"false": "TaskQueuePolicy", "true": "FifoTaskQueuePolicy"}[fifo]: "TaskQueue"}
    if fifo == "false" and parameter in ("SenderTopics", "SenderRules"):
        queues["DeadLetterQueuePolicy"] = "DeadLetterQueue"

    assert allowed(ours, Fifo=fifo, Queue2="urgent", **{parameter: NAMED[parameter]}) == {
        policy: [
            {
                "Sid": parameter,
                "Effect": "Allow",
                "Action": ["sqs:SendMessage"],
                "Resource": [arn(queue)],
                **WANTED[parameter],
            }
        ]
        for policy, queue in queues.items()
    }


def test_a_bucket_cannot_be_named_for_a_fifo_queue(shipped: Template) -> None:
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-how-to-event-types-and-destinations.html"""
    rule = shipped.source["Rules"]["S3SendsToNoFifoQueue"]

    assert rule["RuleCondition"] == {"Fn::Equals": [{"Ref": "Fifo"}, "true"]}
    assert [one["Assert"] for one in rule["Assertions"]] == [
        {"Fn::Equals": [{"Ref": "SenderBuckets"}, "none"]}
    ]
