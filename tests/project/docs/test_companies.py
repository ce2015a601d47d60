"""Is docs/companies.md right: which resources carry tags, and would AWS take its settings?"""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER
from tests.project.docs.pages import blocks, read
from tests.project.template.reading import TEMPLATE, to_cloudformation
from tests.project.template.test_template_parameters import allows

PAGE = read("docs/companies.md")


@pytest.fixture(scope="module")
def transformed() -> dict[str, Any]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")  # SAM asks the shell for a region
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
