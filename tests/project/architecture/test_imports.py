"""The imports that are allowed between packages."""

from __future__ import annotations

import ast
import sys

from tests.project.architecture.modules import OURS, SRC, TOOLS, Module

MAY_IMPORT = {
    "shared": {"shared"},
    "zigzag": {"zigzag", "shared"},
    "tasks": {"tasks", "zigzag"},
    "consumer": {"consumer", "shared"},
    "worker": {"worker", "zigzag", "shared", "tasks"},
    "server": {"server", "consumer", "worker", "zigzag", "shared", "tasks"},  # it is both in one
    "zigzag_testing": OURS,
    "zigzag_local": OURS,
    "zigzag_operate": {"zigzag_operate", "zigzag_local", "zigzag", "shared", "tasks", "consumer", "worker"},
    "zigzag_cli": {"zigzag_cli", "zigzag_operate", "zigzag_local", "shared"},
    "zigzag_project": {"zigzag_project"},
    "zigzag_verify": OURS,
    "zigzag_package": {"zigzag_package", "zigzag_local"},
    "audit": set(),
    "hashes": set(),
    "declared": set(),
    "package": set(),
}
"""Package to the packages of ours that it may import. A new package needs a line here, and a reason."""

OF_THE_PATH = {"consumer", "worker", "server", "shared", "zigzag"}
"""The poll-dispatch-settle path: boto3 in its transport alone, and nothing else that must be shipped."""

BY_BOTO = {"shared.aws.boto", "shared.aws.s3_objects", "shared.aws.sns_notices"}
"""Its transport, and the adapters on services that the lean one does not know."""

LEAN = "shared.aws.lean"


def ours_in(module: Module) -> list[str]:
    """Returns what a module imports of this project."""
    return sorted(name for name in module.imports if name.partition(".")[0] in OURS)


def test_every_package_says_what_it_may_import() -> None:
    assert sorted(OURS - MAY_IMPORT.keys()) == []


def test_a_module_imports_only_what_its_package_may() -> None:
    offenders = [
        f"{module} imports {name}, and {module.package} may not"
        for module in SRC + TOOLS
        for name in ours_in(module)
        if name.partition(".")[0] not in MAY_IMPORT.get(module.package, OURS)
    ]

    assert offenders == []


def test_in_the_path_only_adapters_by_boto3_import_it_and_nobody_anything_else() -> None:
    offenders = [
        f"{module} imports {package}"
        for module in SRC
        if module.package in OF_THE_PATH
        for package in sorted({name.partition(".")[0] for name in module.imports})
        if package not in OURS | sys.stdlib_module_names
        and not (module.name in BY_BOTO and package in ("boto3", "botocore"))
    ]

    assert offenders == []


def test_the_lean_client_is_closed() -> None:
    """It imports the standard library, itself, the interface that both transports have, and what bounds a
    call's time: no port."""
    offenders = [
        f"{module} imports {name}"
        for module in SRC
        if module.name.startswith(LEAN)
        for name in ours_in(module)
        if not name.startswith((LEAN, "shared.aws.transport", "shared.aws.within"))
    ]

    assert offenders == []


def test_the_worker_knows_of_the_tasks_no_more_than_their_table() -> None:
    offenders = [
        f"{module} imports {name}: worker.app gives it the table"
        for module in SRC
        if module.package == "worker"
        for name in ours_in(module)
        if name.partition(".")[0] == "tasks"
        and not (module.name == "worker.app" and name in ("tasks", "tasks.TASKS"))
        and not (module.name == "worker.foreign.lines" and name == "tasks")  # its EVENTS
    ]

    assert offenders == []


def test_the_operators_layer_prints_nothing_and_knows_of_no_terminal() -> None:
    offenders = [
        f"{module}:{node.lineno} has {node.id}: zigzag_cli shows what a function returns"
        for module in TOOLS
        if module.package == "zigzag_operate"
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Name) and node.id in ("print", "input")
    ] + [
        f"{module} imports {name}"
        for module in TOOLS
        if module.package == "zigzag_operate"
        for name in sorted(module.imports)
        if name.partition(".")[0] in ("typer", "click", "rich", "sys")
    ]

    assert offenders == []


def test_the_operators_layer_raises_one_error() -> None:
    offenders = [
        f"{module}:{node.lineno} raises {ast.unparse(node.exc)}"
        for module in TOOLS
        if module.package == "zigzag_operate"
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Raise) and node.exc and not ast.unparse(node.exc).startswith("OperateError(")
    ]

    assert offenders == []


def test_the_command_calls_aws_through_the_operators_layer_only() -> None:
    offenders = [
        f"{module} imports {name}"
        for module in TOOLS
        if module.package == "zigzag_cli"
        for name in sorted(module.imports)
        if name.partition(".")[0] in ("boto3", "botocore") or name.startswith("shared.aws")
    ]

    assert offenders == []


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


def test_a_module_of_shared_is_used_by_both_functions() -> None:
    """The ports are one thing, and so is `shared.aws`: the ports on AWS."""
    offenders = []
    for function, other in (("consumer", "worker"), ("worker", "consumer")):
        reached = reached_from(function)
        wholes = {
            whole
            for whole in ("shared.aws", "shared.ports")
            if any(name == whole or name.startswith(f"{whole}.") for name in reached)
        }
        offenders += [
            f"{module} is not used by the {function}: it belongs to the {other}"
            for module in SRC
            if module.package == "shared"
            and module.name not in reached
            and ".".join(module.name.split(".")[:2]) not in wholes
        ]

    assert offenders == []
