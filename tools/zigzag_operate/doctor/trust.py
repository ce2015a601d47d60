"""The rules about roles that allow too much, or that others may take."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from zigzag_operate.doctor.facts import POLICIES, Facts, Unknown, listed, statements
from zigzag_operate.doctor.finding import Found, wrong
from zigzag_operate.doctor.permissions import is_anybody

BROAD = ("AdministratorAccess", "PowerUserAccess", "AmazonSQSFullAccess", "AmazonDynamoDBFullAccess")


def judge_trust(facts: Facts) -> Found:
    """Judges who may take the functions' roles: Lambda, and nobody else."""
    for role in facts.some("ConsumerRole", "WorkerRole"):
        allowed = [
            one.get("Principal")
            for one in statements(role.get("AssumeRolePolicyDocument"))
            if one.get("Effect") == "Allow"
        ]
        services = [
            each for one in allowed if isinstance(one, Mapping) for each in listed(one.get("Service"))
        ]
        at = "AssumeRolePolicyDocument"
        name = "let Principal: {Service: lambda.amazonaws.com} assume it, and nobody else"
        if not isinstance(role.properties, Unknown) and "lambda.amazonaws.com" not in services:
            yield wrong("H20", role, at, "Lambda may not take this role", name)
        if any(map(is_anybody, allowed)):
            yield wrong("H41", role, at, "everybody may take this role", name)


def judge_broad(facts: Facts) -> Found:
    """Judges whether a role of Zigzag's, or a policy of such a role, allows more than it needs."""
    own = facts.some("ConsumerRole", "WorkerRole", "SchedulerRole")
    refs = {role.ref for role in own}
    policies = [one for one in facts.of_type(*POLICIES) if refs & set(map(str, listed(one.get("Roles"))))]
    for one in [*own, *policies]:
        path = "Policies" if one in own else "PolicyDocument"
        held = [each.get("PolicyDocument") for each in listed(one.get("Policies"))]
        for document in held or [one.get("PolicyDocument")]:
            for statement in statements(document):
                if said := _too_much(statement, is_role=one in own):
                    change = "name the actions that are needed, and the resources of this stack"
                    yield wrong("H41", one, path, f"it allows {said}: its code could delete a queue", change)
        for arn in listed(one.get("ManagedPolicyArns")):
            if str(arn).endswith(BROAD):
                change = "take it away, and name the actions that are needed"
                yield wrong("H41", one, "ManagedPolicyArns", f"it has {arn}", change)


def _too_much(statement: Mapping[str, Any], *, is_role: bool) -> str:
    """Returns what a statement allows too much. Some actions of tasks know no resource."""
    if statement.get("Effect") != "Allow":
        return ""
    if statement["NotAction"]:
        return "all actions but some"
    stars = [one for one in map(str, statement["Action"]) if one == "*" or one.endswith(":*")]
    everywhere = "*" in statement["Resource"] or bool(statement["NotResource"])
    if stars and (everywhere or is_role or "*" in stars):
        return stars[0]
    return f"{statement['Action'][0]} on every resource" if everywhere and is_role else ""
