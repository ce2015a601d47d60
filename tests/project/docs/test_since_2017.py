"""Does docs/since-2017.md have a source for each change, and is it right about this stack?"""

from __future__ import annotations

import re

import pytest
from samtranslator.yaml_helper import yaml_parse
from tests.project.docs.pages import links, read

from shared.lease import EVENT_AGE_SECONDS

PAGE = read("docs/since-2017.md")
TEMPLATE = yaml_parse(read("template.yaml"))
ROWS = {
    cells[0]: cells[1:]
    for line in PAGE.splitlines()
    if line.startswith("| ") and len(cells := [cell.strip() for cell in line.strip("|").split("|")]) == 4
}
CHANGES = [name for name in ROWS if name]


def test_the_table_has_its_changes() -> None:
    assert {"Start by SQS", "Schedule", "A message", "Python"} <= set(CHANGES)


@pytest.mark.parametrize("change", CHANGES)
def test_each_change_has_a_page_of_awss_behind_it(change: str) -> None:
    _, today, _ = ROWS[change]

    assert links(today)
    assert [link for link in links(today) if not re.match(r"https://(docs\.)?aws\.amazon\.com/", link)] == []


@pytest.mark.parametrize("change", CHANGES)
def test_the_parameters_and_outputs_that_are_named_are_the_stacks(change: str) -> None:
    named = set(re.findall(r"`(\w+)`", ROWS[change][2]))

    assert named <= set(TEMPLATE["Parameters"]) | set(TEMPLATE["Outputs"])


def test_the_stack_has_the_retries_and_the_python_that_the_page_says() -> None:
    function = TEMPLATE["Globals"]["Function"]

    assert ROWS["Retries by Lambda"][2].startswith(f"none, and {EVENT_AGE_SECONDS} s")
    assert function["EventInvokeConfig"]["MaximumRetryAttempts"] == 0
    assert function["Runtime"] == f"python{ROWS['Python'][2]}"
