"""Is docs/who-may-send.md right: would AWS take its parameters and blocks, and do its sums hold?"""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest
from tests.project.docs.pages import blocks, read
from tests.project.template.reading import TEMPLATE, parsed
from tests.project.template.test_template_lint import findings
from tests.project.template.test_template_parameters import allows
from tests.project.template.yours import with_blocks

PAGE = read("docs/who-may-send.md")
TEXT = TEMPLATE.read_text(encoding="utf-8")
REQUEST = 0.03 / 10_000
HOURS_A_MONTH = 720


def test_the_parameters_are_such_as_the_template_takes() -> None:
    parameters = parsed(TEXT)["Parameters"]
    given = [
        one.split("=", 1)
        for block in blocks(PAGE, "toml")
        for one in tomllib.loads(block.text)["default"]["global"]["parameters"]["parameter_overrides"]
    ]

    assert {name for name, _ in given} == {
        name for name in parameters if name.startswith("Sender") or name == "KmsKeyArn"
    }
    assert [one for one in given if not allows(parameters[one[0]], one[1])] == []


@pytest.mark.slow
def test_cfn_lint_finds_nothing_in_its_blocks_also_under_the_fifo_queues_place(tmp_path: Path) -> None:
    fifo = PAGE.replace("under `YOURS: senders`\n", "under `YOURS: senders to a FIFO queue`\n")

    assert findings(tmp_path, with_blocks(TEXT, PAGE), with_blocks(TEXT, fifo)) == ("", 0)


def test_the_keys_policy_lets_no_other_account_or_service_in_without_a_condition() -> None:
    (block,) = blocks(PAGE, "json")
    ours, *others = json.loads(block.text)

    assert ours["Principal"] == {"AWS": "arn:aws:iam::111122223333:root"}
    assert [one["Sid"] for one in others if not one.get("Condition")] == []
    services = set(re.findall(r"`(\w+)\.amazonaws\.com`", PAGE))
    assert services <= {one.split(".")[0] for one in others[1]["Principal"]["Service"]}


def test_the_key_costs_what_the_page_says() -> None:
    queue = parsed(TEXT)["Resources"]["TaskQueue"]["Properties"]
    _, seconds, _ = queue["KmsDataKeyReusePeriodSeconds"]["Fn::If"]
    asked = HOURS_A_MONTH * 3600 / seconds * (2 * 2 + 1)

    assert f"fixed at {seconds}" in PAGE
    assert f"{HOURS_A_MONTH} × (2 × 2 + 1) × $0.03 / 10,000 = ${asked * REQUEST:.2f}" in PAGE  # noqa: RUF001
    table = HOURS_A_MONTH * 12
    assert f"2 × {table:,} × $0.03 / 10,000 = ${2 * table * REQUEST:.2f}" in PAGE  # noqa: RUF001
    assert f"${asked * seconds / 300 * REQUEST:.2f} in place of ${asked * REQUEST:.2f}" in PAGE
