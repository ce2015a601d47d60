"""Is every parameter, output and variable on docs/configuration.md, as it is, and none that is not there?

A user's own are not looked for: what stands in the marked places may come and go.
"""

from __future__ import annotations

import re
from typing import Any

from tests.project.docs.pages import ROOT, read
from tests.project.template.reading import parsed
from tests.project.template.yours import without_yours

from consumer.settings import ConsumerSettings
from shared.settings import PREFIX
from worker.settings import WorkerSettings

PAGE = read("docs/configuration.md")
TEXT = (ROOT / "template.yaml").read_text(encoding="utf-8")
TEMPLATE: dict[str, Any] = parsed(TEXT)
OURS: dict[str, Any] = parsed(without_yours(TEXT))
EXAMPLES = {"Parameters": {"MailFrom"}, "Outputs": {"PageBucketName", "NewsTopicArn"}}


def rows(column: str) -> dict[str, list[str]]:
    """Returns the rows of tables whose first column is `column`, by the word in backticks there."""
    found, inside = {}, False
    for line in PAGE.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")] if line.startswith("|") else []
        if not cells:
            inside = False
        elif cells[0] == column:
            inside = True
        elif inside and (name := re.fullmatch(r"`(\w+)`", cells[0])):
            found[name[1]] = cells[1:]
    return found


def variables() -> dict[str, set[str]]:
    """Returns Zigzag's variables, and the functions that read them."""
    found: dict[str, set[str]] = {}
    for settings, word in ((ConsumerSettings, "consumer"), (WorkerSettings, "worker")):
        for field in settings._fields:
            found.setdefault(PREFIX + field.upper(), set()).add(word)
    return found | {"ZIGZAG_TOPIC_ARN": {"worker"}}  # its tasks read it: zigzag.extra.publish


def test_every_parameter_is_there_and_no_other() -> None:
    assert set(rows("Parameter")) == set(OURS["Parameters"]) | EXAMPLES["Parameters"]


def test_a_parameters_default_is_the_templates() -> None:
    told = {name: cells[0] for name, cells in rows("Parameter").items() if name in TEMPLATE["Parameters"]}
    defaults = {name: str(TEMPLATE["Parameters"][name]["Default"]) for name in told}

    assert told == {name: f"`{default}`" if default else "empty" for name, default in defaults.items()}


def test_a_parameters_limits_are_the_templates() -> None:
    limited = {name: one for name, one in OURS["Parameters"].items() if "MinValue" in one}
    limits = {name: f"{one['MinValue']} to {one['MaxValue']}" for name, one in limited.items()}
    told = {name: rows("Parameter")[name][1].replace(",", "") for name in limits}

    assert [name for name in limits if not told[name].startswith(limits[name])] == []


def test_each_of_sqss_six_settings_is_there_and_is_the_templates() -> None:
    queue = OURS["Resources"]["TaskQueue"]["Properties"]
    told = {name: cells[0] for name, cells in rows("Setting").items()}

    def in_template(name: str) -> str:
        value = queue.get(name, "not set")
        if name == "RedrivePolicy":
            value = value["maxReceiveCount"]
        if name == "VisibilityTimeout":
            value = value["Fn::If"][2]  # by schedule, as it is by default
        return "parameter" if value == {"Ref": name} else str(value)

    assert list(told) == [
        "VisibilityTimeout",
        "MessageRetentionPeriod",
        "MaximumMessageSize",
        "DelaySeconds",
        "ReceiveMessageWaitTimeSeconds",
        "RedrivePolicy",
    ]
    assert told == {name: in_template(name) for name in told}
    assert [name for name, cells in rows("Setting").items() if not cells[1]] == []


def test_every_output_is_there_and_no_other() -> None:
    assert set(rows("Output")) == set(OURS["Outputs"]) | EXAMPLES["Outputs"]


def test_every_variable_is_there_and_no_other_with_its_functions() -> None:
    told = {name: set(cells[0].split(", ")) for name, cells in rows("Variable").items()}

    assert told == variables()


def test_no_page_names_a_variable_that_does_not_exist() -> None:
    pages = [read("README.md"), *(page.read_text(encoding="utf-8") for page in (ROOT / "docs").rglob("*.md"))]

    named = {name for text in pages for name in re.findall(r"ZIGZAG_[A-Z_]+[A-Z]", text)}

    assert named <= set(variables())
