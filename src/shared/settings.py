"""Reads a function's settings, and says clearly when one is wrong.

The settings are a NamedTuple. A field `linger_seconds` comes from the environment variable
`ZIGZAG_LINGER_SECONDS`. The function's `app.py` reads them once.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from shared.queues import QUEUES_MAY_BE, WORKERS_MAY_BE, is_url, more_queues, workers_of_queues

PREFIX = "ZIGZAG_"


def function_version() -> str:
    """Returns the version of the running function, or `$LATEST`
    (https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html)."""
    return os.environ.get("AWS_LAMBDA_FUNCTION_VERSION") or "$LATEST"


class SettingError(Exception):
    """A setting is missing or bad. The text names the variable, its value and the allowed values."""


class Setting(NamedTuple):
    """The description of a setting: the field's default until it is read.

    parse  -- returns the value for the variable's text; raises ValueError if it is bad.
    may_be -- the values that the variable may have, in words, for the error.
    """

    parse: Callable[[str], Any]
    may_be: str


def whole_number(minimum: int, maximum: int) -> Any:
    """Describes a field that is a whole number from `minimum` to `maximum`."""

    def parse(text: str) -> int:
        number = int(text)
        if not minimum <= number <= maximum:
            raise ValueError
        return number

    return Setting(parse, f"a whole number from {minimum} to {maximum}")


def _text_that(fits: Callable[[str], object], may_be: str) -> Any:
    def parse(value: str) -> str:
        if not fits(value):
            raise ValueError
        return value

    return Setting(parse, may_be)


def text(may_be: str) -> Any:
    """Describes a field that is a text, and not empty."""
    return _text_that(str.strip, may_be)


def text_or_empty(may_be: str) -> Any:
    return Setting(str, f"{may_be}, or empty")


def anything(may_be: str) -> Any:
    """Describes a field that is a text, which is judged where it is used."""
    return Setting(str, may_be)


def true_or_false() -> Any:
    """Describes a field that is a bool, written as in CloudFormation's parameters."""

    def parse(value: str) -> bool:
        if value not in ("true", "false"):
            raise ValueError
        return value == "true"

    return Setting(parse, "true or false")


def one_of(*choices: str) -> Any:
    return _text_that(choices.__contains__, f"one of {', '.join(choices)}")


def url(what: str) -> Any:
    return _text_that(is_url, f"{what}, which starts with https://")


def url_or_empty() -> Any:
    return _text_that(lambda value: not value or is_url(value), "a queue's URL, or empty")


def arn_or_empty() -> Any:
    return _text_that(lambda value: not value or value.startswith("arn:"), "a topic's ARN, or empty")


def arns() -> Any:
    """Describes a field that has the ARNs of queues and topics, with commas between."""

    def parse(value: str) -> tuple[str, ...]:
        found = tuple(value.split(",")) if value else ()
        if not all(one.count(":") == 5 and one.startswith("arn:") for one in found):
            raise ValueError
        return found

    return Setting(parse, "ARNs of queues and topics with commas between, or empty")


def list_of_queues() -> Any:
    """Describes a field that has the queues besides the first one."""
    return Setting(more_queues, QUEUES_MAY_BE)


def workers_by_queue() -> Any:
    """Describes a field that has the workers of those queues that have one of their own."""
    return Setting(workers_of_queues, WORKERS_MAY_BE)


def read[S](settings: type[S], environ: Mapping[str, str]) -> S:
    """Returns the settings found in `environ`. Raises SettingError for the first that is missing or bad."""
    values: dict[str, Any] = {}
    fields: Mapping[str, Setting] = settings._field_defaults  # type: ignore[attr-defined]
    for name, setting in fields.items():
        variable = PREFIX + name.upper()
        found = environ.get(variable)
        if found is None:
            raise SettingError(f"{variable} is not set; it may be {setting.may_be}")
        try:
            values[name] = setting.parse(found)
        except ValueError:
            raise SettingError(f"{variable} is {found!r}; it may be {setting.may_be}") from None
    return settings(**values)
