"""The public names, and how large a thing may be."""

from __future__ import annotations

import ast

from tests.project.architecture.modules import ROOT, SRC, TOOLS, Module, modules_below

import zigzag
import zigzag_testing

MAX_LINES = {"module": 250, "function": 40, "handler's module": 80}
MOCKING = {"mock", "unittest.mock"}


def test_the_public_names_of_zigzag() -> None:
    """A name that is added stays for good. One that is taken away breaks somebody's tasks."""
    assert sorted(zigzag.__all__) == [
        "AlreadyScheduledError",
        "Backoff",
        "BadPayloadError",
        "Context",
        "Done",
        "Failed",
        "Handle",
        "Next",
        "PayloadTooLargeError",
        "Reject",
        "Retry",
        "SendError",
        "Task",
        "TaskDefinitionError",
        "Unavailable",
        "ZigzagError",
        "remote",
        "task",
    ]


def test_the_public_names_of_zigzag_testing() -> None:
    assert sorted(zigzag_testing.__all__) == ["DeadLetter", "Reply", "Sandbox"]


def test_every_public_name_is_there() -> None:
    missing = [
        f"{package.__name__}.{name}"
        for package in (zigzag, zigzag_testing)
        for name in package.__all__
        if not hasattr(package, name)
    ]

    assert missing == []


def test_no_test_mocks() -> None:
    """Mocks test what we think of a thing. The shipped fakes pass the contract suite."""
    offenders = [
        f"{module} imports {name}: use zigzag_testing, or what is in tests/support.py"
        for module in modules_below("tests")
        if "mock" in module.path.read_text(encoding="utf-8")  # a tree of each takes seconds
        for name in sorted(module.imports)
        if any(name == mocking or name.startswith(f"{mocking}.") for mocking in MOCKING)
    ]

    assert offenders == []


def test_a_module_is_read_in_one_sitting() -> None:
    offenders = [
        f"{where(module)} has {lines} lines, of {most}: it has two subjects"
        for module in SRC + TOOLS
        for lines in [len(module.path.read_text(encoding="utf-8").splitlines())]
        for most in [MAX_LINES["handler's module" if is_handlers(module) else "module"]]
        if lines > most
    ]

    assert offenders == []


def test_a_function_is_seen_at_a_glance() -> None:
    offenders = [
        f"{where(module)}:{function.lineno} {function.name} has {lines} lines, of {MAX_LINES['function']}"
        for module in SRC + TOOLS
        for function in module.functions()
        for lines in [(function.end_lineno or 0) - function.lineno + 1]
        if lines > MAX_LINES["function"]
    ]

    assert offenders == []


def test_a_module_says_what_it_is_for() -> None:
    silent = [
        where(module) for module in SRC + TOOLS if module.tree.body and not ast.get_docstring(module.tree)
    ]

    assert silent == []


def is_handlers(module: Module) -> bool:
    return module.name in ("consumer.app", "worker.app")


def test_the_command_shows_nothing_as_markup_but_the_demos_own_words() -> None:
    """An id, a name or a path may have brackets: on a console of Rich's own they are an error, or gone."""
    offenders = [
        f"{where(module)}:{node.lineno} makes a Console: use zigzag_cli.plain"
        for module in TOOLS
        if module.package == "zigzag_cli" and module.name != "zigzag_cli.plain"
        for function in module.functions()
        for node in ast.walk(function)
        if isinstance(node, ast.Call)
        and ast.unparse(node.func).endswith("Console")
        and function.name != "demo"
    ]

    assert offenders == []


def where(module: Module) -> str:
    return str(module.path.relative_to(ROOT))
