"""Do the tasks, the template and Zigzag's files fit together? Asked before a deployment, not by a message."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sysconfig
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from samtranslator.yaml_helper import yaml_parse

from zigzag_project.places import split
from zigzag_project.stamp import Stamp

PROJECT = Path(__file__).resolve().parents[2]
TASKS = sorted((PROJECT / "src" / "tasks").rglob("*.py"))
LAMBDAS_OWN = ("AWS_", "LAMBDA_", "_")
"""How the variables begin that Lambda sets."""


def variables_read(file: Path) -> Iterator[tuple[int, str]]:
    """Each `os.environ["NAME"]`, which is an error where the variable is not set: its line, and the name."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if (
            isinstance(node, ast.Subscript)
            and isinstance(node.ctx, ast.Load)
            and ast.unparse(node.value) in ("os.environ", "environ")
            and isinstance(node.slice, ast.Constant)
            and isinstance(node.slice.value, str)
        ):
            yield node.lineno, node.slice.value


def test_the_worker_has_every_variable_that_a_task_reads() -> None:
    template: dict[str, Any] = yaml_parse((PROJECT / "template.yaml").read_text(encoding="utf-8"))
    functions = [one.get("Properties", {}) for one in template["Resources"].values()]
    workers = [one for one in functions if one.get("Handler") == "worker.app.handler"]
    known = {
        name
        for one in (template["Globals"]["Function"], *workers)
        for name in one.get("Environment", {}).get("Variables", {})
    }

    missing = [
        f"{file.relative_to(PROJECT)}:{line}: {name} is not set: add it to template.yaml, under"
        " `YOURS: environment variables`"
        for file in TASKS
        for line, name in variables_read(file)
        if name not in known and not name.startswith(LAMBDAS_OWN)
    ]

    assert missing == []


def test_the_workers_place_changes_nothing_that_zigzag_set() -> None:
    text = (PROJECT / "template.yaml").read_text(encoding="utf-8")
    _, places = split(text)
    mine: dict[str, Any] = yaml_parse(textwrap.dedent(places["# ==== YOURS: the worker function ===="])) or {}
    # Those of Globals are not there twice for cfn-lint. The others are of no use, or change which version the
    # rules for events are for, or what an event is.
    zigzags = {*yaml_parse(text)["Globals"]["Function"], "AutoPublishAlias", "Events", "Policies"}
    found = sorted(zigzags & set(mine))

    if found:
        names = ", ".join(found)
        pytest.fail(f"these are not for the worker function's place in template.yaml: {names}", pytrace=False)


def named(node: Any) -> Iterator[str]:
    """Yields what a part of the template refers to: parameters and resources."""
    match node:
        case {"Ref": str(name)}:
            yield name
        case {"Fn::GetAtt": [str(name), *_]}:
            yield name
        case {"Fn::GetAtt": str(name)}:
            yield name.partition(".")[0]
        case {"Fn::Sub": text}:
            text, own = text if isinstance(text, list) else (text, {})
            names = re.findall(r"\$\{([^!}][^}]*)\}", text)
            yield from (name.partition(".")[0] for name in names if name not in own)
            yield from named(own)
        case dict():
            yield from (name for part in node.values() for name in named(part))
        case list():
            yield from (name for part in node for name in named(part))


def made_by_sam(resources: dict[str, Any]) -> Iterator[str]:
    """Yields the names of what SAM makes of functions
    (https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-specification-generated-resources.html)."""
    yield from ("ServerlessHttpApi", "ServerlessRestApi")
    for name, one in resources.items():
        if one["Type"] == "AWS::Serverless::Function":
            events = one.get("Properties", {}).get("Events", {})
            yield from (f"{name}{part}" for part in ("Role", "Url", *events))


def test_the_template_names_nothing_that_is_not_there() -> None:
    template: dict[str, Any] = yaml_parse((PROJECT / "template.yaml").read_text(encoding="utf-8"))
    known = {*template["Parameters"], *template["Resources"], *made_by_sam(template["Resources"])}

    # cfn-lint sees no such name in a function's variables.
    missing = {name for name in named(template) if name not in known and not name.startswith("AWS::")}

    if missing:
        pytest.fail(f"template.yaml names what is not there: {', '.join(sorted(missing))}", pytrace=False)


def test_the_template_is_a_good_one() -> None:
    linted = subprocess.run(
        [Path(sysconfig.get_path("scripts"), "cfn-lint"), "template.yaml"],
        cwd=PROJECT,
        env={**os.environ, "AWS_DEFAULT_REGION": "us-east-1"},  # SAM's part of it asks for a region
        capture_output=True,
        text=True,
        check=False,
    )

    if linted.returncode != 0:
        pytest.fail(linted.stdout + linted.stderr, pytrace=False)


def test_zigzags_files_are_those_of_its_version() -> None:
    """Else an upgrade would refuse; or one was ended in the middle, and left a mix of two versions."""
    stamp = Stamp.read(PROJECT)
    changed = stamp.changed(PROJECT)
    if changed:
        pytest.fail(f"not as Zigzag {stamp.version} has them: {', '.join(changed)}", pytrace=False)
