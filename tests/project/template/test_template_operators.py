"""May an operator do what the commands do, on this stack alone, and change nothing by the policy to look?"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Any

import botocore.session
import pytest
from botocore import xform_name
from tests.project.architecture.modules import TOOLS
from tests.project.docs.pages import read
from tests.project.template.reading import Template, statements

LOOK, CHANGE = "OperatorLookPolicy", "OperatorChangePolicy"
ALL = {"OperatorPolicies": "true", "Scheduler": "true", "LargePayloads": "true", "KmsKeyArn": "arn:aws:kms:k"}
ALL |= {"Queue2": "urgent", "Queue2Fifo": "true"}
ACTION = re.compile(r"`([a-z0-9]+:[A-Z]\w+)`")

SERVICES = (
    *("cloudformation", "cloudwatch", "dynamodb", "ec2", "events", "iam", "kms", "lambda", "logs"),
    *("s3", "scheduler", "sns", "sqs"),
)

HIDES = {"sqs:ReceiveMessage", "sqs:ChangeMessageVisibility"}
"""They hide messages while these are shown: there is no other way to see one."""

KNOW_NO_RESOURCE = {
    *("cloudwatch:DescribeAlarms", "cloudwatch:GetMetricData"),
    *("ec2:DescribeRouteTables", "ec2:DescribeSubnets", "ec2:DescribeVpcEndpoints"),
    *("events:ListRuleNamesByTarget", "events:ListRules", "lambda:GetAccountSettings"),
    *("lambda:ListEventSourceMappings", "logs:DescribeLogGroups", "scheduler:ListSchedules"),
    *("sns:GetSubscriptionAttributes", "sqs:ListQueues"),
}


def allowed(template: Template, policy: str, **given: str) -> Iterator[tuple[str, Any]]:
    """Yields each action of a policy with one of its resources."""
    document = template.decided(template.properties(policy)["PolicyDocument"], **given)
    for statement in statements(document):
        assert statement["Effect"] == "Allow"
        for action in statement["Action"]:
            for resource in statement["Resource"]:
                yield action, resource


def actions(template: Template, policy: str) -> set[str]:
    return {action for action, _ in allowed(template, policy, **ALL) if not action.startswith("kms:")}


def page() -> Iterator[tuple[set[str], set[str]]]:
    """Yields of each line of the page's table what it needs to look, and to change."""
    table = read("docs/operate.md").partition("\n## Permissions\n")[2].partition("\n## ")[0]
    for line in table.splitlines():
        if line.startswith("| ") and ACTION.search(line):
            _, look, change = line.strip("|").split("|")
            yield set(ACTION.findall(look)), set(ACTION.findall(change))


def test_the_policies_allow_what_the_pages_table_says_and_no_more(template: Template) -> None:
    assert actions(template, LOOK) == set().union(*(look for look, _ in page()))
    assert actions(template, CHANGE) == set().union(*(change for _, change in page()))


def called() -> dict[str, set[str]]:
    """Returns all calls by boto3 in the operators' layer, each with the actions that it may be: two services
    may have an operation of one name."""
    session, known = botocore.session.get_session(), dict[str, set[str]]()
    renamed = {"Invoke": "InvokeFunction", "HeadObject": "GetObject", "CopyObject": "PutObject"}
    renamed |= {"GetBucketLifecycleConfiguration": "GetLifecycleConfiguration"}
    renamed |= {"ListObjectsV2": "ListBucket"}
    renamed |= {"GetPublicAccessBlock": "GetBucketPublicAccessBlock"}
    for service in SERVICES:
        for operation in session.get_service_model(service).operation_names:
            action = renamed.get(operation, operation.removesuffix("Batch"))
            known.setdefault(xform_name(operation), set()).add(f"{service}:{action}")
    names = {
        getattr(node, "attr", None) or getattr(node, "value", None)
        for module in TOOLS
        if module.package == "zigzag_operate"
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Attribute | ast.Constant)
    }
    return {name: known[name] for name in names if isinstance(name, str) and name in known}


def test_each_call_of_a_command_is_allowed(template: Template) -> None:
    found = called()

    assert {"receive_message", "invoke", "get_metric_data", "get_role_policy"} <= found.keys()
    may = {action for policy in (LOOK, CHANGE) for action, _ in allowed(template, policy, **ALL)}
    assert {name: of for name, of in found.items() if not of & may} == {}


def test_who_looks_changes_nothing(template: Template) -> None:
    reads = re.compile(r"\w+:(Describe|Get|List|BatchGet|Filter)\w+")

    assert {one for one in actions(template, LOOK) if not reads.fullmatch(one)} == HIDES


@pytest.mark.parametrize("policy", [LOOK, CHANGE])
def test_only_this_stack_is_meant_and_nobody_gets_a_policy_unasked(template: Template, policy: str) -> None:
    resource = template.resources[policy]

    assert not template.holds(resource["Condition"])
    assert not {"Roles", "Users", "Groups"} & resource["Properties"].keys()
    everything = {action for action, of in allowed(template, policy, **ALL) if of == "*"}
    assert everything == (KNOW_NO_RESOURCE if policy == LOOK else set())


def test_what_cuts_a_long_name_of_the_stack_is_named_itself(template: Template) -> None:
    # CloudFormation keeps 25 characters of it in a role's or a rule's name, which has 64
    roles = [name for name, one in template.resources.items() if one["Type"] == "AWS::IAM::Role"]
    named = [
        of
        for action, of in allowed(template, LOOK, **ALL)
        if action in ("iam:GetRole", "events:DescribeRule")
    ]

    assert [
        one for one in [*roles, "ConsumerFunctionTick"] if {"Fn::GetAtt": [one, "Arn"]} not in named
    ] == []
