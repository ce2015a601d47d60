"""Of template.yaml: parameters, outputs, and the resources that hold data."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from typing import Any

from tests.project.corpus.forms import lost as lost_values
from tests.project.template.reading import TEMPLATE, parsed

HOLDS_DATA = ("AWS::SQS::Queue", "AWS::DynamoDB::Table", "AWS::S3::Bucket", "AWS::Logs::LogGroup")
LIMITS = {"MinValue": -1, "MinLength": -1, "MaxValue": 1, "MaxLength": 1}
"""Of a parameter, and which way they may move: down or up."""


def written() -> Iterator[tuple[str, Any]]:
    template = _template()
    for name in template["Parameters"]:
        yield f"the parameter {name}", {"section": "Parameters", "name": name}
    for name in template["Outputs"]:
        yield f"the output {name}", {"section": "Outputs", "name": name}
    for name, resource in template["Resources"].items():
        if resource["Type"] in HOLDS_DATA:
            yield f"the resource {name}", {"section": "Resources", "name": name}


@functools.cache
def _template() -> dict[str, Any]:
    return parsed(TEMPLATE.read_text(encoding="utf-8"))


def read(form: Mapping[str, str]) -> Any:
    """Returns what the template says of it today."""
    section, name = form["section"], form["name"]
    one = _template()[section][name]
    if section == "Parameters":
        kept = ("Type", "AllowedValues", *LIMITS)
        return {key: one[key] for key in kept if key in one}
    return {"Type": one["Type"]} if section == "Resources" else {}


def lost(old: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    """Yields what a stack's settings of the old version would not get any more."""
    same = {key: value for key, value in old.items() if key not in ("AllowedValues", *LIMITS)}
    yield from lost_values(same, dict(now))
    allowed = now.get("AllowedValues", old.get("AllowedValues", []))
    yield from (
        f"one that may not be {value!r}" for value in old.get("AllowedValues", []) if value not in allowed
    )
    if "AllowedValues" in now and "AllowedValues" not in old:
        yield "one of few values"
    for limit, way in LIMITS.items():
        if limit in now and (limit not in old or (now[limit] - old[limit]) * way < 0):
            yield f"one with {limit} {now[limit]}"
