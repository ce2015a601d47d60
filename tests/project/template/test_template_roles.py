"""Does each function have exactly the permissions that its code uses, on exactly the resources it uses?

`make test-all` proves the other half: with any one of them removed, the end-to-end test fails.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Literal

import pytest
from tests.project.template.reading import Template, arn, statements

from shared.ports.records import record_key

LOG = {"logs:CreateLogStream", "logs:PutLogEvents"}

WANTED = {
    "ConsumerRole": {
        "TaskQueue": {
            "sqs:ReceiveMessage",
            "sqs:GetQueueAttributes",
            "sqs:ChangeMessageVisibility",
            "sqs:DeleteMessage",
        },
        "DeadLetterQueue": {"sqs:SendMessage"},
        "WorkerFunction": {"lambda:InvokeFunction"},
        "ConsumerLogGroup": LOG,
    },
    "WorkerRole": {
        "TaskQueue": {"sqs:DeleteMessage", "sqs:ChangeMessageVisibility"},
        "DeadLetterQueue": {"sqs:SendMessage"},
        "RecordsTable": {"dynamodb:UpdateItem"},
        "WorkerLogGroup": LOG,
    },
}

FLOW_CONTROL = {
    "ConsumerRole": {"RecordsTable": {"dynamodb:BatchGetItem", "dynamodb:UpdateItem"}},
    "WorkerRole": {},
}
"""Actions that are allowed as well, with the parameter."""


@pytest.mark.parametrize("queues", [(), (2,), (2, 3, 4, 5)], ids=str)
@pytest.mark.parametrize("flow_control", ["false", "true"])
@pytest.mark.parametrize("role", WANTED)
def test_a_role_allows_exactly_what_its_function_calls(
    template: Template, role: str, flow_control: str, queues: Sequence[int]
) -> None:
    # Given a stack with so many more queues, of which the second one is FIFO
    given = {f"Queue{number}": f"queue{number}" for number in queues} | {"Queue2Fifo": "true"}

    # When what the role allows is collected by resource
    allowed = defaultdict(set)
    for policy in template.decided(template.properties(role)["Policies"], FlowControl=flow_control, **given):
        for statement in statements(policy["PolicyDocument"]):
            assert statement["Effect"] == "Allow"
            for resource in statement["Resource"]:
                # Then each resource is named by its ARN, and no string could hide a `*`
                assert set(resource) == {"Fn::GetAtt"}, (
                    f"{role} must name a resource of the stack, not {resource}"
                )
                name, attribute = resource["Fn::GetAtt"]
                assert attribute == "Arn"
                allowed[name].update(statement["Action"])

    more = {f"TaskQueue{number}": WANTED[role]["TaskQueue"] for number in queues}
    if 2 in queues:
        more["OtherDeadLetterQueue"] = WANTED[role]["DeadLetterQueue"]
    assert dict(allowed) == WANTED[role] | more | (FLOW_CONTROL[role] if flow_control == "true" else {})


def test_the_consumer_may_touch_gates_and_nothing_else_of_the_table(template: Template) -> None:
    # When what the consumer may do to the table is collected
    (policy,) = template.decided(template.properties("ConsumerRole")["Policies"], FlowControl="true")
    found = [one for one in statements(policy["PolicyDocument"]) if arn("RecordsTable") in one["Resource"]]

    # Then every key must begin as a gate's does, and there must be one: a call without any would pass else
    (kind, _, _) = record_key("gate", "x").partition("x")
    assert [one["Condition"] for one in found] == [
        {
            "ForAllValues:StringLike": {"dynamodb:LeadingKeys": [f"{kind}*"]},
            "Null": {"dynamodb:LeadingKeys": "false"},
        }
    ]


@pytest.mark.parametrize(
    ("flow_control", "kinds"),
    [("false", ("starts", "run", "redrive")), ("true", ("starts", "run", "redrive", "gate"))],
)
def test_the_worker_may_touch_a_gate_only_where_the_flow_is_controlled(
    template: Template, flow_control: str, kinds: tuple[Literal["starts", "run", "redrive", "gate"], ...]
) -> None:
    (policy,) = template.decided(template.properties("WorkerRole")["Policies"], FlowControl=flow_control)
    (found,) = [one for one in statements(policy["PolicyDocument"]) if arn("RecordsTable") in one["Resource"]]

    begins = [record_key(kind, "x").partition("x")[0] for kind in kinds]
    assert found["Condition"] == {
        "ForAllValues:StringLike": {"dynamodb:LeadingKeys": [f"{begin}*" for begin in begins]},
        "Null": {"dynamodb:LeadingKeys": "false"},
    }


@pytest.mark.parametrize("role", WANTED)
def test_a_role_is_for_lambda_only(template: Template, role: str) -> None:
    trust = template.properties(role)["AssumeRolePolicyDocument"]["Statement"]

    assert [(statement["Principal"], statement["Action"]) for statement in trust] == [
        ({"Service": "lambda.amazonaws.com"}, "sts:AssumeRole")
    ]


@pytest.mark.parametrize("role", WANTED)
def test_a_role_has_no_policy_of_aws(template: Template, role: str) -> None:
    # They carry a `*`.
    assert "ManagedPolicyArns" not in template.properties(role)


def test_only_a_stack_with_more_consumers_lets_the_consumer_start_any(template: Template) -> None:
    policy = template.ours["StartConsumersPolicy"]

    started = {
        number: template.holds(policy["Condition"], MaxConsumers=number) for number in ("1", "2", "10")
    }
    assert started == {"1": False, "2": True, "10": True}
    assert policy["Properties"]["Roles"] == [{"Ref": "ConsumerRole"}]


def test_which_may_invoke_itself_and_touch_the_consumers_numbers_only(template: Template) -> None:
    invoke, number = statements(template.properties("StartConsumersPolicy")["PolicyDocument"])

    assert (invoke["Action"], invoke["Resource"]) == (["lambda:InvokeFunction"], [arn("ConsumerFunction")])
    assert (number["Action"], number["Resource"]) == (["dynamodb:UpdateItem"], [arn("RecordsTable")])
    (kind, _, _) = record_key("consumer", "2").partition("2")
    assert number["Condition"] == {
        "ForAllValues:StringLike": {"dynamodb:LeadingKeys": [f"{kind}*"]},
        "Null": {"dynamodb:LeadingKeys": "false"},
    }


def test_sam_makes_no_role_and_no_policy_of_its_own(template: Template) -> None:
    made = {name for name, resource in template.ours.items() if resource["Type"].startswith("AWS::IAM::")}

    optional = {"UseKeyPolicy", "NotifyPolicy", "SchedulerRole", "SendLaterPolicy", "ReplyPolicy"}
    optional |= {"OperatorLookPolicy", "OperatorChangePolicy", "ServerPolicy"}
    assert made == {*WANTED, "TasksPolicy", "StartConsumersPolicy", *optional}


def test_traces_are_made_and_may_be_sent_only_if_they_are_asked_for(template: Template) -> None:
    asked = {"": "PassThrough", "true": "Active"}
    for tracing, mode in asked.items():
        for function, role in (("ConsumerFunction", "ConsumerRole"), ("WorkerFunction", "WorkerRole")):
            config = template.properties(function)["TracingConfig"]
            document = template.decided(template.properties(role)["Policies"], Tracing=tracing)[0]
            sent = [one for one in statements(document["PolicyDocument"]) if one["Sid"] == "SendTraces"]

            assert template.decided(config, Tracing=tracing) == {"Mode": mode}
            assert [one["Action"] for one in sent] == (
                [["xray:PutTelemetryRecords", "xray:PutTraceSegments"]] if tracing else []
            )


@pytest.mark.parametrize("flow_control", ["false", "true"])
def test_a_server_may_do_what_the_worker_may_but_for_its_queues_and_its_log(
    template: Template, flow_control: str
) -> None:
    given = {"Servers": "true", "FlowControl": flow_control, "LargePayloads": "true"}
    given |= {"Queue2": "orders", "Queue2Fifo": "true"}

    def by_sid(holder: str) -> dict[str, Any]:
        found = template.decided(template.properties(holder), **given)
        document = (
            found["PolicyDocument"] if "PolicyDocument" in found else found["Policies"][0]["PolicyDocument"]
        )
        return {one["Sid"]: one for one in statements(document)}

    worker, consumer, server = by_sid("WorkerRole"), by_sid("ConsumerRole"), by_sid("ServerPolicy")
    gates = (
        {"Gates": {**consumer["Gates"], "Action": ["dynamodb:BatchGetItem"]}} if "Gates" in consumer else {}
    )
    assert server == {name: one for name, one in worker.items() if name not in ("Settle", "Log")} | gates
    assert ("Gates" in server) == (flow_control == "true")


def test_nobody_has_the_servers_policy_unasked(template: Template) -> None:
    policy = template.ours["ServerPolicy"]

    assert not template.holds(policy["Condition"])
    assert not {"Roles", "Users", "Groups"} & policy["Properties"].keys()


def test_the_worker_may_reply_to_what_the_parameter_names_and_without_it_to_nobody(
    template: Template,
) -> None:
    policy = template.ours["ReplyPolicy"]

    named = {arns: template.holds(policy["Condition"], ReplyTo=arns) for arns in ("", "arn:1,arn:2")}
    assert named == {"": False, "arn:1,arn:2": True}
    assert policy["Properties"]["Roles"] == [{"Ref": "WorkerRole"}]
    (reply,) = statements(policy["Properties"]["PolicyDocument"])
    assert reply["Action"] == ["sqs:SendMessage", "sns:Publish"]
    assert reply["Resource"] == [{"Fn::Split": [",", {"Ref": "ReplyTo"}]}]


def test_a_task_may_send_tasks_and_by_itself_nothing_more(ours: Template) -> None:
    # Given that no statement of the user's is left
    policy = ours.properties("TasksPolicy")

    # Then the policy is not empty, which IAM would refuse
    document = ours.decided(policy["PolicyDocument"])
    assert [(one["Effect"], one["Action"], one["Resource"]) for one in statements(document)] == [
        ("Allow", ["sqs:SendMessage"], [arn("TaskQueue")])
    ]


def test_a_task_may_send_to_every_queue_of_the_stack(ours: Template) -> None:
    document = ours.decided(ours.properties("TasksPolicy")["PolicyDocument"], Queue3="bulk")

    (statement,) = statements(document)
    assert statement["Resource"] == [arn("TaskQueue"), arn("TaskQueue3")]


def test_the_consumer_may_be_invoked_by_its_own_rule_only(template: Template) -> None:
    permissions = [
        resource["Properties"] for resource in template.of_type("AWS::Lambda::Permission").values()
    ]

    assert permissions == [
        {
            "Action": "lambda:InvokeFunction",
            "FunctionName": {"Ref": "ConsumerFunction"},
            "Principal": "events.amazonaws.com",
            "SourceArn": arn("ConsumerFunctionTick"),
        }
    ]


def test_every_role_has_the_permissions_boundary_if_there_is_one(ours: Template) -> None:
    roles = ours.of_type("AWS::IAM::Role")
    given = "arn:aws:iam::123456789012:policy/developers"

    assert {*WANTED, "SchedulerRole"} <= set(roles)
    for role in roles.values():
        with_one = ours.decided(role["Properties"], PermissionsBoundary=given)
        assert with_one["PermissionsBoundary"] == {"Ref": "PermissionsBoundary"}
        assert "PermissionsBoundary" not in ours.decided(role["Properties"])
