"""Does `sam build` find how to make each function's package, for every architecture?"""

from __future__ import annotations

import re

import pytest
from tests.project.template.reading import ROOT, Template

FUNCTIONS = "AWS::Serverless::Function"


def test_every_function_is_built_by_a_makefile_of_its_architecture(shipped: Template) -> None:
    functions = {name: one for name, one in shipped.source["Resources"].items() if one["Type"] == FUNCTIONS}

    assert functions
    for function in functions.values():
        # sam resolves it with the parameters that it is given
        assert function["Metadata"]["ContextPath"] == {"Fn::Sub": "src/package/${Architecture}"}
        assert function["Metadata"]["BuildMethod"] == "makefile"


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
