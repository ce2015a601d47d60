"""Calls that Zigzag's own code never makes, so no message reaches them. A user's tasks may make them."""

from __future__ import annotations

import ast
from collections.abc import Callable

import pytest
from tests.project.architecture.modules import SRC, Module

OURS = [module for module in SRC if module.package in {"consumer", "worker", "server", "shared", "zigzag"}]

NEVER = {
    "makes objects of bytes": "copyreg dill jsonpickle marshal pickle shelve yaml",
    "runs what it is given": "code codeop ctypes logging.config multiprocessing pkgutil pty runpy subprocess",
    "calls somebody": "aiohttp ftplib http httpx imaplib poplib requests smtplib socket socketserver ssl"
    " urllib urllib3 webbrowser xmlrpc",
    "reads what may be a bomb": "bz2 gzip lzma plistlib tarfile xml zipfile zlib",
}
WITH_CARE = {
    # It says where to stop; only those who may invoke the worker can give it anything.
    "shared.envelope": {"zlib"},
    # It decodes the keys of S3's objects by a function that only reads text.
    "worker.foreign.senders": {"urllib.parse"},
    # It starts its own slots, before and without any message.
    "server.supervisor": {"subprocess"},
    # It calls AWS's endpoints, of the region's or a variable's name: see test_what_a_message_reaches.py.
    "shared.aws.lean": {"socket", "ssl"},
}
"""By the module, or the package that it is in."""

EVALUATE = {"__import__", "breakpoint", "compile", "eval", "exec", "globals", "input", "vars"}
LOOK_UP = {"delattr", "getattr", "hasattr", "setattr"}


def test_no_module_of_ours_imports_what_a_message_must_not_reach() -> None:
    offenders = [
        f"{module} imports {name}, which {what}"
        for module in OURS
        for what, packages in NEVER.items()
        for name in sorted(module.imports)
        if any(name == package or name.startswith(f"{package}.") for package in packages.split())
        and not any(name == one or name.startswith(f"{one}.") for one in with_care(module))
    ]

    assert offenders == []


def test_nothing_is_evaluated() -> None:
    offenders = [
        f"{module}, line {node.lineno}: {node.id}"
        for module in OURS
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Name) and node.id in EVALUATE
    ]

    assert offenders == []


PROGRAMS = ("exec", "fork", "popen", "posix", "spawn", "system")


@pytest.mark.parametrize(
    "forbidden",
    [
        pytest.param(
            lambda node: node.attr in ("load", "loads", "load_all") and ast.unparse(node) != "json.loads",
            id="reads anything but JSON",
        ),
        pytest.param(
            lambda node: ast.unparse(node.value) == "os" and node.attr.startswith(PROGRAMS),
            id="starts a program",
        ),
        # It would read attributes of what it is given, if its text came from a message.
        pytest.param(
            lambda node: node.attr in ("format", "format_map") and not isinstance(node.value, ast.Constant),
            id="makes a text a pattern for others",
        ),
    ],
)
def test_no_code_of_ours(forbidden: Callable[[ast.Attribute], bool]) -> None:
    offenders = [
        f"{module}, line {node.lineno}: {ast.unparse(node)}"
        for module in OURS
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Attribute) and forbidden(node)
    ]

    assert offenders == []


def test_only_the_lookup_imports_by_a_name_and_the_table_says_which() -> None:
    # Given the modules that could
    able = {
        module.name
        for module in OURS
        if "importlib" in {name.partition(".")[0] for name in module.imports}
        or any(is_import(call) for call in calls_in(module))
    }
    assert able == {"worker.lookup"}

    # Then what the lookup imports stands in the table
    (lookup,) = (module for module in OURS if module.name == "worker.lookup")
    assigned = {
        ast.unparse(node.targets[0]): ast.unparse(node.value)
        for node in ast.walk(lookup.tree)
        if isinstance(node, ast.Assign)
    }
    arguments = [argument for call in calls_in(lookup) if is_import(call) for argument in call.args]
    assert [assigned[ast.unparse(argument)] for argument in arguments] == ["table[name]"]


def test_no_attribute_is_reached_by_a_name_that_a_message_could_choose() -> None:
    """A task is found so in the module that the table names for it, or a field of a producer's dataclass."""
    reached = {
        (module.name, ast.unparse(call))
        for module in OURS
        for call in calls_in(module)
        if ast.unparse(call.func) in LOOK_UP and not isinstance(call.args[1], ast.Constant)
    }

    assert reached == {
        ("worker.lookup", "getattr(module, name, None)"),
        ("zigzag.round_trip", "getattr(one, field.name, None)"),
    }


def with_care(module: Module) -> set[str]:
    return {
        name
        for place, names in WITH_CARE.items()
        if module.name == place or module.name.startswith(f"{place}.")
        for name in names
    }


def is_import(call: ast.Call) -> bool:
    return ast.unparse(call.func).endswith("import_module")


def calls_in(module: Module) -> list[ast.Call]:
    return [node for node in ast.walk(module.tree) if isinstance(node, ast.Call)]
