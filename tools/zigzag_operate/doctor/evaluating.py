"""Reads policies: whose statements are there, do they cover a call, for which records, and for whom?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any

from zigzag_operate.doctor.facts import QUEUE_POLICY, Facts, Resource, as_text, listed, statements

JUDGED = {
    "dynamodb:LeadingKeys",
    "aws:ResourceAccount",
    "kms:ViaService",
    "iam:PassedToService",
    "aws:SecureTransport",
}
"""The keys of conditions that a statement may have, and still give what Zigzag's calls need."""


def covers(statement: Mapping[str, Any], action: str, arn: str) -> bool:
    """Returns whether the statement is about the action on that ARN, whatever its effect and conditions."""
    does = matches(statement["Action"], action.lower()) or (
        bool(statement["NotAction"]) and not matches(statement["NotAction"], action.lower())
    )
    on = [str(one) for one in statement["Resource"]]
    return does and (any(fnmatchcase(arn, one) for one in on) or bool(statement["NotResource"]))


def matches(patterns: list[Any], action: str) -> bool:
    """Returns whether one of the patterns is for the action, which is in small letters."""
    return any(fnmatchcase(action, str(one).lower()) for one in patterns)


def keys_fit(statement: Mapping[str, Any], key: str) -> bool:
    """Returns whether the statement is for records whose keys begin so."""
    patterns: list[str] = []
    for operator, conditions in statement["Condition"].items():
        values = [as_text(one) for one in listed(conditions.get("dynamodb:LeadingKeys"))]
        if operator != "Null":
            patterns += values
        elif "true" in values:  # it is for calls without a key, and each of Zigzag's has one
            return False
    return not patterns or any(fnmatchcase(f"{key}x", one) for one in patterns)


def is_judged(statement: Mapping[str, Any]) -> bool:
    """Returns whether its conditions are known to hold for Zigzag's own calls."""
    return all(name in JUDGED for one in statement["Condition"].values() for name in one)


def condition_values(statement: Mapping[str, Any], key: str) -> list[str]:
    """Returns the values that its conditions have for this key, whatever their operators."""
    return [as_text(each) for one in statement["Condition"].values() for each in listed(one.get(key))]


def services(statement: Mapping[str, Any]) -> list[str]:
    """Returns the services among its principals."""
    principal = statement.get("Principal")
    return [str(one) for one in listed(principal.get("Service"))] if isinstance(principal, Mapping) else []


def trusts(role: Resource, service: str) -> bool:
    """Returns whether the service may take the role."""
    return any(
        one.get("Effect") == "Allow" and matches(one["Action"], "sts:assumerole") and service in services(one)
        for one in statements(role.get("AssumeRolePolicyDocument"))
    )


def own_statements(one: Resource) -> Iterator[Mapping[str, Any]]:
    """Yields the statements of a role's own policies, or of a policy."""
    held = [each.get("PolicyDocument") for each in listed(one.get("Policies"))]
    for document in held or [one.get("PolicyDocument")]:
        yield from statements(document)


def policies_of(facts: Facts, queue: Resource) -> list[Resource]:
    """Returns the policies of a queue."""
    return [one for one in facts.of_type(QUEUE_POLICY) if queue.ref in listed(one.get("Queues"))]


def allowing_sends(facts: Facts, queue: Resource) -> Iterator[Mapping[str, Any]]:
    """Yields the statements that let somebody send to the queue."""
    for policy in policies_of(facts, queue):
        for one in own_statements(policy):
            if one.get("Effect") == "Allow" and covers(one, "sqs:SendMessage", queue.arn):
                yield one


def is_anybody(principal: Any) -> bool:
    return principal == "*" or (isinstance(principal, Mapping) and "*" in listed(principal.get("AWS")))
