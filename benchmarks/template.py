"""Which environment variables does template.yaml give a function, and what are its parameters' defaults?"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

from samtranslator.yaml_helper import yaml_parse

from benchmarks.package import PROJECT

QUEUE_URL = "https://sqs.us-east-1.amazonaws.com/123456789012/tasks"
_STAND_INS = {
    "TaskQueue": QUEUE_URL,
    "DeadLetterQueue": "https://sqs.us-east-1.amazonaws.com/123456789012/dead-letters",
    "WorkerFunction": "zigzag-worker",
}


@functools.cache
def _template() -> dict[str, Any]:
    parsed: dict[str, Any] = yaml_parse((PROJECT / "template.yaml").read_text(encoding="utf-8"))
    return parsed


def default(parameter: str) -> str:
    """The default of a parameter. Raises KeyError if there is no such parameter."""
    return str(_template()["Parameters"][parameter]["Default"])


def variables(function: str, parameters: Mapping[str, str]) -> dict[str, str]:
    """The variables of a function, with the parameters that are not the defaults."""
    for parameter in parameters:
        default(parameter)  # there is one
    found = _template()["Resources"][function]["Properties"]["Environment"]["Variables"]
    values = {name: _value(value["Ref"], parameters) for name, value in found.items()}
    return {name: value for name, value in values.items() if value is not None}


def memory(function: str, parameters: Mapping[str, str]) -> str:
    """The memory of a function in MB, with the parameters that are not the defaults."""
    size: str = _template()["Resources"][function]["Properties"]["MemorySize"]["Ref"]
    return parameters.get(size, default(size))


def _value(name: str, parameters: Mapping[str, str]) -> str | None:
    if name == "AWS::NoValue":
        return None
    if name in _template()["Parameters"]:
        return parameters.get(name, default(name))
    return _STAND_INS.get(name, name)
