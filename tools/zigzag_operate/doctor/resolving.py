"""Resolves a template's functions and conditions, by its parameters, and without AWS.

A value that only AWS knows, such as a queue's URL, gets a stand-in of the same form. It is the same wherever
the template refers to it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from zigzag_operate.doctor.facts import as_text
from zigzag_operate.doctor.source import Located

REGION, ACCOUNT, STACK = "us-east-1", "123456789012", "zigzag"
_PSEUDO = {
    "AWS::Region": REGION,
    "AWS::AccountId": ACCOUNT,
    "AWS::Partition": "aws",
    "AWS::URLSuffix": "amazonaws.com",
    "AWS::StackName": STACK,
    "AWS::StackId": f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/{STACK}/0",
}
_NOTHING = object()
"""AWS::NoValue: the property is not there."""

_SERVICES = {
    "AWS::SQS::Queue": "sqs:{name}",
    "AWS::SNS::Topic": "sns:{name}",
    "AWS::Lambda::Function": "lambda:function:{name}",
    "AWS::Serverless::Function": "lambda:function:{name}",
    "AWS::DynamoDB::Table": "dynamodb:table/{name}",
    "AWS::IAM::Role": "iam:role/{name}",
    "AWS::Logs::LogGroup": "logs:log-group:{name}:*",
    "AWS::S3::Bucket": "s3:{name}",
    "AWS::KMS::Key": "kms:key/{name}",
}
_OF_A_FUNCTION = ("Alias", "DeploymentGroup", "EventInvokeConfig", "Role", "Url", "Version")
"""So begins what SAM adds to a function's name, besides the names of its events."""

_SUBSTITUTED = re.compile(r"\$\{(!?)([^}]+)\}")


class Resolver:
    """Resolves values of one template.

    parameters -- the value of each parameter, as text.
    dangling   -- the names that a value refers to, and that are not in the template, each with its line.
    """

    def __init__(self, template: Mapping[str, Any], parameters: Mapping[str, str]) -> None:
        self.parameters = parameters
        self.dangling: dict[str, int | None] = {}
        self._line: int | None = None
        self._resources: Mapping[str, Any] = template["Resources"]
        self._declared: Mapping[str, Any] = template.get("Parameters") or {}
        self._conditions: Mapping[str, Any] = template.get("Conditions") or {}
        self._mappings: Mapping[str, Any] = template.get("Mappings") or {}
        self._decided: dict[str, bool] = {}

    def value(self, value: Any) -> Any:
        """Returns the value without functions, or None if it is no value."""
        found = self._value(value)
        return None if found is _NOTHING else found

    def holds(self, condition: Any) -> bool:
        """Returns whether the condition of that name, or this function of conditions, holds."""
        if isinstance(condition, str):
            if condition not in self._decided:
                if condition not in self._conditions:
                    self._misses(condition)
                    return False
                self._decided[condition] = False  # one that refers to itself is no condition
                self._decided[condition] = self.holds(self._conditions[condition])
            return self._decided[condition]
        arguments: Any
        ((function, arguments),) = condition.items() if len(condition) == 1 else [("", None)]
        self._line = _lines(condition).get(function, self._line)
        match function:
            case "Fn::Equals":
                left, right = (self._text(one) for one in arguments)
                return left == right
            case "Fn::Not":
                return not self.holds(arguments[0])
            case "Fn::And":
                return all(self.holds(one) for one in arguments)
            case "Fn::Or":
                return any(self.holds(one) for one in arguments)
            case "Fn::Contains":
                return self._text(arguments[1]) in [self._text(one) for one in arguments[0]]
            case "Condition":
                return self.holds(arguments)
        return False

    def holds_of(self, one: Mapping[str, Any]) -> bool:
        """Returns whether a resource or an output is there."""
        self._line = _lines(one).get("Condition")
        return "Condition" not in one or self.holds(str(one["Condition"]))

    def _value(self, value: Any) -> Any:
        if isinstance(value, Mapping):
            if len(value) == 1:
                ((name, argument),) = value.items()
                if name == "Ref" or name.startswith("Fn::"):
                    self._line = _lines(value).get(name, self._line)
                    return self._function(name, argument)
            members = {name: self._value(one) for name, one in value.items()}
            made = Located({name: one for name, one in members.items() if one is not _NOTHING})
            made.lines = _lines(value)
            return made
        if isinstance(value, list):
            return [one for one in map(self._value, value) if one is not _NOTHING]
        return value

    def _function(self, name: str, argument: Any) -> Any:
        match name, argument:
            case "Ref", str(named):
                return self._ref(named)
            case "Fn::GetAtt", [str(named), *attribute]:
                return self._attribute(named, ".".join(map(str, attribute)))
            case "Fn::If", [condition, then, otherwise]:
                return self._value(then if self.holds(condition) else otherwise)
            case "Fn::Sub", str(text):
                return self._sub(text, {})
            case "Fn::Sub", [str(text), dict(names)]:
                return self._sub(text, names)
            case "Fn::Join", [between, parts]:
                found = self._value(parts)
                return str(between).join(map(text_of, found)) if isinstance(found, list) else found
            case "Fn::Split", [between, whole]:
                return self._text(whole).split(str(between))
            case "Fn::Select", [number, parts]:
                found, at = self._value(parts), self._text(number)
                return (
                    found[int(at)]
                    if isinstance(found, list) and at.isdigit() and int(at) < len(found)
                    else ""
                )
            case "Fn::FindInMap", [first, second, third, *_]:
                keys = [self._text(one) for one in (first, second, third)]
                return self._value(self._mappings.get(keys[0], {}).get(keys[1], {}).get(keys[2], ""))
        return f"<{name}>"

    def _ref(self, name: str) -> Any:
        if name == "AWS::NoValue":
            return _NOTHING
        if name in _PSEUDO:
            return _PSEUDO[name]
        if name in self._declared:
            kind = str(self._declared[name].get("Type", ""))
            given = self.parameters.get(name, f"<{name}>")
            return given.split(",") if "List" in kind else given
        if name not in self._resources:
            self._misses(name)
            return f"<{name}>"
        return self.ref(name)

    def ref(self, name: str) -> str:
        """Returns what `!Ref` gives for a resource."""
        kind = self._kind(name)
        if kind == "AWS::SQS::Queue":
            return f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{self._name(name)}"
        return self.arn(name) if kind == "AWS::SNS::Topic" else self._name(name)

    def arn(self, name: str) -> str:
        service, _, rest = _SERVICES.get(self._kind(name), "unknown:{name}").partition(":")
        place = ":" if service == "s3" else f":{ACCOUNT}" if service == "iam" else f"{REGION}:{ACCOUNT}"
        return f"arn:aws:{service}:{place}:{rest.format(name=self._name(name))}"

    def _attribute(self, name: str, attribute: str) -> str:
        if name not in self._resources:
            self._misses(name)
        if attribute == "Arn":
            return self.arn(name)
        return self._name(name) if attribute in ("QueueName", "TopicName") else f"<{name}.{attribute}>"

    def _name(self, name: str) -> str:
        made = f"{STACK}-{name}"
        if self._kind(name) != "AWS::SQS::Queue":
            return made
        properties = self._resources[name].get("Properties") or {}
        return f"{made}.fifo" if text_of(self.value(properties.get("FifoQueue"))) == "true" else made

    def is_made_by_sam(self, name: str) -> bool:
        """Returns whether SAM may make a resource of this name, which the template does not have
        (https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-specification-generated-resources.html)."""
        for maker, made in self._resources.items():
            kind = self._kind(maker)
            if kind.startswith("AWS::Serverless::") and name.startswith(maker):
                events = (made.get("Properties") or {}).get("Events") or {}
                rest = name.removeprefix(maker).removeprefix(".")
                if kind != "AWS::Serverless::Function" or rest.startswith((*_OF_A_FUNCTION, *events)):
                    return True
        return name.startswith("Serverless")

    def _misses(self, name: str) -> None:
        if not self.is_made_by_sam(name):
            self.dangling.setdefault(name, self._line)

    def _kind(self, name: str) -> str:
        resource = self._resources.get(name)
        return str(resource.get("Type")) if isinstance(resource, Mapping) else ""

    def _sub(self, text: str, names: Mapping[str, Any]) -> str:
        def one(found: re.Match[str]) -> str:
            literal, name = found[1], found[2].strip()
            if literal:
                return f"${{{name}}}"
            if name in names:
                return self._text(names[name])
            named, _, attribute = name.partition(".")
            return text_of(self._attribute(named, attribute) if attribute else self.value({"Ref": name}))

        return _SUBSTITUTED.sub(one, text)

    def _text(self, value: Any) -> str:
        return text_of(self.value(value))


def _lines(found: Any) -> dict[str, int]:
    return found.lines if isinstance(found, Located) else {}


def text_of(value: Any) -> str:
    """Returns a value as CloudFormation writes it."""
    return "" if value is None else as_text(value)
