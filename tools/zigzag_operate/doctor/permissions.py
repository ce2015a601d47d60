"""The rules about permissions: has each role what it needs, and no more? Do the queues let it in?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from zigzag_operate.doctor.facts import (
    POLICIES,
    ROLE,
    Facts,
    Resource,
    Unknown,
    listed,
    statements,
)
from zigzag_operate.doctor.finding import Found, NotKnown, wrong

JUDGED = {
    "dynamodb:LeadingKeys",
    "aws:ResourceAccount",
    "kms:ViaService",
    "iam:PassedToService",
    "aws:SecureTransport",
}
"""The keys of conditions that a statement may have, and still give what Zigzag's calls need."""


class Need(NamedTuple):
    """A permission that a role must have: actions on one resource, and the beginning of a record's key."""

    actions: tuple[str, ...]
    on: Resource | str
    key: str = ""
    hazard: str = "H20"


def judge_permissions(facts: Facts) -> Found:
    """Judges what both roles may do."""
    for function, needs in (("ConsumerFunction", _of_consumer(facts)), ("WorkerFunction", _of_worker(facts))):
        for one in facts.some(function):
            if isinstance(one.properties, Unknown):
                yield NotKnown(one.id, one.properties.needs)
                continue
            if one.get("Role") is None:
                change = f"set Role: !GetAtt {function.replace('Function', 'Role')}.Arn"
                yield wrong("H20", one, "Role", "SAM makes a role for it that may do nothing here", change)
                continue
            role = facts.by_value(one.get("Role"))
            if role is None or role.type != ROLE:
                yield NotKnown(f"{function}.Role", "a role of this template")
                continue
            expected = function.replace("Function", "Role")
            if role.id in ("ConsumerRole", "WorkerRole") and role.id != expected:
                yield wrong(
                    "H41",
                    one,
                    "Role",
                    f"its role is {role.id}, the other function's",
                    f"set Role: !GetAtt {expected}.Arn",
                )
            yield from _missing(facts, role, needs)


def _of_consumer(facts: Facts) -> Iterator[Need]:
    for queue in facts.queues:
        yield Need(
            (
                "sqs:ReceiveMessage",
                "sqs:GetQueueAttributes",
                "sqs:ChangeMessageVisibility",
                "sqs:DeleteMessage",
            ),
            queue,
        )
    for letters in facts.letters:
        yield Need(("sqs:SendMessage",), letters, hazard="H46")
    workers = [one for one in facts.workers if one.id == "WorkerFunction" or one.ref in _routed(facts)]
    for worker in workers:
        yield Need(("lambda:InvokeFunction",), worker, hazard="H2")
    for table in facts.some("RecordsTable"):
        if facts.is_set("FlowControl"):
            yield Need(("dynamodb:BatchGetItem", "dynamodb:UpdateItem"), table, "gate#", "H102")
        if facts.parameters.get("MaxConsumers", "1") != "1":
            yield Need(("dynamodb:UpdateItem",), table, "consumer#", "H162")
            for consumer in facts.some("ConsumerFunction"):
                yield Need(("lambda:InvokeFunction",), consumer, hazard="H162")
    yield from _of_both(facts, "ConsumerLogGroup")


def _of_worker(facts: Facts) -> Iterator[Need]:
    receives = ("sqs:ReceiveMessage", "sqs:GetQueueAttributes") if facts.by_events else ()
    for queue in facts.queues:
        yield Need(("sqs:DeleteMessage", "sqs:ChangeMessageVisibility", *receives), queue, hazard="H12")
        yield Need(("sqs:SendMessage",), queue, hazard="H195")
    for letters in facts.letters:
        yield Need(("sqs:SendMessage",), letters, hazard="H46")
    for table in facts.some("RecordsTable"):
        kinds = ["starts#", "run#", "redrive#", *(["gate#"] if facts.is_set("FlowControl") else [])]
        for kind in [*kinds, *(["notice#"] if facts.some("FailureTopic") else [])]:
            yield Need(("dynamodb:UpdateItem",), table, kind, "H80")
    for bucket in facts.some("LargeBucket"):
        yield Need(("s3:ListBucket",), bucket, hazard="H177")
        yield Need(("s3:GetObject", "s3:PutObject"), f"{bucket.arn}/*", hazard="H177")
    for topic in facts.some("FailureTopic"):
        yield Need(("sns:Publish",), topic, hazard="H173")
    for topic in facts.some("TasksTopic"):
        yield Need(("sns:Publish",), topic, hazard="H176")
    for role, group in zip(facts.some("SchedulerRole"), facts.some("SchedulerGroup"), strict=False):
        yield Need(("iam:PassRole",), role, hazard="H166")
        place = ":".join(facts.queues[0].arn.split(":")[3:5]) if facts.queues else ""
        schedules = f"arn:aws:scheduler:{place}:schedule/{group.ref}/x"
        yield Need(("scheduler:CreateSchedule",), schedules, hazard="H166")
    for arn in filter(None, facts.parameters.get("ReplyTo", "").split(",")):
        yield Need(("sns:Publish" if ":sns:" in arn else "sqs:SendMessage",), arn, hazard="H195")
    yield from _of_both(facts, "WorkerLogGroup")


def _of_both(facts: Facts, group: str) -> Iterator[Need]:
    for logs in facts.some(group):
        yield Need(("logs:CreateLogStream", "logs:PutLogEvents"), logs, hazard="H73")
    if facts.has_key:
        yield Need(("kms:Decrypt", "kms:GenerateDataKey"), facts.parameters["KmsKeyArn"])


def _routed(facts: Facts) -> str:
    return " ".join(str(one.get("Environment.Variables.ZIGZAG_QUEUE_WORKERS")) for one in facts.functions)


def _missing(facts: Facts, role: Resource, needs: Iterable[Need]) -> Found:
    if isinstance(role.properties, Unknown):
        yield NotKnown(role.id, role.properties.needs)
        return
    if role.get("PermissionsBoundary"):
        yield NotKnown(
            f"{role.id}.PermissionsBoundary", "a look at the boundary: what it forbids is not seen here"
        )
    allowed, seen = list(_statements(facts, role)), True
    for policy in _attached(facts, role):
        if isinstance(policy.properties, Unknown):
            seen = False
            yield NotKnown(policy.id, policy.properties.needs)
    for need in needs:
        if isinstance(need.on, Resource) and isinstance(need.on.properties, Unknown):
            continue
        arn, name = (need.on, need.on) if isinstance(need.on, str) else (need.on.arn, need.on.id)
        lacking = [one for one in need.actions if not _may(allowed, one, arn, need.key)]
        if lacking and seen:
            of = f" for records {need.key}…" if need.key else ""
            yield wrong(
                need.hazard,
                role,
                "Policies",
                f"it may not {' and '.join(lacking)} on {name}{of}",
                f"allow {', '.join(lacking)} on {name} again",
            )


def _statements(facts: Facts, role: Resource) -> Iterator[Mapping[str, Any]]:
    for policy in listed(role.get("Policies")):
        yield from statements(policy.get("PolicyDocument"))
    for attached in _attached(facts, role):
        yield from statements(attached.get("PolicyDocument"))


def _attached(facts: Facts, role: Resource) -> list[Resource]:
    arns = [str(one) for one in listed(role.get("ManagedPolicyArns"))]
    return [
        one
        for one in facts.of_type(*POLICIES)
        if isinstance(one.properties, Unknown) or role.ref in listed(one.get("Roles")) or one.ref in arns
    ]


def _may(allowed: list[Mapping[str, Any]], action: str, arn: str, key: str) -> bool:
    fitting = [one for one in allowed if covers(one, action, arn)]
    if any(one.get("Effect") == "Deny" and _keys_fit(one, key) for one in fitting):
        return False
    return any(one.get("Effect") == "Allow" and _keys_fit(one, key) and _is_judged(one) for one in fitting)


def covers(statement: Mapping[str, Any], action: str, arn: str) -> bool:
    does = _matches(statement["Action"], action.lower()) or (
        bool(statement["NotAction"]) and not _matches(statement["NotAction"], action.lower())
    )
    on = [str(one) for one in statement["Resource"]]
    return does and (any(fnmatchcase(arn, one) for one in on) or bool(statement["NotResource"]))


def _matches(patterns: list[Any], action: str) -> bool:
    return any(fnmatchcase(action, str(one).lower()) for one in patterns)


def _keys_fit(statement: Mapping[str, Any], key: str) -> bool:
    patterns = [
        str(pattern)
        for conditions in (statement.get("Condition") or {}).values()
        for name, values in conditions.items()
        if name == "dynamodb:LeadingKeys"
        for pattern in listed(values)
        if pattern not in ("false", False)
    ]
    return not patterns or any(fnmatchcase(f"{key}x", one) for one in patterns)


def _is_judged(statement: Mapping[str, Any]) -> bool:
    return all(name in JUDGED for one in (statement.get("Condition") or {}).values() for name in one)


def trusts(role: Resource, service: str) -> bool:
    """Returns whether the service may take the role."""
    return any(
        one.get("Effect") == "Allow"
        and _matches(one["Action"], "sts:assumerole")
        and isinstance(one.get("Principal"), Mapping)
        and service in listed(one["Principal"].get("Service"))
        for one in statements(role.get("AssumeRolePolicyDocument"))
    )


def is_anybody(principal: Any) -> bool:
    return principal == "*" or (isinstance(principal, Mapping) and "*" in listed(principal.get("AWS")))
