"""Reads the facts of a stack from its template, before a deployment and without AWS."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from zigzag_operate.doctor.facts import FUNCTION, MAPPING, RULE, Facts, Resource
from zigzag_operate.doctor.resolving import Resolver, text_of
from zigzag_operate.doctor.source import Located, line_of, lines_of
from zigzag_operate.errors import Kind, OperateError

_SCHEDULED = {"Schedule": RULE, "ScheduleV2": "AWS::Scheduler::Schedule"}


def facts_of(template: Located, given: Mapping[str, str]) -> Facts:
    """Returns the facts of a template with these parameters. Raises OperateError for one that it has not."""
    declared = template.get("Parameters") or {}
    if unknown := sorted(given.keys() - declared.keys()):
        near = get_close_matches(unknown[0], declared, 3) or ["those of its section Parameters"]
        raise OperateError(
            f"the template has no parameter {unknown[0]!r}; it has {', '.join(near)}", Kind.WRONG
        )
    parameters = {name: _given(one, given.get(name)) for name, one in declared.items()}
    resolver = Resolver(template, {name: one for name, one in parameters.items() if one is not None})
    made = list(_resources(template, resolver))
    outputs = {
        name: resolver.value(one.get("Value"))
        for name, one in (template.get("Outputs") or {}).items()
        if isinstance(one, Mapping) and resolver.holds_of(one)
    }
    return Facts(
        resolver.parameters,
        {one.id: one for one in made},
        outputs,
        line=_line_of_name(template, resolver),
        problems=(*_problems(declared, parameters), *_refused(template, resolver), *_dangling(resolver)),
        more={
            "not given": [name for name, value in parameters.items() if value is None],
            "names": frozenset(template["Resources"]),
            "made by sam": resolver.is_made_by_sam,
            "off": dict(_off(template, resolver)),
            "rules": frozenset(template.get("Rules") or {}),
        },
    )


def _given(parameter: Mapping[str, Any], value: str | None) -> str | None:
    if value is not None:
        return value
    return text_of(parameter["Default"]) if "Default" in parameter else None


def _resources(template: Located, resolver: Resolver) -> Iterator[Resource]:
    everywhere = (template.get("Globals") or {}).get("Function") or {}
    for name, one in template["Resources"].items():
        if not isinstance(one, Mapping) or not resolver.holds_of(one):
            continue
        own = one.get("Properties") or {}
        is_function = one.get("Type") == FUNCTION
        raw = _merged(everywhere, own) if is_function else own
        found = {key: resolver.value(value) for key, value in raw.items()}
        properties = {key: value for key, value in found.items() if value is not None}
        rest = {key: resolver.value(one[key]) for key in one if key != "Properties"}
        line = _line(template, name)
        yield Resource(
            name, str(one.get("Type")), properties, resolver.ref(name), resolver.arn(name), rest, line
        )
        if is_function:
            yield from _events(name, properties, resolver.arn(name), line)


def _events(
    name: str, properties: Mapping[str, Any], arn: str, line: Callable[[str], int | None]
) -> Iterator[Resource]:
    """Yields what SAM makes of a function's events."""
    for key, event in (properties.get("Events") or {}).items():
        its = event.get("Properties") or {} if isinstance(event, Mapping) else {}
        kind = event.get("Type") if isinstance(event, Mapping) else ""

        def at(path: str, key: str = key) -> int | None:
            return line(f"Events.{key}.Properties.{path}") or line(f"Events.{key}")

        if kind in _SCHEDULED:
            target = {"Arn": arn, "RetryPolicy": its.get("RetryPolicy") or {}}
            enabled = text_of(its.get("Enabled", True)) == "true"
            state = its.get("State") or ("ENABLED" if enabled else "DISABLED")
            expression = its.get("Schedule", its.get("ScheduleExpression"))
            made: dict[str, Any] = {"State": state, "ScheduleExpression": expression, "Targets": [target]}
            yield Resource(f"{name}{key}", _SCHEDULED[kind], made | {"Name": its.get("Name")}, line=at)
        elif kind == "SQS":
            made = {
                **its,
                "EventSourceArn": its.get("Queue"),
                "FunctionName": properties.get("FunctionName", arn),
            }
            yield Resource(f"{name}{key}", MAPPING, made, line=at)


def _merged(everywhere: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Merges a function's properties over those of Globals, as SAM does
    (https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-specification-template-anatomy-globals.html)."""
    merged = dict(everywhere)
    for key, value in own.items():
        before = merged.get(key)
        if isinstance(before, Mapping) and isinstance(value, Mapping) and not _is_function(value):
            merged[key] = _merged(before, value)
        else:
            merged[key] = value
    return merged


def _is_function(value: Mapping[str, Any]) -> bool:
    return len(value) == 1 and next(iter(value)).startswith(("Fn::", "Ref"))


def _line(template: Located, name: str) -> Callable[[str], int | None]:
    resource = template["Resources"][name]
    is_function = resource.get("Type") == FUNCTION
    everywhere = (template.get("Globals") or {}).get("Function") if is_function else None

    def line(path: str) -> int | None:
        keys = tuple(path.split("."))
        own, of_all = lines_of(resource.get("Properties"), keys), lines_of(everywhere, keys)
        if len(of_all) > len(own):
            return of_all[-1]
        return own[-1] if len(own) > 1 else line_of(template, ("Resources", name, keys[0]))

    return line


def _line_of_name(template: Located, resolver: Resolver) -> Callable[[str], int | None]:
    """Returns the lines of parameters, rules and outputs, and of names that are missing: of their use."""

    def line(name: str) -> int | None:
        section, _, inner = name.partition(".")
        if inner:
            return line_of(template, (section, inner, "Value"))
        if name in (template.get("Parameters") or {}):
            return line_of(template, ("Parameters", name, "Default"))
        if name in template["Resources"]:
            condition = template["Resources"][name].get("Condition")
            return line_of(template, ("Conditions", str(condition))) if condition else None
        return resolver.dangling.get(name)

    return line


def _off(template: Located, resolver: Resolver) -> Iterator[tuple[str, str]]:
    """Yields each resource that is not there by its condition, and that condition."""
    for name, one in template["Resources"].items():
        if isinstance(one, Mapping) and not resolver.holds_of(one):
            yield name, str(one["Condition"])


def _problems(
    declared: Mapping[str, Any], values: Mapping[str, str | None]
) -> Iterator[tuple[str, str, str, str]]:
    for name, value in values.items():
        if value is not None and (may_be := _refuses(declared[name], value)):
            sentence = f"CloudFormation refuses {name}={value}: it {may_be}"
            yield name, sentence, f"set {name} to a value that it may have (docs/configuration.md)", "H11"


def _refuses(parameter: Mapping[str, Any], value: str) -> str:
    """Returns which values the parameter may have, if this is none of them."""
    words = str(parameter.get("ConstraintDescription") or "")
    allowed = [text_of(one) for one in parameter.get("AllowedValues") or []]
    if allowed and value not in allowed:
        return f"must be one of {', '.join(allowed[:6])}"
    if not _fits(str(parameter.get("AllowedPattern") or ""), value):
        pattern = parameter["AllowedPattern"]
        return words or f"must be like {pattern}"
    if parameter.get("Type") == "Number":
        try:
            number = float(value)
        except ValueError:
            return words or "must be a number"
        least, most = parameter.get("MinValue"), parameter.get("MaxValue")
        if (least is not None and number < float(least)) or (most is not None and number > float(most)):
            return words or f"must be a number from {least} to {most}"
    return ""


def _fits(pattern: str, value: str) -> bool:
    try:
        return not pattern or re.search(f"^(?:{pattern})$", value) is not None
    except re.error:
        return True  # Java's patterns know more than Python's


def _refused(template: Located, resolver: Resolver) -> Iterator[tuple[str, str, str, str]]:
    for name, rule in (template.get("Rules") or {}).items():
        if "RuleCondition" in rule and not resolver.holds(rule["RuleCondition"]):
            continue
        for one in rule.get("Assertions") or []:
            if not resolver.holds(one["Assert"]):
                said = str(one.get("AssertDescription", "an assertion of Rules"))
                why, _, change = said.partition(": ")
                yield f"Rules.{name}", f"CloudFormation refuses these parameters: {why}", change, "H153"


def _dangling(resolver: Resolver) -> Iterator[tuple[str, str, str, str]]:
    for name in sorted(resolver.dangling):
        sentence = f"the template refers to {name}, and has nothing of that name"
        yield name, sentence, f"write the right name, or add {name}", "H137"
