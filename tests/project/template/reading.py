"""How do the tests read template.yaml? As it is written, and as SAM makes it for CloudFormation."""

from __future__ import annotations

import copy
import functools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from samtranslator.yaml_helper import intrinsics_multi_constructor

ROOT = Path(__file__).resolve().parents[3]
TEMPLATE = ROOT / "template.yaml"

type Resource = Mapping[str, Any]


class _NoManagedPolicies:
    """SAM would ask IAM for the names of AWS's managed policies. The template uses none."""

    def load(self) -> dict[str, str]:
        return {}


@dataclass(frozen=True)
class Template:
    """One template, read.

    text      -- the file.
    source    -- the file's YAML: parameters, outputs, serverless functions.
    resources -- what CloudFormation gets: SAM's transform of it, by logical id.
    ours      -- those of the resources that are Zigzag's, not the user's.
    """

    text: str
    source: Mapping[str, Any]
    resources: Mapping[str, Resource]
    ours: Mapping[str, Resource]

    def of_type(self, kind: str) -> dict[str, Resource]:
        return {name: resource for name, resource in self.ours.items() if resource["Type"] == kind}

    def properties(self, name: str) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.resources[name]["Properties"]
        return found

    def value(self, value: Any) -> Any:
        """Returns `value`, or the parameter's default if it is a reference to a parameter."""
        if isinstance(value, Mapping) and set(value) == {"Ref"}:
            return self.source["Parameters"][value["Ref"]]["Default"]
        return value

    def decided(self, value: Any, **parameters: str) -> Any:
        """Decides every `Fn::If` of `value` under `parameters`, and leaves out what is no value."""
        if isinstance(value, Mapping):
            if set(value) == {"Fn::If"}:
                condition, if_true, if_false = value["Fn::If"]
                holds = self._holds(self.source["Conditions"][condition], parameters)
                return self.decided(if_true if holds else if_false, **parameters)
            members = {name: self.decided(one, **parameters) for name, one in value.items()}
            return {name: one for name, one in members.items() if one != NO_VALUE}
        if isinstance(value, list):
            return [one for one in (self.decided(one, **parameters) for one in value) if one != NO_VALUE]
        return value

    def holds(self, condition: str, **parameters: str) -> bool:
        """Tells whether the condition of that name holds under `parameters`."""
        return self._holds(self.source["Conditions"][condition], parameters)

    def _holds(self, condition: Any, parameters: Mapping[str, str]) -> bool:
        ((function, arguments),) = condition.items()
        if function == "Fn::Not":
            return not self._holds(arguments[0], parameters)
        if function == "Fn::And":
            return all(self._holds(one, parameters) for one in arguments)
        if function == "Fn::Or":
            return any(self._holds(one, parameters) for one in arguments)
        if function == "Condition":
            return self.holds(arguments, **parameters)
        assert function == "Fn::Equals", f"this reads no {function} yet"
        left, right = (
            parameters.get(one["Ref"], self.value(one)) if isinstance(one, Mapping) else one
            for one in arguments
        )
        return bool(left == right)

    def variables(self, function: str) -> Mapping[str, Any]:
        """Returns the variables that CloudFormation sets: one that is no value is none."""
        found: Mapping[str, Any] = self.properties(function)["Environment"]["Variables"]
        return {name: value for name, value in found.items() if value != NO_VALUE}


NO_VALUE = {"Ref": "AWS::NoValue"}


def read(text: str, ours: str) -> Template:
    """Reads `text` as a template. `ours` is the same without what is the user's."""
    transformed = to_cloudformation(text)
    names = to_cloudformation(ours)["Resources"]
    resources = transformed["Resources"]
    return Template(text, parsed(text), resources, {name: resources[name] for name in names})


def parsed(text: str) -> dict[str, Any]:
    """Parses the YAML of a template's text. All that the tests know of values comes from here."""
    return copy.deepcopy(_parsed(text))


class _Loader(yaml.CSafeLoader):
    """Reads `!Ref` as SAM does, ten times faster than it."""


_Loader.add_multi_constructor("!", intrinsics_multi_constructor)


@functools.cache
def _parsed(text: str) -> dict[str, Any]:
    found: dict[str, Any] = _Loader(text).get_single_data()
    return found


def to_cloudformation(text: str) -> dict[str, Any]:
    """Returns SAM's transform of a template's text."""
    return copy.deepcopy(_transformed(text))


@functools.cache
def _transformed(text: str) -> dict[str, Any]:
    from samtranslator.translator.transform import transform  # slow to load

    source = parsed(text)
    for serverless in (
        source["Globals"]["Function"],
        *(one.get("Properties", {}) for one in source["Resources"].values()),
    ):
        if "CodeUri" in serverless:
            # As if `sam build` and `sam deploy` had put the folder there.
            serverless["CodeUri"] = f"s3://built/{serverless['CodeUri'].strip('/')}"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")  # SAM asks the shell for a region
        result: dict[str, Any] = transform(source, {}, _NoManagedPolicies())
    return result


def arn(name: str) -> dict[str, list[str]]:
    return {"Fn::GetAtt": [name, "Arn"]}


def statements(policy: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yields a policy document's statements, without those under a condition that is not decided. Action and
    Resource are always lists."""
    for statement in policy["Statement"]:
        if "Fn::If" in statement:
            continue
        yield {
            **statement,
            "Action": as_list(statement["Action"]),
            "Resource": as_list(statement.get("Resource", [])),
        }


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def pasted(output: Mapping[str, Any]) -> str:
    """Returns the output's value as a person sees it, with `<name>` for all that only AWS knows."""
    value = output["Value"]
    text = value["Fn::Sub"] if isinstance(value, Mapping) else value
    text, names = text if isinstance(text, list) else (text, {})
    return re.sub(r"\$\{([^}]+)\}", lambda found: names.get(found[1], f"<{found[1]}>"), text)
