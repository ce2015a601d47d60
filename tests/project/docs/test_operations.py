"""Has each alarm a section in docs/operations.md, with the command that its mail names, and its price?"""

from __future__ import annotations

import re
from typing import Any

from tests.project.docs.pages import ROOT, anchors, commands, read
from tests.project.template.reading import parsed

from zigzag_operate.cost.model import Setup, idle_month

PAGE = read("docs/operations.md")
RESOURCES: dict[str, Any] = parsed((ROOT / "template.yaml").read_text(encoding="utf-8"))["Resources"]
ALARMS = {name: one for name, one in RESOURCES.items() if one["Type"] == "AWS::CloudWatch::Alarm"}
SAYS = re.compile(r"^(?P<wrong>.+)\. Type: (?P<command>.+)\. Read: docs/operations\.md#(?P<anchor>[\w-]+)$")
TOLD = {name: SAYS.match(one["Properties"]["AlarmDescription"]["Fn::Sub"]) for name, one in ALARMS.items()}
TIMES = "\N{MULTIPLICATION SIGN}"
PRICES = ("What the alarms cost", "What is not watched")


def sections() -> dict[str, str]:
    """Returns the sections of the alarms, by their links."""
    text = PAGE.partition("\n## Alarms\n")[2].partition("\n## ")[0]
    found = [part.partition("\n") for part in text.split("\n### ")[1:]]
    return {head.lower().replace(" ", "-"): body for head, _, body in found if head not in PRICES}


def test_each_alarm_says_what_is_wrong_what_to_type_and_where_to_read() -> None:
    assert [name for name, told in TOLD.items() if told is None] == []


def test_each_alarm_has_a_section_with_its_command_and_each_section_an_alarm() -> None:
    named = {(told["anchor"], told["command"]) for told in TOLD.values() if told}

    assert {anchor for anchor, _ in named} == set(sections()) <= anchors(ROOT / "docs" / "operations.md")
    shown = {anchor: commands(body) for anchor, body in sections().items()}
    assert [
        (anchor, command)
        for anchor, command in sorted(named)
        if not any(one.startswith(command.replace("${AWS::StackName}", "zigzag")) for one in shown[anchor])
    ] == []


def test_the_prices_are_those_of_the_template() -> None:
    always = [name for name, one in ALARMS.items() if "Condition" not in one]
    told = [name for name, one in ALARMS.items() if not re.search(r"Other|[2-5]", one.get("Condition", ""))]
    idle = idle_month(Setup()).total
    more = idle + (len(told) - len(always)) * 0.10

    (one, all_of_them) = re.findall(rf"(\d+) {TIMES} \$0\.10 = ", PAGE)
    assert (int(one), int(all_of_them)) == (len(always), len(told))
    assert f"an idle month costs ${more:.2f} in place of ${idle:.2f}" in PAGE
    assert f"An idle month then costs ${more:.2f}" in read("docs/configuration.md")
    assert f"and it is ${more:.2f}" in read("docs/performance.md")
