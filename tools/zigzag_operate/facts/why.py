"""Why no tick ends, and why starts are dropped: what is asked only then."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from zigzag_operate.facts.figures import Calls, Figure
from zigzag_operate.target import Stack


@dataclass(frozen=True, slots=True)
class Why:
    """Answers to questions that are asked only if something is wrong, or None if they were not.

    rules    -- those that wake the consumer, by name, each ENABLED or DISABLED.
    consumer -- executions that are reserved for the consumer, and `worker`, for the worker; -1 is none.
    """

    rules: Figure[dict[str, str]] | None = None
    consumer: Figure[int] | None = None
    worker: Figure[int] | None = None


def asked_of(client: Callable[[str], Any], stack: Stack, is_silent: bool, drops: bool) -> Calls:
    """Returns the calls, by the names of their answers in Why.

    client -- makes boto3's client of a service.
    """
    calls: Calls = {}
    lambdas = client("lambda") if is_silent or drops else None
    for name, is_asked in {"consumer": is_silent, "worker": drops}.items():
        if is_asked and (function := stack.outputs.get(f"{name.capitalize()}FunctionName")):
            calls[name] = "lambda:GetFunctionConcurrency", _reserved(lambdas, function)
    if is_silent and (consumer := stack.outputs.get("ConsumerFunctionName")):
        asked = "events:ListRuleNamesByTarget and events:ListRules"
        calls["rules"] = asked, _rules(client("events"), stack.arn_of_function(consumer))
    return calls


def _reserved(lambdas: Any, function: str) -> Callable[[], int]:
    def ask() -> int:
        answer = lambdas.get_function_concurrency(FunctionName=function)
        return int(answer.get("ReservedConcurrentExecutions", -1))

    return ask


def _rules(events: Any, consumer: str) -> Callable[[], dict[str, str]]:
    # By their target: a long name of a stack is cut in its rule's, and another stack's may begin alike.
    def ask() -> dict[str, str]:
        names = events.list_rule_names_by_target(TargetArn=consumer)["RuleNames"]
        pages = [events.list_rules(NamePrefix=name)["Rules"] for name in names]
        return {one["Name"]: one["State"] for page in pages for one in page if one["Name"] in names}

    return ask
