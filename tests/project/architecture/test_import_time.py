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

done = []

def watch(event, arguments):
    if event in FORBIDDEN or event.startswith(("subprocess.", "os.exec", "os.fork")):
        done.append(event)
    if event == "open":
        path, mode, _ = arguments
        # Reading modules, and what packages bring along, is what an import does.
        if not isinstance(path, int) and (mode not in ("r", "rb") or not str(path).startswith(TREES)):
            done.append(f"open {path} {mode}")

# urllib3 tries at import whether a socket can be bound to IPv6; nobody is called.
FORBIDDEN = {"socket.connect", "socket.getaddrinfo", "socket.sendto", "os.system", "_thread.start_new_thread"}
TREES = tuple({sys.prefix, sys.base_prefix, sys.argv[1]})
sys.path.insert(0, sys.argv[1])
sys.dont_write_bytecode = True
sys.addaudithook(watch)
for name in sys.argv[2:]:
    done.clear()
    __import__(name)
    print(json.dumps([name, done]))
"""


def bare_python(code: str, *arguments: str) -> list[str]:
    """Runs the code with an empty environment. Returns the lines that it prints."""
    command = [sys.executable, "-c", code, str(ROOT / "src"), *arguments]
    return subprocess.run(command, env={}, capture_output=True, text=True, check=True).stdout.splitlines()


def loaded_by(module: str) -> set[str]:
    """Returns the modules that an import of this one alone loads."""
    code = "import sys; sys.path.insert(0, sys.argv[1]); __import__(sys.argv[2]); print(*sys.modules)"
    return set(bare_python(code, module)[-1].split())


def test_importing_a_module_opens_no_socket_no_file_and_starts_nothing() -> None:
    done = dict(map(json.loads, bare_python(WATCH, *(module.name for module in SRC))))

    assert len(done) == len(SRC)
    assert {name: events[:5] for name, events in done.items() if events} == {}


COUNT = """
import gc, json, sys

sys.path.insert(0, sys.argv[1])
begun = []
gc.collect()
gc.callbacks.append(lambda phase, _: begun.append(phase))
__import__(sys.argv[2])
print(json.dumps([len(begun), gc.isenabled()]))
"""


@pytest.mark.parametrize("app", ["consumer.app", "worker.app"])
def test_no_collection_makes_a_cold_start_slower_and_later_ones_are_made(app: str) -> None:
    assert json.loads(bare_python(COUNT, app)[-1]) == [0, True]


def test_importing_zigzag_loads_neither_boto3_nor_pydantic() -> None:
    """Pydantic is loaded when a task with a model runs: it would make every cold start slower."""
    for module in ("zigzag", "tasks"):
        assert loaded_by(module) & {"boto3", "pydantic"} == set()


def test_importing_the_worker_loads_no_task() -> None:
    assert [name for name in loaded_by("worker.app") if name.startswith("tasks.")] == []
