"""Do template.yaml and the settings of the functions speak of the same variables, with the same limits?"""

from __future__ import annotations

from typing import Any

import pytest
from tests.project.template.reading import NO_VALUE, Template

from consumer.settings import ConsumerSettings
from shared.settings import PREFIX, Setting
from worker.settings import WorkerSettings

OF_TASKS = {"ZIGZAG_TOPIC_ARN"}
"""Variables that tasks read and the worker itself does not: `publish`."""

SETTINGS: dict[str, Any] = {"ConsumerFunction": ConsumerSettings, "WorkerFunction": WorkerSettings}


def of_zigzag(template: Template, function: str) -> set[str]:
    return {name for name in template.variables(function) if name.startswith(PREFIX)} - OF_TASKS


def read_by(*functions: str) -> set[str]:
    return {PREFIX + field.upper() for function in functions for field in SETTINGS[function]._fields}


def test_every_worker_gets_the_variables_that_it_reads_and_no_other(template: Template) -> None:
    """They are in `Globals`, so that a worker of a user's own has those that an upgrade adds."""
    of_all = template.source["Globals"]["Function"]["Environment"]["Variables"]

    assert {name for name in of_all if name.startswith(PREFIX)} == read_by("WorkerFunction") | OF_TASKS
    assert of_zigzag(template, "WorkerFunction") == read_by("WorkerFunction")


def test_the_consumer_gets_these_and_its_own(template: Template) -> None:
    assert of_zigzag(template, "ConsumerFunction") == read_by("ConsumerFunction", "WorkerFunction")


@pytest.mark.parametrize("function", SETTINGS)
def test_sam_local_may_set_another_endpoint_which_aws_does_not_have(shipped: Template, function: str) -> None:
    declared = shipped.properties(function)["Environment"]["Variables"]

    assert declared["AWS_ENDPOINT_URL"] == NO_VALUE


def test_the_users_variables_are_the_workers_only(template: Template) -> None:
    assert set(template.variables("ConsumerFunction")) == of_zigzag(template, "ConsumerFunction") | OF_TASKS


@pytest.mark.parametrize(
    ("function", "field", "parameter"),
    [
        ("WorkerFunction", "metrics", "Metrics"),
        ("ConsumerFunction", "flow_control", "FlowControl"),
        ("WorkerFunction", "flow_control", "FlowControl"),
    ],
)
def test_a_parameter_that_is_true_or_false_sets_its_variable_to_what_the_function_takes(
    template: Template, function: str, field: str, parameter: str
) -> None:
    declared = template.variables(function)
    parse = SETTINGS[function]._field_defaults[field].parse

    assert declared[PREFIX + field.upper()] == {"Ref": parameter}
    allowed = template.source["Parameters"][parameter]["AllowedValues"]
    assert [parse(value) for value in allowed] == [False, True]


@pytest.mark.parametrize("function", SETTINGS)
def test_a_parameter_and_its_setting_have_the_same_limits(ours: Template, function: str) -> None:
    differing = []
    for field, setting in SETTINGS[function]._field_defaults.items():
        parameter = ours.variables(function)[PREFIX + field.upper()].get("Ref")
        limits = ours.source["Parameters"].get(parameter, {})
        if "MinValue" in limits:
            least, most = limits["MinValue"], limits["MaxValue"]
            if not takes(setting, least, most) or takes(setting, least - 1) or takes(setting, most + 1):
                differing.append(f"{parameter}: {least} to {most}; {field}: {setting.may_be}")

    assert differing == []


def takes(setting: Setting, *numbers: int) -> bool:
    try:
        return [setting.parse(str(number)) for number in numbers] == list(numbers)
    except ValueError:
        return False


@pytest.mark.parametrize(
    ("resource", "key", "parameter"),
    [
        ("TaskQueue", "DelaySeconds", "DelaySeconds"),
        ("TaskQueue", "MaximumMessageSize", "MaximumMessageSize"),
        ("ConsumerFunction", "MemorySize", "ConsumerMemory"),
        ("WorkerFunction", "MemorySize", "WorkerMemory"),
        ("WorkerFunction", "Timeout", "WorkerTimeout"),
    ],
)
def test_a_parameter_sets_its_property(template: Template, resource: str, key: str, parameter: str) -> None:
    assert template.source["Resources"][resource]["Properties"][key] == {"Ref": parameter}
