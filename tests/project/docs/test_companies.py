"""Is docs/companies.md right: what carries tags, which regions there are, and would AWS take its blocks?"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER
from tests.project.docs.pages import blocks, read
from tests.project.template.reading import TEMPLATE, to_cloudformation
from tests.project.template.test_template_lint import findings
from tests.project.template.test_template_parameters import allows
from tests.project.template.yours import with_blocks

from shared.aws.lean.endpoint import SERVICES, NeedsBotoError, aws_environment

PAGE = read("docs/companies.md")


@pytest.fixture(scope="module")
def transformed() -> dict[str, Any]:
    return to_cloudformation(TEMPLATE.read_text(encoding="utf-8"))


def test_every_kind_of_resource_that_can_carry_tags_is_named_and_no_other(
    transformed: dict[str, Any],
) -> None:
    kinds = {one["Type"] for one in transformed["Resources"].values()}
    tagged = {kind for kind in kinds if _can_carry_tags(kind)}

    (listed,) = (one.text for one in blocks(PAGE, "text") if one.text.startswith("AWS::"))
    assert set(listed.split()) == tagged


def _can_carry_tags(kind: str) -> bool:
    found: bool = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", kind).schema["tagging"]["taggable"]
    return found


def test_the_settings_are_such_as_the_template_takes(transformed: dict[str, Any]) -> None:
    (settings, *_) = blocks(PAGE, "toml")
    (given,) = tomllib.loads(settings.text)["default"]["global"]["parameters"]["parameter_overrides"]
    name, _, value = given.partition("=")

    assert allows(transformed["Parameters"][name], value)


# ---- Regions ----

CALLED = (*SERVICES, "cloudformation", "events", "iam", "logs", "s3", "scheduler", "sns")
"""All services that a stack can have, and that have regions or are of a whole partition."""

OURS, BOTO = "Zigzag's own transport", "boto3"


def test_each_partition_has_a_row_that_says_what_calls_there() -> None:
    session = botocore.session.get_session()
    told = {}
    for line in PAGE.splitlines():
        if line.startswith("| `aws"):
            partitions, _, called = (cell.strip() for cell in line.strip("|").split("|"))
            told |= dict.fromkeys(re.findall(r"`([\w-]+)`", partitions), called.split(";")[0].split(",")[0])

    assert told == {
        name: OURS if all(map(_is_ours, session.get_available_regions("sqs", name))) else BOTO
        for name in session.get_available_partitions()
    }


def _is_ours(region: str) -> bool:
    variables = {"AWS_REGION": region, "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
    try:
        aws_environment(variables)
    except NeedsBotoError:
        return False
    return True


def test_each_region_has_every_service_of_a_stack() -> None:
    session = botocore.session.get_session()
    lacking = []
    for name in session.get_available_partitions():
        regions = set(session.get_available_regions("sqs", name))
        for service in CALLED:
            there = set(session.get_available_regions(service, name))
            is_of_all = service == "iam"  # one address for all regions
            lacking += [] if is_of_all or regions <= there else [(name, service, sorted(regions - there))]

    assert lacking == []


# ---- Blocks ----


@pytest.mark.slow
def test_cfn_lint_finds_nothing_in_its_trail(tmp_path: Path) -> None:
    assert findings(tmp_path, with_blocks(TEMPLATE.read_text(encoding="utf-8"), PAGE)) == ("", 0)
