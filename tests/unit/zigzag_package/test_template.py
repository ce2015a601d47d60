"""The packaged template is plain CloudFormation, with the code in a bucket that a parameter names."""

from __future__ import annotations

from typing import Any

import pytest
from tests.project.template.reading import TEMPLATE, to_cloudformation

from zigzag_package.template import functions, packaged

TEXT = TEMPLATE.read_text(encoding="utf-8")
ZIPS = {"ConsumerFunction": "ConsumerFunction-1.zip", "WorkerFunction": "WorkerFunction-2.zip"}


@pytest.fixture(scope="module")
def made() -> dict[str, Any]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")  # SAM asks the shell for a region
        return packaged(TEXT, ZIPS, "arm64")


def test_nothing_is_left_for_sam_to_do(made: dict[str, Any]) -> None:
    assert "Transform" not in made
    assert "Globals" not in made
    assert [one for one in made["Resources"].values() if "Serverless" in one["Type"]] == []


def test_each_function_has_its_zip_and_everything_else_is_the_templates(made: dict[str, Any]) -> None:
    as_sam_has_it = to_cloudformation(TEXT)

    assert functions(TEXT) == list(ZIPS)
    for name, file in ZIPS.items():
        code = made["Resources"][name]["Properties"].pop("Code")
        assert code == {"S3Bucket": {"Ref": "CodeBucket"}, "S3Key": {"Ref": f"{name}Key"}}
        assert made["Parameters"].pop(f"{name}Key")["Default"] == file
        for part in ("Metadata", "Code"):
            as_sam_has_it["Resources"][name].pop(part, None)
            as_sam_has_it["Resources"][name]["Properties"].pop(part, None)
    assert made["Resources"] == as_sam_has_it["Resources"]
    assert made["Parameters"].keys() - as_sam_has_it["Parameters"].keys() == {"CodeBucket"}


def test_only_the_architecture_that_was_built_can_be_chosen(made: dict[str, Any]) -> None:
    architecture = made["Parameters"]["Architecture"]

    assert (architecture["Default"], architecture["AllowedValues"]) == ("arm64", ["arm64"])
