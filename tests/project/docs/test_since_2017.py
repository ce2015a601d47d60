"""Does docs/since-2017.md have a source for each change, and is it right about this stack?"""

from __future__ import annotations

import re

from tests.project.docs.pages import links, read
from tests.project.template.reading import parsed

from shared.lease import EVENT_AGE_SECONDS

PAGE = read("docs/since-2017.md")
TEMPLATE = parsed(read("template.yaml"))
ROWS = {
    cells[0]: cells[1:]
    for line in PAGE.splitlines()
    if line.startswith("| ") and len(cells := [cell.strip() for cell in line.strip("|").split("|")]) == 4
}
CHANGES = [name for name in ROWS if name]


def test_the_table_has_its_changes() -> None:
    assert {"Start by SQS", "Schedule", "A message", "Python"} <= set(CHANGES)


def test_each_change_has_a_page_of_awss_behind_it() -> None:
    behind = {change: links(ROWS[change][1]) for change in CHANGES}
    every_link = [link for found in behind.values() for link in found]

    assert [change for change in CHANGES if not behind[change]] == []
    assert [link for link in every_link if not re.match(r"https://(docs\.)?aws\.amazon\.com/", link)] == []


def test_the_parameters_and_outputs_that_are_named_are_the_stacks() -> None:
    named = {name for change in CHANGES for name in re.findall(r"`(\w+)`", ROWS[change][2])}

    assert named <= set(TEMPLATE["Parameters"]) | set(TEMPLATE["Outputs"])


def test_the_stack_has_the_retries_and_the_python_that_the_page_says() -> None:
    function = TEMPLATE["Globals"]["Function"]

    assert ROWS["Retries by Lambda"][2].startswith(f"none, and {EVENT_AGE_SECONDS} s")
    assert function["EventInvokeConfig"]["MaximumRetryAttempts"] == 0
    assert function["Runtime"] == f"python{ROWS['Python'][2]}"
