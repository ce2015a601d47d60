"""Who may import whom?"""

from __future__ import annotations

import sys

import pytest
from tests.architecture.modules import OURS, SRC, TOOLS, Module

MAY_IMPORT = {
    "shared": {"shared"},
    "zigzag": {"zigzag", "shared"},
    "tasks": {"tasks", "zigzag"},
    "consumer": {"consumer", "shared"},
    "worker": {"worker", "zigzag", "shared", "tasks"},
    "zigzag_testing": OURS,
    "zigzag_local": OURS,
    "zigzag_cli": OURS,
}
"""Package to the packages of ours that it may import. A new package needs a line here, and a reason."""

OF_THE_PATH = {"consumer", "worker", "shared", "zigzag"}
"""The poll-dispatch-settle path: boto3 in its transport alone, and nothing else that must be shipped."""


@pytest.mark.parametrize("module", SRC + TOOLS, ids=str)
def test_a_module_imports_only_what_its_package_may(module: Module) -> None:
    assert module.package in MAY_IMPORT, f"{module.package} is new: say in MAY_IMPORT what it may import"
    for imported in module.imports:
        package = imported.partition(".")[0]
        allowed = MAY_IMPORT[module.package]
        assert package not in OURS - allowed, f"{module.package} may not import {package}: see {module.name}"


@pytest.mark.parametrize("module", [module for module in SRC if module.package in OF_THE_PATH], ids=str)
def test_in_the_path_only_botos_transport_imports_boto3_and_nobody_anything_else(module: Module) -> None:
    packages = {imported.partition(".")[0] for imported in module.imports}
    foreign = packages - OURS - sys.stdlib_module_names
    allowed = {"boto3", "botocore"} if module.name == "shared.aws.boto" else set()

    assert foreign <= allowed, f"{module.name} may not import {', '.join(sorted(foreign - allowed))}"


def test_the_lean_client_is_closed() -> None:
    """It imports the standard library, itself, and the interface that both transports have: no port."""
    for module in SRC:
        if module.name.startswith("shared.aws.lean"):
            ours = {name for name in module.imports if name.partition(".")[0] in OURS}
            foreign = {
                name for name in ours if not name.startswith(("shared.aws.lean", "shared.aws.transport"))
            }
            assert not foreign, f"{module.name} may not import {', '.join(sorted(foreign))}"


def test_the_worker_knows_of_the_tasks_no_more_than_their_table() -> None:
    for module in SRC:
        if module.package == "worker":
            used = {name for name in module.imports if name.startswith("tasks")}
            assert used <= {"tasks", "tasks.TASKS"}, f"{module.name} knows a task; use the table"
            assert not used or module.name == "worker.app", (
                f"{module.name} may not import tasks; worker.app does"
            )


def reached_from(package: str) -> set[str]:
    """Modules of shared that a package imports, directly or through others of shared."""
    by_name = {module.name: module for module in SRC if module.package == "shared"}
    todo = [name for module in SRC if module.package == package for name in module.imports]
    reached: set[str] = set()
    while todo:
        name = todo.pop()
        if name in by_name and name not in reached:
            reached.add(name)
            todo += by_name[name].imports
    return reached


@pytest.mark.parametrize("module", [module for module in SRC if module.package == "shared"], ids=str)
def test_a_module_of_shared_is_used_by_both_functions(module: Module) -> None:
    """The ports are one thing, and so is `shared.aws`: the ports on AWS."""
    for function in ("consumer", "worker"):
        reached = reached_from(function)
        used = module.name in reached or (
            (whole := ".".join(module.name.split(".")[:2])) in ("shared.aws", "shared.ports")
            and any(name.startswith(whole) for name in reached)
        )
        other = "worker" if function == "consumer" else "consumer"
        assert used, f"{module.name} is not used by the {function}: it belongs to the {other}"
