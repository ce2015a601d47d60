"""A copy of the project with tasks of a test's own, deployed in the project's place."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.e2e.conftest import PROJECT, TRANSPORT, Deployed

from zigzag_local import stack
from zigzag_local.emulator import Emulator
from zigzag_local.ledger import Ledger
from zigzag_local.running import LocalAws

OWN_TASKS = Path(__file__).with_name("own_tasks")


@contextmanager
def deployed_copy(
    project: Path, tasks: Mapping[str, str], *parameters: str, on: Emulator | None = None, **how: Any
) -> Iterator[Deployed]:
    """Yields a copy that is deployed on a local AWS of its own: by TLS, and judging, unless one is given."""
    with on or Emulator(tls=True, auth=True) as aws:
        outputs = deploy_copy(project, aws, tasks, *parameters, **how)
        yield Deployed(aws, outputs, Ledger(aws, outputs))


def deploy_copy(
    project: Path,
    aws: LocalAws,
    tasks: Mapping[str, str],
    *parameters: str,
    changed: Callable[[str], str] = lambda template: template,
    tags: str = "",
) -> dict[str, str]:
    """Copies the project into the folder `project`, and deploys the copy. Returns the stack's outputs.

    tasks      -- further ones: name to module in tests/e2e/own_tasks.
    parameters -- further ones of the local stack, each `Name=value`.
    changed    -- makes its template of the project's.
    tags       -- the stack's, as a person writes them into samconfig.toml.
    """
    shutil.copytree(PROJECT / "src", project / "src", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("template.yaml", "samconfig.toml"):
        shutil.copy(PROJECT / name, project)
    template = project / "template.yaml"
    template.write_text(changed(template.read_text(encoding="utf-8")), encoding="utf-8")
    add_tasks(project / "src" / "tasks", tasks)
    add_parameters(project / "samconfig.toml", (f"Transport={TRANSPORT}", *parameters))
    if tags:
        add_tags(project / "samconfig.toml", tags)
    build_dir, environment = aws.directory / "sam" / "build", aws.environment()
    stack.build(project, environment, build_dir, log=aws.directory / "build.log")
    stack.deploy(project, environment, build_dir, log=aws.directory / "deploy.log")
    return stack.outputs(project, environment)


def add_tasks(folder: Path, tasks: Mapping[str, str]) -> None:
    for module in set(tasks.values()):
        shutil.copy(OWN_TASKS / f"{module}.py", folder)
    lines = "".join(f'TASKS["{task}"] = "tasks.{module}"\n' for task, module in tasks.items())
    with (folder / "__init__.py").open("a") as table:
        table.write(lines)


def add_parameters(config: Path, parameters: tuple[str, ...]) -> None:
    """Adds them at the end: there they count if one is there twice."""
    listed = "".join(f', "{parameter}"' for parameter in parameters)
    text = re.sub(r"^(parameter_overrides = \[.*)\]", rf"\1{listed}]", config.read_text(), flags=re.MULTILINE)
    assert listed in text
    config.write_text(text)


def add_tags(config: Path, tags: str) -> None:
    text = re.sub(
        r"^(\[local\.deploy\.parameters\])$", rf'\1\ntags = "{tags}"', config.read_text(), flags=re.MULTILINE
    )
    assert tags in text
    config.write_text(text)
