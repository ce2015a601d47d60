"""Importing does nothing: no network, no files, no environment, no client, no thread."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator

import pytest
from tests.project.architecture.modules import ROOT, SRC

GUARD = "AWS_LAMBDA_FUNCTION_NAME"
"""Within Lambda, `app.py` wires in the init phase."""

FORBIDDEN = {"environ", "getenv", "open", "client", "resource", "Session", "read_text", "urlopen", "Thread"}


def run_at_import(body: list[ast.stmt]) -> Iterator[ast.AST]:
    """Yields all below these statements that runs at an import: no function's inside."""
    for statement in body:
        if isinstance(statement, ast.If) and ast.unparse(statement.test) in (
            "TYPE_CHECKING",
            f"'{GUARD}' in os.environ",
        ):
            continue
        yield from outside_of_functions(statement)


def outside_of_functions(node: ast.AST) -> Iterator[ast.AST]:
    yield node
    for name, value in ast.iter_fields(node):
        if name == "body" and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield from outside_of_functions(child)


def test_no_statement_of_a_module_reads_the_environment_or_makes_a_client() -> None:
    offenders = [
        f"{module}, line {node.lineno}, uses {name} at import: do it in a function that `app.py` calls"
        for module in SRC
        for node in run_at_import(module.tree.body)
        if isinstance(node, ast.Attribute | ast.Name)
        for name in [node.attr if isinstance(node, ast.Attribute) else node.id]
        if name in FORBIDDEN
    ]

    assert offenders == []


def test_only_the_two_apps_wire_at_import() -> None:
    wiring = {module.name for module in SRC if GUARD in module.path.read_text(encoding="utf-8")}

    assert wiring == {"consumer.app", "worker.app"}


WATCH = """
import json, os, sys

def done_by(name):
    done, watching = [], True
    def watch(event, arguments):
        if not watching:
            return
        if event in FORBIDDEN or event.startswith(("subprocess.", "os.exec", "os.fork")):
            done.append(event)
        if event == "open":
            path, mode, _ = arguments
            # Reading modules, and what packages bring along, is what an import does.
            if not isinstance(path, int) and (mode not in ("r", "rb") or not str(path).startswith(TREES)):
                done.append(f"open {path} {mode}")
    sys.addaudithook(watch)
    __import__(name)
    watching = False
    return done

# urllib3 tries at import whether a socket can be bound to IPv6; nobody is called.
FORBIDDEN = {"socket.connect", "socket.getaddrinfo", "socket.sendto", "os.system", "_thread.start_new_thread"}
TREES = tuple({sys.prefix, sys.base_prefix, sys.argv[1]})
sys.path.insert(0, sys.argv[1])
sys.dont_write_bytecode = True
for name in sys.argv[2:]:
    if os.fork() == 0:  # each in a process that has loaded nothing of ours
        print(json.dumps([name, done_by(name), sorted(sys.modules)]), flush=True)
        os._exit(0)
    os.wait()
"""


type Imported = dict[str, tuple[list[str], set[str]]]
"""By the module: what it did, and which modules were loaded then."""


@pytest.fixture(scope="module")
def imported() -> Imported:
    """Imports each module of src alone, by a bare Python with an empty environment."""
    command = [sys.executable, "-c", WATCH, str(ROOT / "src"), *(module.name for module in SRC)]
    said = subprocess.run(command, env={}, capture_output=True, text=True, check=True)
    lines = [json.loads(line) for line in said.stdout.splitlines()]
    assert [name for name, _, _ in lines] == [module.name for module in SRC], said.stderr
    return {name: (done, set(loaded)) for name, done, loaded in lines}


def test_importing_a_module_opens_no_socket_no_file_and_starts_nothing(imported: Imported) -> None:
    assert {name: done for name, (done, _) in imported.items() if done} == {}


def test_importing_zigzag_loads_neither_boto3_nor_pydantic(imported: Imported) -> None:
    """Pydantic is loaded when a task with a model runs: it would make every cold start slower."""
    loaded = {name: imported[name][1] & {"boto3", "pydantic"} for name in ("zigzag", "tasks")}

    assert loaded == {"zigzag": set(), "tasks": set()}


def test_importing_the_worker_loads_no_task(imported: Imported) -> None:
    assert [name for name in imported["worker.app"][1] if name.startswith("tasks.")] == []
