"""Why no tick ends, and why starts are dropped: what is asked only then."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from zigzag_operate.facts.figures import Calls, Figure

_TICK = "-ConsumerFunctionTick-"
"""In the name that CloudFormation makes for the consumer's rule, behind the stack's."""

_PREFIX_CHARACTERS = 30
"""So many of a stack's name are in it at least."""


@dataclass(frozen=True, slots=True)
class Why:
    """Answers to questions that are asked only if something is wrong, or None if they were not.

    rules    -- those that wake the consumer, by name, each ENABLED or DISABLED.
    consumer -- executions that are reserved for the consumer, and `worker`, for the worker; -1 is none.
    """

    rules: Figure[dict[str, str]] | None = None
    consumer: Figure[int] | None = None
    worker: Figure[int] | None = None


def asked_of(
    client: Callable[[str], Any], stack: str, outputs: Mapping[str, str], is_silent: bool, drops: bool
) -> Calls:
    """Returns the calls, by the names of their answers in Why.

    client -- makes boto3's client of a service.
    """
    calls: Calls = {}
    lambdas = client("lambda") if is_silent or drops else None
    for name, is_asked in {"consumer": is_silent, "worker": drops}.items():
        if is_asked and (function := outputs.get(f"{name.capitalize()}FunctionName")):
            calls[name] = "lambda:GetFunctionConcurrency", _reserved(lambdas, function)
    if is_silent:
        calls["rules"] = "events:ListRules", _rules(client("events"), stack)
    return calls


def _reserved(lambdas: Any, function: str) -> Callable[[], int]:
    def ask() -> int:
        answer = lambdas.get_function_concurrency(FunctionName=function)
        return int(answer.get("ReservedConcurrentExecutions", -1))

    return ask


def _rules(events: Any, stack: str) -> Callable[[], dict[str, str]]:
    def ask() -> dict[str, str]:
        found = events.list_rules(NamePrefix=stack[:_PREFIX_CHARACTERS])["Rules"]
        return {
            one["Name"]: one["State"] for one in found if stack.startswith(one["Name"].partition(_TICK)[0])
        }

    return ask
