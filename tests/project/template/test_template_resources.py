"""Are the queues, functions and logs what their owner would want in a shared account?"""

from __future__ import annotations

import re
from typing import Any

import pytest
from tests.project.template.reading import Template, arn, statements
from tests.project.template.yours import without_yours

MORE = [f"TaskQueue{number}" for number in (2, 3, 4, 5)]
NAMED = {f"Queue{number}": f"queue{number}:{number}" for number in (2, 3, 4, 5)}
OF_BOTH_KINDS = {"Queue2Fifo": "false", "Queue3Fifo": "true"}
QUEUES = ["TaskQueue", *MORE, "DeadLetterQueue", "OtherDeadLetterQueue"]
HOLDS_DATA = r"AWS::(SQS::Queue(Policy)?|DynamoDB::\w*Table|S3::Bucket)"
FUNCTIONS = ["ConsumerFunction", "WorkerFunction"]


@pytest.mark.parametrize("fifo", ["false", "true"])
@pytest.mark.parametrize("queue", QUEUES)
def test_a_queue_refuses_anything_but_tls(template: Template, queue: str, fifo: str) -> None:
    # Given the queue's one policy
    (policy,) = (
        each
        for each in policies(template, fifo, **OF_BOTH_KINDS).values()
        if each["Properties"]["Queues"] == [{"Ref": queue}]
    )

    # Then it denies everybody everything without TLS
    (statement,) = statements(template.decided(policy["Properties"]["PolicyDocument"]))
    assert statement["Effect"] == "Deny"
    assert statement["Principal"] == "*"
    assert statement["Action"] == ["sqs:*"]
    assert statement["Resource"] == [arn(queue)]
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def policies(template: Template, fifo: str, **given: str) -> dict[str, Any]:
    """Returns the queues' policies that a stack with these parameters has."""
    return {
        name: policy
        for name, policy in template.of_type("AWS::SQS::QueuePolicy").items()
        if "Condition" not in policy or template.holds(policy["Condition"], Fifo=fifo, **NAMED, **given)
    }


def test_a_change_of_fifo_takes_no_policy_off_the_queues_that_it_leaves_behind(template: Template) -> None:
    # CloudFormation would change its queues in place, and take it off the old one. One that goes is kept
    # (https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-sqs-queuepolicy.html).
    assert set(policies(template, "false")) & set(policies(template, "true")) == set()


def test_a_resource_that_holds_data_outlives_the_stack(template: Template) -> None:
    # Given what holds data, and the queues' policies
    holding = [name for name, one in template.ours.items() if re.fullmatch(HOLDS_DATA, one["Type"])]
    assert {*QUEUES, "RecordsTable"} <= set(holding)

    # Then a deleted stack, or a renamed resource, leaves it there
    kept = {"DeletionPolicy": ("Retain", "RetainExceptOnCreate"), "UpdateReplacePolicy": ("Retain",)}
    assert [
        f"{name}.{policy}"
        for name in holding
        for policy, values in kept.items()
        if template.ours[name].get(policy) not in values
    ] == []


def test_a_first_deployment_that_fails_leaves_nothing_but_the_table(template: Template) -> None:
    # The table is protected: CloudFormation could not delete it, and the rollback would fail.
    left = [name for name, one in template.ours.items() if one.get("DeletionPolicy") == "Retain"]

    assert left == ["RecordsTable"]


def test_nobody_deletes_the_records_by_mistake(template: Template) -> None:
    assert template.properties("RecordsTable")["DeletionProtectionEnabled"] is True


def test_no_other_queues_dead_letters_come_to_the_task_queue(template: Template) -> None:
    assert template.properties("TaskQueue")["RedriveAllowPolicy"] == {"redrivePermission": "denyAll"}
    # The stack's own dead letters still may come back: a redrive asks the dead-letter queue, not this one.
    assert "RedriveAllowPolicy" not in template.properties("DeadLetterQueue")


def test_a_topic_of_the_examples_is_encrypted(template: Template) -> None:
    if "NewsTopic" not in template.source["Resources"]:
        pytest.skip("the example was deleted")
    topic = template.source["Resources"]["NewsTopic"]["Properties"]

    assert topic["KmsMasterKeyId"] == "alias/aws/sns"


def test_nothing_has_a_fixed_name(template: Template) -> None:
    # A property called Name, or QueueName on a Queue, fixes the name of the thing itself.
    fixed = [
        f"{name}.{key}"
        for name, resource in template.ours.items()
        for key in resource.get("Properties", {})
        if key in {"Name", resource["Type"].rsplit("::", 1)[-1] + "Name"}
    ]

    assert fixed == []


def test_both_functions_are_built_from_one_source(template: Template) -> None:
    sources = [template.properties(function)["Code"] for function in FUNCTIONS]

    assert sources == [{"S3Bucket": "built", "S3Key": "src"}] * 2


def test_the_consumer_reserves_no_concurrency(template: Template) -> None:
    # New accounts have too little of it, and refuse.
    assert "ReservedConcurrentExecutions" not in template.properties("ConsumerFunction")


@pytest.mark.parametrize(
    ("function", "group"), [(name, name.replace("Function", "LogGroup")) for name in FUNCTIONS]
)
def test_a_function_logs_json_to_a_group_of_its_own(template: Template, function: str, group: str) -> None:
    assert template.properties(function)["LoggingConfig"] == {
        "LogFormat": "JSON",
        "ApplicationLogLevel": "INFO",
        "SystemLogLevel": "WARN",
        "LogGroup": {"Ref": group},
    }


def test_the_template_fits_every_partition_and_region(template: Template) -> None:
    code = [
        line.split(" #")[0]
        for line in without_yours(template.text).splitlines()
        if not line.strip().startswith("#")
    ]

    assert [line for line in code if re.search(r"arn:aws|[a-z]{2}-[a-z]+-\d|\b\d{12}\b", line)] == []
    # In the name of a service that may do something, amazonaws.com is right everywhere.
    named = ("Principal: {Service:", "iam:PassedToService")
    assert [line for line in code if "amazonaws.com" in line and not any(one in line for one in named)] == []
