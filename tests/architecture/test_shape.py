"""The public names, and how large a thing may be."""

from __future__ import annotations

import ast

import pytest
from tests.architecture.modules import SRC, TOOLS, Module, modules_below

import zigzag
import zigzag_testing

MAX_LINES = {"module": 250, "function": 40, "handler's module": 80}


def test_the_public_names_of_zigzag() -> None:
    """Whoever adds one keeps it for good; whoever takes one away breaks somebody's tasks."""
    assert sorted(zigzag.__all__) == [
        "Backoff",
        "BadPayloadError",
        "Context",
        "PayloadTooLargeError",
        "Reject",
        "Retry",
        "SendError",
        "Task",
        "TaskDefinitionError",
        "task",
    ]


def test_the_public_names_of_zigzag_testing() -> None:
    assert sorted(zigzag_testing.__all__) == ["DeadLetter", "Sandbox"]


@pytest.mark.parametrize("package", [zigzag, zigzag_testing], ids=["zigzag", "zigzag_testing"])
def test_every_public_name_is_there(package: object) -> None:
    for name in package.__all__:  # type: ignore[attr-defined]
        assert hasattr(package, name)


@pytest.mark.parametrize("module", modules_below("tests"), ids=str)
def test_no_test_mocks(module: Module) -> None:
    """Mocks test what we think of a thing; the shipped fakes pass the contract suite."""
    mocking = {name for name in module.imports if name.split(".")[0] == "mock" or name == "unittest.mock"}

    assert not mocking, (
        f"{module.name} imports {mocking.pop()}: use zigzag_testing, or what is in tests/support.py"
    )


@pytest.mark.parametrize("module", SRC + TOOLS, ids=str)
def test_a_module_is_read_in_one_sitting(module: Module) -> None:
    lines = len(module.path.read_text(encoding="utf-8").splitlines())
    most = MAX_LINES["handler's module" if module.name in ("consumer.app", "worker.app") else "module"]

    assert lines <= most, f"{module.path} has {lines} lines, of {most}: it has two subjects"


@pytest.mark.parametrize("module", SRC + TOOLS, ids=str)
def test_a_function_is_seen_at_a_glance(module: Module) -> None:
    for function in module.functions():
        lines = (function.end_lineno or 0) - function.lineno + 1
        where = f"{module.path}:{function.lineno} {function.name}"
        assert lines <= MAX_LINES["function"], f"{where} has {lines} lines, of {MAX_LINES['function']}"


@pytest.mark.parametrize("module", SRC + TOOLS, ids=str)
def test_a_module_says_what_it_is_for(module: Module) -> None:
    assert ast.get_docstring(module.tree) or not module.tree.body, f"{module.path} has no docstring"
