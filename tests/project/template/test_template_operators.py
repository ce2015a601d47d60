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

SERVICES = "cloudformation", "cloudwatch", "dynamodb", "events", "lambda", "logs", "scheduler", "sqs"

HIDES = {"sqs:ReceiveMessage", "sqs:ChangeMessageVisibility"}
"""They hide messages while these are shown: there is no other way to see one."""

KNOW_NO_RESOURCE = {
    *("cloudwatch:DescribeAlarms", "cloudwatch:GetMetricData", "cloudwatch:GetMetricStatistics"),
    *("events:ListRules", "lambda:GetAccountSettings", "lambda:ListEventSourceMappings"),
    *("scheduler:ListSchedules", "sqs:ListQueues"),
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


def called() -> set[str]:
    """Returns the actions of all calls by boto3 in the operators' layer."""
    session, known = botocore.session.get_session(), dict[str, set[str]]()
    for service in SERVICES:
        for operation in session.get_service_model(service).operation_names:
            action = {"Invoke": "InvokeFunction"}.get(operation, operation.removesuffix("Batch"))
            known.setdefault(xform_name(operation), set()).add(f"{service}:{action}")
    found = set[str]()
    for module in TOOLS:
        if module.package == "zigzag_operate":
            for node in ast.walk(module.tree):
                name = getattr(node, "attr", None) or getattr(node, "value", None)
                if isinstance(name, str) and isinstance(node, ast.Attribute | ast.Constant):
                    found |= known.get(name, set())
    return found


def test_each_call_of_a_command_is_allowed(template: Template) -> None:
    found = called()

    assert {"sqs:ReceiveMessage", "lambda:InvokeFunction", "cloudwatch:GetMetricStatistics"} <= found
    assert found - actions(template, LOOK) - actions(template, CHANGE) == set()


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
