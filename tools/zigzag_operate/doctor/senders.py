"""The rules about others that send: may each that a parameter names, and may the scheduler?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from zigzag_operate.doctor.evaluating import (
    allowing_sends,
    condition_values,
    covers,
    own_statements,
    policies_of,
    trusts,
)
from zigzag_operate.doctor.facts import POLICIES, Facts, Resource, Unknown, listed, statements
from zigzag_operate.doctor.finding import Found, wrong
from zigzag_operate.doctor.starts import SCHEDULE

THROUGH = ("sqs", "dynamodb")
"""The services through which both functions use the key."""


def judge_senders(facts: Facts) -> Found:
    """Judges whether the queues let in those whom the parameters name."""
    for queue in facts.some("TaskQueue", "DeadLetterQueue"):
        policies, allowed = policies_of(facts, queue), list(allowing_sends(facts, queue))
        for parameter, principal, arn, hazard in _named(facts, queue):
            if policies and not any(_lets(one, principal, arn) for one in allowed):
                said = (
                    f"{queue.id} does not let {arn or principal} in, which {parameter} names: it is refused"
                )
                yield wrong(
                    hazard, policies[0], "PolicyDocument", said, f"add the statement of {parameter} again"
                )


def _named(facts: Facts, queue: Resource) -> Iterator[tuple[str, str, str, str]]:
    given = facts.parameters
    if given.get("TopicTasks", "none") != "none":
        topics = [one.ref for one in facts.some("TasksTopic")] or [given.get("Topic", "")]
        yield "TopicTasks", "sns.amazonaws.com", topics[0], "H176"
    services = {"SenderTopics": "sns", "SenderBuckets": "s3", "SenderRules": "events"}
    for parameter, service in services.items():
        both = parameter != "SenderBuckets" and not facts.is_fifo("")  # of which the letters go here, too
        for arn in _listed(given.get(parameter)) if queue.id == "TaskQueue" or both else ():
            yield parameter, f"{service}.amazonaws.com", arn, "H167"
    for account in _listed(given.get("SenderAccounts")) if queue.id == "TaskQueue" else ():
        yield "SenderAccounts", account, "", "H167"


def _listed(text: str | None) -> list[str]:
    return [] if text in (None, "none") else str(text).split(",")


def _lets(statement: Mapping[str, Any], principal: str, arn: str) -> bool:
    who = statement.get("Principal")
    named = listed(who.get("Service")) + listed(who.get("AWS")) if isinstance(who, Mapping) else [who]
    if principal not in map(str, named):
        return False
    sources = condition_values(statement, "aws:SourceArn")
    return not arn or not sources or arn in sources


def judge_scheduler(facts: Facts) -> Found:
    """Judges whether schedules may send, and their dead letters too."""
    for role in facts.some("SchedulerRole"):
        if isinstance(role.properties, Unknown):
            continue
        if not trusts(role, "scheduler.amazonaws.com"):
            said, change = "the Scheduler may not take this role", "let scheduler.amazonaws.com assume it"
            yield wrong("H166", role, "AssumeRolePolicyDocument", said, change)
        allowed = [one for one in own_statements(role) if one.get("Effect") == "Allow"]
        for queue in facts.queues:
            if not any(covers(one, "sqs:SendMessage", queue.arn) for one in allowed):
                said = f"it may not send to {queue.id}: a message for later is lost"
                yield wrong("H166", role, "Policies", said, f"allow sqs:SendMessage on {queue.id} again")


def judge_schedules(facts: Facts) -> Found:
    """Judges whether the Scheduler's role is for the schedules of the stack's group, and for no other."""
    for role, group in zip(facts.some("SchedulerRole"), facts.some("SchedulerGroup"), strict=False):
        for statement in statements(role.get("AssumeRolePolicyDocument")):
            sources = condition_values(statement, "aws:SourceArn")
            if not sources or not all(one == group.arn or one.endswith(f"/{group.ref}") for one in sources):
                said = "a schedule of another group may have this role, and send tasks by it"
                change = "set Condition: ArnEquals: aws:SourceArn: !GetAtt SchedulerGroup.Arn"
                yield wrong("H225", role, "AssumeRolePolicyDocument", said, change)
        for one in facts.of_type(SCHEDULE):
            if one.get("Target.RoleArn") == role.arn:
                yield from _schedule(facts, one, group)


def _schedule(facts: Facts, one: Resource, group: Resource) -> Found:
    """Judges a schedule that sends by the Scheduler's role."""
    if one.get("GroupName") != group.ref:
        said = "SchedulerRole is for the schedules of SchedulerGroup: it never sends, and is lost"
        yield wrong("H166", one, "GroupName", said, "set GroupName: !Ref SchedulerGroup")
    path = "Target.DeadLetterConfig"
    letters = facts.resources.get("OtherDeadLetterQueue" if facts.is_fifo("") else "DeadLetterQueue")
    change = f"set DeadLetterConfig: {{Arn: !GetAtt {letters.id if letters else 'DeadLetterQueue'}.Arn}}"
    if not (arn := one.get(f"{path}.Arn")):
        yield wrong("H166", one, path, "what it can't send for a day is lost, and nobody is told", change)
    elif str(arn).endswith(".fifo"):
        yield wrong("H166", one, path, "a FIFO queue takes no dead letter of the Scheduler's", change)
    if str(one.get("Target.Arn")).endswith(".fifo") and not one.get("Target.SqsParameters.MessageGroupId"):
        said = "a FIFO queue refuses a message without a group"
        yield wrong("H166", one, "Target", said, "set SqsParameters: {MessageGroupId: …} in its Target")


def judge_keys_of_the_scheduler(facts: Facts) -> Found:
    """Judges whether schedules may use the key."""
    for role, policy in zip(facts.some("SchedulerRole"), facts.some("UseKeyPolicy"), strict=False):
        if not facts.live and role.ref not in listed(policy.get("Roles")):
            said = "the Scheduler's role may not use the key: no schedule can send"
            yield wrong("H166", policy, "Roles", said, "add !Ref SchedulerRole to its Roles")


def judge_key_policy(facts: Facts) -> Found:
    """Judges through which services the functions may use the key."""
    for policy in facts.of_type(*POLICIES) if facts.has_key else ():
        for statement in own_statements(policy):
            through = condition_values(statement, "kms:ViaService")
            lacking = [one for one in THROUGH if not any(each.startswith(f"{one}.") for each in through)]
            if through and lacking:
                said = f"the key may not be used through {lacking[0]}: its calls are refused"
                yield wrong("H20", policy, "PolicyDocument", said, f"add {lacking[0]} to kms:ViaService")
