"""Does `sam build` find how to make each function's package, for every architecture?"""

from __future__ import annotations

import re

import pytest
from tests.project.template.reading import ROOT, Template

FUNCTIONS = "AWS::Serverless::Function"


def test_there_is_a_makefile_for_every_architecture_that_may_be_chosen(shipped: Template) -> None:
    architectures = shipped.source["Parameters"]["Architecture"]["AllowedValues"]
    makefiles = (ROOT / "src" / "package").glob("*/Makefile")

    assert {file.parent.name for file in makefiles} == set(architectures)


@pytest.mark.parametrize("function", ["ConsumerFunction", "WorkerFunction"])
def test_the_makefile_has_a_target_for_the_function_and_knows_its_handlers_folder(
    shipped: Template, function: str
) -> None:
    handler = shipped.source["Resources"][function]["Properties"]["Handler"]
    rules = (ROOT / "src" / "package" / "package.mk").read_text(encoding="utf-8")

    folders = re.findall(rf"^build-{function}: OURS := (.*)$", rules, re.MULTILINE)

    assert [handler.partition(".")[0] in line.split() for line in folders] == [True]
