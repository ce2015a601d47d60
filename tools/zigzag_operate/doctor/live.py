"""Reads the facts of a deployed stack, by calls that only read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from zigzag_operate.doctor.calls import FAILURES, Calls, lacks
from zigzag_operate.doctor.deployed import READERS, policy
from zigzag_operate.doctor.facts import (
    ALARM,
    MAPPING,
    NAMES,
    POLICIES,
    QUEUE,
    QUEUE_POLICY,
    ROLE,
    RULE,
    SUBSCRIPTION,
    TOPIC,
    Facts,
    Resource,
    Unknown,
    listed,
)
from zigzag_operate.doctor.outside import around
from zigzag_operate.errors import OperateError
from zigzag_operate.target import Target

OF_SERVERS = "ServerPolicy"
"""The policy that no role of the stack has."""

SERVICES = (
    "cloudformation",
    "sqs",
    "lambda",
    "events",
    "dynamodb",
    "iam",
    "logs",
    "cloudwatch",
    "sns",
    "s3",
    "kms",
)
WORKERS = 8
_OF_ANYBODY = ("AWS::Lambda::Function", ALARM, ROLE, RULE)
"""The types of a user's resources that may touch Zigzag's."""

NOT_READ = Unknown("another look: the doctor does not read this type")


def facts_of(target: Target) -> Facts:
    """Returns the facts of a deployed stack. Raises OperateError if there is none, or it can't be listed."""
    stack = target.stack_as_it_is()
    calls = Calls(target, partition=stack.id.split(":")[1])
    calls.prepare(*SERVICES)
    try:
        about = calls.ask("cloudformation", "describe_stacks", StackName=target.stack)["Stacks"][0]
        summaries = list(_summaries(calls, target.stack))
    except FAILURES as error:
        needs = lacks(error)
        words = needs.needs if needs else "a stack of that name"
        raise OperateError(f"the stack's resources can't be listed: that needs {words}") from error
    listing = {one["LogicalResourceId"]: one for one in summaries if one.get("PhysicalResourceId")}
    with ThreadPoolExecutor(WORKERS) as pool:
        read = pool.map(lambda item: _resource(calls, *item), listing.items())
        found = {one.id: one for one in read if one is not None}
        found |= {one.id: one for one in _of_queues(found)} | {one.id: one for one in _of_topics(found)}
        found |= {one.id: one for one in _of_roles(calls, found)}
        mappings = _mappings(calls, found, {one["PhysicalResourceId"]: id for id, one in listing.items()})
        found |= {} if isinstance(mappings, Unknown) else {one.id: one for one in mappings}
        found |= {one.id: one for one in _other_rules(calls, found)}
    drift = about.get("DriftInformation", {}).get("StackDriftStatus")
    more = {"status": about["StackStatus"], "drift": drift, "mappings": mappings}
    facts = Facts(stack.parameters, found, stack.outputs, live=True, more=more)
    return Facts(facts.parameters, found, facts.outputs, live=True, more={**more, **around(calls, facts)})


def _summaries(calls: Calls, stack: str) -> Iterator[Mapping[str, Any]]:
    more: dict[str, str] = {}
    while True:
        page = calls.ask("cloudformation", "list_stack_resources", StackName=stack, **more)
        yield from page["StackResourceSummaries"]
        if not page.get("NextToken"):
            return
        more = {"NextToken": page["NextToken"]}


def _resource(calls: Calls, id: str, summary: Mapping[str, Any]) -> Resource | None:
    """Returns the resource, or None if it is not there any more."""
    physical, kind = summary["PhysicalResourceId"], summary["ResourceType"]
    if kind in (QUEUE_POLICY, MAPPING):
        return None  # they are read by their queues
    if kind in POLICIES and id != OF_SERVERS:
        return Resource(id, kind, {}, physical, physical)  # it is read by its role
    if kind not in READERS or not (id in (*NAMES, OF_SERVERS) or kind in _OF_ANYBODY):
        return Resource(id, kind, NOT_READ, physical)
    known, reader = READERS[kind]
    try:
        properties, arn = reader(calls, physical)
    except FAILURES as error:
        needs = lacks(error)
        return Resource(id, known, needs, physical) if needs else None
    return Resource(id, known, properties, physical, arn)


def _of_queues(found: Mapping[str, Resource]) -> Iterator[Resource]:
    """Yields the policy of each queue."""
    for one in found.values():
        if one.type == QUEUE:
            document = one.get("Policy")
            if isinstance(document, Unknown):
                yield Resource(f"{one.id}Policy", QUEUE_POLICY, document)
            elif document:
                held = {"Queues": [one.ref], "PolicyDocument": document}
                yield Resource(f"{one.id}Policy", QUEUE_POLICY, held)


def _of_topics(found: Mapping[str, Resource]) -> Iterator[Resource]:
    """Yields the policy of each topic, and those who are subscribed to it."""
    for one in list(found.values()):
        if one.type == TOPIC and not isinstance(one.properties, Unknown):
            yield Resource(f"{one.id}Policy", "AWS::SNS::TopicPolicy", {"PolicyDocument": one.get("Policy")})
            told = one.get("Subscription")
            for number, each in enumerate([] if isinstance(told, Unknown) else told):
                pending = each.get("SubscriptionArn") == "PendingConfirmation"
                held = {"Endpoint": each.get("Endpoint"), "PendingConfirmation": pending}
                yield Resource(f"{one.id}.{number}", SUBSCRIPTION, held)


def _of_roles(calls: Calls, found: Mapping[str, Resource]) -> Iterator[Resource]:
    """Yields the managed policies of the functions' roles, also those of somebody else's."""
    by_arn = {one.ref: one.id for one in found.values() if one.type in POLICIES}
    holders: dict[str, list[str]] = {}
    for name in ("ConsumerRole", "WorkerRole"):
        for arn in listed(found[name].get("ManagedPolicyArns") if name in found else None):
            if isinstance(arn, str):
                holders.setdefault(arn, []).append(found[name].ref)
    for arn, roles in holders.items():
        id = by_arn.get(arn, arn.rpartition("/")[2])
        try:
            yield Resource(id, POLICIES[0], {**policy(calls, arn)[0], "Roles": roles}, arn, arn)
        except FAILURES as error:
            yield Resource(id, POLICIES[0], lacks(error) or Unknown(f"the policy {arn}"), arn, arn)


def _mappings(
    calls: Calls, found: Mapping[str, Resource], ids: Mapping[str, str]
) -> list[Resource] | Unknown:
    """Returns all event source mappings of the stack's queues, whoever made them."""
    made = []
    for queue in [one for one in found.values() if one.type == QUEUE and one.arn]:
        try:
            held = calls.ask("lambda", "list_event_source_mappings", EventSourceArn=queue.arn)
        except FAILURES as error:
            if needs := lacks(error):
                return needs
            continue
        for one in held.get("EventSourceMappings", []):
            enabled = {"Enabled": one.get("State") not in ("Disabled", "Disabling")}
            name = {"FunctionName": one.get("FunctionArn")}
            made.append(Resource(ids.get(one["UUID"], one["UUID"]), MAPPING, {**one, **enabled, **name}))
    return made


def _other_rules(calls: Calls, found: Mapping[str, Resource]) -> Iterator[Resource]:
    """Yields the rules that wake the consumer and are not the stack's."""
    consumer, known = found.get("ConsumerFunction"), {one.ref for one in found.values() if one.type == RULE}
    if consumer is None or not consumer.arn:
        return
    try:
        names = calls.ask("events", "list_rule_names_by_target", TargetArn=consumer.arn)["RuleNames"]
    except FAILURES as error:
        if needs := lacks(error):
            yield Resource("rules of others", RULE, needs)
        return
    for name in [one for one in names if one not in known]:
        if other := _resource(calls, name, {"PhysicalResourceId": name, "ResourceType": RULE}):
            yield other
