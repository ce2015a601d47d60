"""What Zigzag's own code never uses, so that no message can reach it. The tasks are the user's, and may."""

from __future__ import annotations

import ast

import pytest
from tests.architecture.modules import SRC, Module

OURS = [module for module in SRC if module.package in {"consumer", "worker", "shared", "zigzag"}]

each_module = pytest.mark.parametrize("module", OURS, ids=str)

NEVER = {
    "makes objects of bytes": "copyreg dill jsonpickle marshal pickle shelve yaml",
    "runs what it is given": "code codeop ctypes logging.config multiprocessing pkgutil pty runpy subprocess",
    "calls somebody": "aiohttp ftplib http httpx imaplib poplib requests smtplib socket socketserver ssl"
    " urllib urllib3 webbrowser xmlrpc",
    "reads what may be a bomb": "bz2 gzip lzma plistlib tarfile xml zipfile zlib",
}
TO_AWS = ("connections", "streams", "streams_in_a_loop", "streams_in_place", "trust")
WITH_CARE = {
    ("shared.envelope", "zlib"),  # it says where to stop; only who may invoke the worker can give it anything
    *((f"shared.aws.lean.{module}", name) for module in TO_AWS for name in ("socket", "ssl")),
}
"""The lean transport calls AWS's endpoints, of the region's or a variable's name, and nobody else: see
test_what_a_message_reaches.py."""

EVALUATE = {"__import__", "breakpoint", "compile", "eval", "exec", "globals", "input", "vars"}
LOOK_UP = {"delattr", "getattr", "hasattr", "setattr"}


@each_module
@pytest.mark.parametrize("what", NEVER)
def test_no_module_of_ours_imports_what(module: Module, what: str) -> None:
    forbidden = NEVER[what].split()

    imported = {
        name
        for name in module.imports
        if any(name == package or name.startswith(f"{package}.") for package in forbidden)
    }

    assert {name for name in imported if (module.name, name) not in WITH_CARE} == set()


@each_module
def test_nothing_is_evaluated(module: Module) -> None:
    assert {node.id for node in ast.walk(module.tree) if isinstance(node, ast.Name)} & EVALUATE == set()


@each_module
def test_what_is_read_is_read_as_json(module: Module) -> None:
    read = [node for node in attributes_in(module) if node.attr in ("load", "loads", "load_all")]

    assert {ast.unparse(node) for node in read} <= {"json.loads"}


@each_module
def test_no_program_is_started(module: Module) -> None:
    of_os = [node.attr for node in attributes_in(module) if ast.unparse(node.value) == "os"]

    assert not [
        name for name in of_os if name.startswith(("exec", "fork", "popen", "posix", "spawn", "system"))
    ]


@each_module
def test_only_the_lookup_imports_by_a_name_and_the_table_says_which(module: Module) -> None:
    calls = [call for call in calls_in(module) if ast.unparse(call.func).endswith("import_module")]

    if module.name != "worker.lookup":
        assert "importlib" not in {name.partition(".")[0] for name in module.imports}
        assert not calls
        return
    assigned = {
        ast.unparse(node.targets[0]): ast.unparse(node.value)
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Assign)
    }
    assert [assigned[ast.unparse(argument)] for call in calls for argument in call.args] == ["table[name]"]


@each_module
def test_no_attribute_is_reached_by_a_name_that_a_message_could_choose(module: Module) -> None:
    """But a task's, in the module that the table names for it."""
    names = {
        ast.unparse(call)
        for call in calls_in(module)
        if ast.unparse(call.func) in LOOK_UP and not isinstance(call.args[1], ast.Constant)
    }

    assert names == ({"getattr(module, name, None)"} if module.name == "worker.lookup" else set())


@each_module
def test_no_text_is_a_pattern_for_others(module: Module) -> None:
    """`text.format(…)`, with a text from a message, would read attributes of what it is given."""
    patterns = [node.value for node in attributes_in(module) if node.attr in ("format", "format_map")]

    assert [ast.unparse(pattern) for pattern in patterns if not isinstance(pattern, ast.Constant)] == []


def attributes_in(module: Module) -> list[ast.Attribute]:
    return [node for node in ast.walk(module.tree) if isinstance(node, ast.Attribute)]


def calls_in(module: Module) -> list[ast.Call]:
    return [node for node in ast.walk(module.tree) if isinstance(node, ast.Call)]
