"""Reads a function's environment variables, and the parameters' defaults, from template.yaml."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from samtranslator.yaml_helper import yaml_parse

TEMPLATE = Path(__file__).resolve().parents[1] / "template.yaml"

QUEUE_URL = "https://sqs.us-east-1.amazonaws.com/123456789012/tasks"
_STAND_INS = {
    "TaskQueue": QUEUE_URL,
    "DeadLetterQueue": "https://sqs.us-east-1.amazonaws.com/123456789012/dead-letters",
    "WorkerFunction": "zigzag-worker",
}
_NO_VALUE = {"Ref": "AWS::NoValue"}


@functools.cache
def _template() -> dict[str, Any]:
    parsed: dict[str, Any] = yaml_parse(TEMPLATE.read_text(encoding="utf-8"))
    return parsed


def default(parameter: str) -> str:
    """Returns the default of a parameter. Raises KeyError for an unknown one."""
    return str(_template()["Parameters"][parameter]["Default"])


def environment_of(function: str, **given: str) -> dict[str, str]:
    """Returns the variables of a function, without AWS_ENDPOINT_URL, which has no value.

    function -- its name in the template.
    given    -- parameters that are not the defaults, and names or addresses of resources. Other resources get
                invented names.

    Raises KeyError for a name that is neither a parameter nor a resource.
    """
    for name in given:
        if name not in _template()["Parameters"] and name not in _template()["Resources"]:
            raise KeyError(name)
    variables = {
        **_template()["Globals"]["Function"]["Environment"]["Variables"],
        **_template()["Resources"][function]["Properties"]["Environment"]["Variables"],
    }
    return {name: _value(value, given) for name, value in variables.items() if value != _NO_VALUE}


def memory(function: str, parameters: Mapping[str, str]) -> str:
    """Returns the memory of a function in MB, by the parameters that are not the defaults."""
    size: str = _template()["Resources"][function]["Properties"]["MemorySize"]["Ref"]
    return parameters.get(size, default(size))


def _value(value: Any, given: Mapping[str, str]) -> str:
    """Returns a variable's value as far as it is known here. A value that only AWS knows becomes its text."""
    match value:
        case {"Ref": name}:
            return _known(name, given)
        case {"Fn::Sub": str(text)}:
            return re.sub(r"\$\{([^}]+)\}", lambda found: _known(found[1], given), text)
        case {"Fn::Join": [between, parts]}:
            return str(between).join(_value(part, given) for part in parts)
        case {"Fn::If": [condition, then, otherwise]}:
            return _value(then if _holds(_template()["Conditions"][condition], given) else otherwise, given)
    return str(value)


def _holds(condition: Any, given: Mapping[str, str]) -> bool:
    match condition:
        case {"Fn::Not": [other]}:
            return not _holds(other, given)
        case {"Fn::Equals": [one, other]}:
            return _value(one, given) == _value(other, given)
        case {"Fn::And": every}:
            return all(_holds(one, given) for one in every)
        case {"Fn::Or": some}:
            return any(_holds(one, given) for one in some)
        case {"Condition": name}:
            return _holds(_template()["Conditions"][name], given)
    raise ValueError(f"this reads no {condition} yet")


def _known(name: str, given: Mapping[str, str]) -> str:
    """Returns the value of a parameter, or the name or address of a resource."""
    if name in given:
        return given[name]
    return default(name) if name in _template()["Parameters"] else _STAND_INS.get(name, name)
