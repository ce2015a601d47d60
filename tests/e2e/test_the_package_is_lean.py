"""Is what `sam build` makes compiled, small, and the same on every machine?

Lambda fetches and unpacks a package at a cold start, and a function's folder is read-only: a module
that is not compiled in it is compiled again each time.
"""

from __future__ import annotations

import marshal
from collections.abc import Callable, Iterator
from importlib.util import MAGIC_NUMBER, cache_from_source, source_hash
from pathlib import Path

import pytest
from tests.e2e.packages import HANDLERS, OURS, contents, installed, listed

from zigzag_local import machine

pytestmark = pytest.mark.slow

UNCHECKED_HASH = (0b01).to_bytes(4, "little")
"""A compiled file's flags: it was made from a source with this hash, and nobody needs to look whether it is
still the same (https://peps.python.org/pep-0552/)."""

MAX_BYTES = {
    # Nothing but our code, 0.37 MB, and its compiled files, 0.59 MB. Another package is larger.
    "ConsumerFunction": 1_000_000,
    # Our code, and pydantic with what it needs: 10 MB, a quarter of that compiled. A new version of theirs
    # may be a little larger. One more package of that kind is to be noticed.
    "WorkerFunction": 12_000_000,
}

MACHINES = {"x86_64": "x86_64", "arm64": "aarch64"}
"""Lambda's architectures, as the names of compiled libraries have them."""

each_function = pytest.mark.parametrize("function", OURS)


# ---- Compiled ----


@each_function
def test_every_module_is_compiled_and_nobody_looks_at_its_source_again(built: Path, function: str) -> None:
    modules = {Path(cache_from_source(str(file))): file for file in (built / function).rglob("*.py")}

    assert modules
    assert set((built / function).rglob("*.pyc")) == set(modules)
    for compiled, source in modules.items():
        header = compiled.read_bytes()[:16]
        assert header == MAGIC_NUMBER + UNCHECKED_HASH + source_hash(source.read_bytes()), source


@each_function
def test_a_traceback_names_files_where_they_lie_on_lambda(built: Path, function: str) -> None:
    handler = HANDLERS[function].replace(".", "/") + ".py"
    compiled = Path(cache_from_source(str(built / function / handler))).read_bytes()

    assert marshal.loads(compiled[16:]).co_filename == f"/var/task/{handler}"  # noqa: S302 -- built here


# ---- Small ----


def test_there_is_nothing_in_the_consumers_but_our_code(built: Path) -> None:
    entries = {entry.name for entry in (built / "ConsumerFunction").iterdir()}

    assert entries == OURS["ConsumerFunction"]


def test_there_is_nothing_in_the_workers_but_our_code_and_the_listed_packages(built: Path) -> None:
    package = built / "WorkerFunction"
    packages = installed(package)

    rest = {entry.name for entry in package.iterdir()} - set().union(*packages.values())

    assert rest - {"__pycache__"} == OURS["WorkerFunction"]  # that is of packages that are a single file
    assert set(packages) == set().union(*listed())


@each_function
def test_a_package_keeps_to_its_budget(built: Path, function: str) -> None:
    taken = sum(len(file) for entry in zigzags(built / function) for file in contents(entry).values())

    assert taken <= MAX_BYTES[function]


def zigzags(package: Path) -> Iterator[Path]:
    """Yields the files that are not the user's: a task may need a large package, which is no mistake."""
    packages = installed(package)
    _, users = listed()
    theirs = set().union(*(packages[name] for name in users & set(packages)), {"tasks"})
    return (entry for entry in package.iterdir() if entry.name not in theirs)


# ---- The same on every machine ----


def test_two_builds_are_the_same_byte_for_byte(built: Path, built_for: Callable[[str], Path]) -> None:
    # Given a build by another command, from another folder, into another one
    again = built_for(machine.lambda_architecture())

    for function in OURS:
        assert contents(built / function) == contents(again / function)


@pytest.mark.parametrize("architecture", MACHINES)
def test_libraries_are_for_the_functions_architecture(
    built_for: Callable[[str], Path], architecture: str
) -> None:
    libraries = [file.name for file in (built_for(architecture) / "WorkerFunction").rglob("*.so")]

    assert [name for name in libraries if name.startswith("_pydantic_core.")]
    assert [name for name in libraries if f"-{MACHINES[architecture]}-linux-gnu" not in name] == []
