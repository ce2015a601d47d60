"""The rules about the queues' own policies: whom do they keep out, and whom do they let in?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from zigzag_operate.doctor.evaluating import covers, is_anybody, own_statements, policies_of, services
from zigzag_operate.doctor.facts import QUEUE_POLICY, Facts, Resource, Unknown, listed
from zigzag_operate.doctor.finding import Found, NotKnown, wrong


def judge_queue_policies(facts: Facts) -> Found:
    """Judges whom the queues' own policies let in, and keep out."""
    secured: set[str] = set()
    for policy in facts.of_type(QUEUE_POLICY):
        if isinstance(policy.properties, Unknown):
            yield NotKnown(policy.id, policy.properties.needs)
            secured |= {queue.id for queue in [*facts.queues, *facts.letters]}
            continue
        for queue in [*facts.queues, *facts.letters]:
            if queue.ref in listed(policy.get("Queues")):
                for statement in own_statements(policy):
                    tls = _is_tls(statement, queue) or _is_tls(statement, queue, "true")  # the latter is told
                    secured |= {queue.id} if tls else set()
                    yield from _statement(facts, policy, queue, statement)
    for queue in [*facts.queues, *facts.letters]:
        if queue.id not in secured and not isinstance(queue.properties, Unknown):
            yield wrong(
                "H167",
                queue,
                "",
                "no policy of it refuses calls without TLS",
                f"add the statement OnlyTls for {queue.id}",
            )


def judge_one_policy_each(facts: Facts) -> Found:
    """Judges whether each queue has one policy: the one that is set last replaces all others
    (https://github.com/aws/serverless-application-model/issues/1776)."""
    for queue in [*facts.queues, *facts.letters]:
        policies = policies_of(facts, queue)
        own = [one for one in policies if one.id.removeprefix("Fifo") == f"{queue.id}Policy"] or policies[:1]
        for one in policies:
            if one not in own:
                said = (
                    f"{queue.id} has {own[0].id} as well, and SQS keeps one policy of them: the last one set"
                )
                change = f"take {queue.id} out of its Queues, and move its statements to {own[0].id}"
                yield wrong("H167", one, "Queues", said, change)


def _is_tls(statement: Mapping[str, Any], queue: Resource, value: str = "false") -> bool:
    return (
        statement.get("Effect") == "Deny"
        and covers(statement, "sqs:SendMessage", queue.arn)
        and str(_condition(statement).get("aws:SecureTransport")).lower() == value
        and is_anybody(statement.get("Principal"))
    )


CALLS = ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility", "sqs:GetQueueAttributes")
"""The calls of the functions, besides sends."""

HARMLESS = ("sqs:send", "sqs:getqueue")
"""The actions that a stranger may have, by their beginnings."""


def _denies(facts: Facts, queue: Resource, statement: Mapping[str, Any]) -> str:
    """Returns the call of the functions that the statement denies. Sends may be denied under a condition."""
    conditions = _condition(statement)
    if str(conditions.get("aws:SecureTransport")).lower() == "false":
        return ""
    denied = [one for one in CALLS if covers(statement, one, queue.arn)]
    if covers(statement, "sqs:SendMessage", queue.arn) and (queue in facts.letters or not conditions):
        denied.append("sqs:SendMessage")
    return denied[0] if denied else ""


def _statement(facts: Facts, policy: Resource, queue: Resource, statement: Mapping[str, Any]) -> Found:
    at = "PolicyDocument"
    if statement.get("Effect") != "Allow":
        if _is_tls(statement, queue, "true"):
            said = f"it denies each call of {queue.id} over TLS, and lets those without it in"
            yield wrong("H168", policy, at, said, "set aws:SecureTransport: 'false'", statement["Line"])
        elif denied := _denies(facts, queue, statement):
            change = "deny sends only, under a condition (docs/who-may-send.md)"
            said = f"it denies {denied} on {queue.id}, to the functions as well"
            yield wrong("H168", policy, at, said, change, statement["Line"])
        return
    principal = statement.get("Principal")
    if not _condition(statement) and is_anybody(principal):
        change = "name who may send, or add a condition"
        yield wrong("H167", policy, at, f"everybody may call {queue.id}", change, statement["Line"])
    elif not _condition(statement) and (named := services(statement)):
        said = f"{named[0]} may send to {queue.id} for anybody"
        yield wrong("H167", policy, at, said, "add a condition on aws:SourceArn", statement["Line"])
    if more := [one for one in map(str, statement["Action"]) if not one.lower().startswith(HARMLESS)]:
        said = f"somebody else may {more[0]} on {queue.id}"
        yield wrong("H167", policy, at, said, "allow sqs:SendMessage only", statement["Line"])


def _condition(statement: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for one in statement["Condition"].values():
        found |= one
    return found
