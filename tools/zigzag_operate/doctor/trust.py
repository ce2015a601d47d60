"""The rules about roles that allow too much, or that others may take, and about who may invoke."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from zigzag_operate.doctor.evaluating import is_anybody, own_statements, trusts
from zigzag_operate.doctor.facts import POLICIES, ROLE, Facts, Unknown, listed, statements
from zigzag_operate.doctor.finding import Found, wrong

BROAD = ("AdministratorAccess", "PowerUserAccess", "AmazonSQSFullAccess", "AmazonDynamoDBFullAccess")


def judge_trust(facts: Facts) -> Found:
    """Judges who may take the functions' roles: Lambda, and nobody else."""
    for role in facts.some("ConsumerRole", "WorkerRole"):
        allowed = [
            one.get("Principal")
            for one in statements(role.get("AssumeRolePolicyDocument"))
            if one.get("Effect") == "Allow"
        ]
        at = "AssumeRolePolicyDocument"
        name = "let Principal: {Service: lambda.amazonaws.com} assume it, and nobody else"
        if not isinstance(role.properties, Unknown) and not trusts(role, "lambda.amazonaws.com"):
            yield wrong("H20", role, at, "Lambda may not take this role", name)
        if any(map(is_anybody, allowed)):
            yield wrong("H41", role, at, "everybody may take this role", name)


def judge_who_may_invoke(facts: Facts) -> Found:
    """Judges whether anybody else may invoke a function: by a URL, or by a permission for everybody."""
    for one in facts.functions:
        if isinstance(one.get("FunctionUrlConfig"), Mapping):
            said = "a URL starts it with what is no message of the stack's queues"
            yield wrong("H247", one, "FunctionUrlConfig", said, "take FunctionUrlConfig away")
    functions = {name: one.id for one in facts.functions for name in (one.ref, one.arn)}
    for one in facts.of_type("AWS::Lambda::Permission", "AWS::Lambda::Url"):
        function = functions.get(str(one.get("FunctionName") or one.get("TargetFunctionArn")))
        is_bounded = any(one.get(name) for name in ("PrincipalOrgID", "SourceAccount", "SourceArn"))
        if function and (one.get("AuthType") or one.get("Principal") == "*") and not is_bounded:
            said = f"it lets others invoke {function}, with any task"
            yield wrong("H247", one, "", said, f"take {one.id} away, or name who may in its Principal")
    for policy in facts.some("TasksTopicPolicy"):
        for each in own_statements(policy):
            is_bounded = bool(each["Condition"]) or each.get("Effect") != "Allow"
            if is_anybody(each.get("Principal")) and not is_bounded:
                said, change = "everybody may publish tasks", "name who may publish, or add a condition"
                yield wrong("H247", policy, "PolicyDocument", said, change, each["Line"])


def judge_broad(facts: Facts) -> Found:
    """Judges whether a role of Zigzag's, or a policy of such a role, allows more than it needs."""
    own = facts.some("ConsumerRole", "WorkerRole", "SchedulerRole")
    refs = {role.ref for role in own}
    policies = [one for one in facts.of_type(*POLICIES) if refs & set(map(str, listed(one.get("Roles"))))]
    for one in [*own, *policies]:
        path = "Policies" if one in own else "PolicyDocument"
        for statement in own_statements(one):
            if said := _too_much(statement, is_role=one in own):
                change = "name the actions that are needed, and the resources of this stack"
                said = f"it allows {said}: its code could delete a queue"
                yield wrong("H41", one, path, said, change, statement["Line"])
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
    wide = [one for one in statement["Action"] if not str(one).startswith("xray:Put")]  # know no resource
    return f"{wide[0]} on every resource" if wide and everywhere and is_role else ""


def judge_records(facts: Facts) -> Found:
    """Judges whether each statement of Zigzag's names the records that it is for."""
    named = ("ConsumerRole", "WorkerRole", "StartConsumersPolicy", "NotifyPolicy")
    tables = {table.arn for table in facts.some("RecordsTable")}
    for one in facts.some(*named):
        path = "Policies" if one.type == ROLE else "PolicyDocument"
        for statement in own_statements(one):
            keys = [key for each in statement["Condition"].values() for key in each]
            if tables & set(map(str, statement["Resource"])) and keys.count("dynamodb:LeadingKeys") < 2:
                said = "without both conditions on dynamodb:LeadingKeys it may write each gate and record"
                change = "add the conditions again, as Zigzag's template.yaml has them"
                yield wrong("H103", one, path, said, change, statement["Line"])
