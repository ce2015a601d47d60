"""Makes the code that Lambda would run: the packages of `sam build`, and the runtime's own boto3.

Each exists with and without compiled files (`.pyc`). A function's folder is read-only, so a file without one
is compiled again at each cold start.
"""

from __future__ import annotations

import compileall
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from py_compile import PycInvalidationMode

from zigzag_local import stack

PROJECT = Path(__file__).resolve().parents[1]
OWN_TASKS = Path(__file__).with_name("own_tasks")

RUNTIMES_OWN = ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "six", "urllib3")
"""boto3 and its dependencies, which Lambda's runtime for Python has."""

_OURS = {
    "ConsumerFunction": ("consumer", "shared"),
    "WorkerFunction": ("worker", "shared", "zigzag", "tasks"),
}
MODELS = ("pydantic", "pydantic_core", "annotated_types", "typing_extensions", "typing_inspection")

_NOT_COMPILED = shutil.ignore_patterns("__pycache__")

_DATA = "data"
"""The folder of botocore and boto3 that describes AWS: thousands of files without code."""


@dataclass(frozen=True, slots=True)
class Package:
    """A folder for each function, by its name in template.yaml, and the folder of Lambda's own packages."""

    functions: Mapping[str, Path]
    runtime: Path


@dataclass(frozen=True, slots=True)
class Packages:
    """`compiled` is the result of `sam build`, with a compiled boto3. `without_pyc` has no compiled code
    except the standard library's."""

    compiled: Package
    without_pyc: Package


def built(folder: Path) -> Packages:
    """Runs `sam build` on a copy of the project with the benchmarks' tasks. Raises LocalAwsError."""
    _copy_project(folder / "project")
    without_aws = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    build = folder / "build" / "build"
    build.parent.mkdir()
    stack.build(folder / "project", without_aws, build, log=folder / "build.log")
    return _packages(build, folder)


def not_built(folder: Path) -> Packages:
    """Returns such packages, made of the project's folders without a build. This is fast, for tests."""
    _copy_project(folder / "project")
    for function, names in _OURS.items():
        for name in names:
            shutil.copytree(folder / "project" / "src" / name, folder / "build" / function / name)
    for name in MODELS:
        _copy_module(name, folder / "build" / "WorkerFunction", compiled=False)
    _compile(folder / "build")
    return _packages(folder / "build", folder)


def _packages(build: Path, folder: Path) -> Packages:
    uncompiled = folder / "without-pyc"
    for function in _OURS:
        shutil.copytree(build / function, uncompiled / function, ignore=_NOT_COMPILED)
    runtime, uncompiled_runtime = folder / "runtime", folder / "runtime-without-pyc"
    for name in RUNTIMES_OWN:
        _copy_module(name, runtime, compiled=True)
        _copy_module(name, uncompiled_runtime, compiled=False)
    _compile(runtime)
    return Packages(_package(build, runtime), _package(uncompiled, uncompiled_runtime))


def _package(functions: Path, runtime: Path) -> Package:
    return Package({function: functions / function for function in _OURS}, runtime)


def _copy_project(to: Path) -> None:
    shutil.copytree(PROJECT / "src", to / "src", ignore=_NOT_COMPILED)
    for name in ("template.yaml", "samconfig.toml"):
        shutil.copy(PROJECT / name, to)
    with (to / "src" / "tasks" / "__init__.py").open("a") as table:
        for task in sorted(OWN_TASKS.glob("*.py")):
            shutil.copy(task, to / "src" / "tasks")
            table.write(f'TASKS["{task.stem}"] = "tasks.{task.stem}"\n')


def _copy_module(name: str, to: Path, *, compiled: bool) -> None:
    """Copies an installed module or package, as links to its files."""
    spec = find_spec(name)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"{name} is not installed: run `make setup`")
    file = Path(spec.origin)
    to.mkdir(parents=True, exist_ok=True)
    if file.name == "__init__.py":
        ignore = shutil.ignore_patterns(_DATA) if compiled else shutil.ignore_patterns(_DATA, "__pycache__")
        copy = shutil.copytree(file.parent, to / file.parent.name, ignore=ignore, copy_function=os.symlink)
        if (file.parent / _DATA).is_dir():
            (copy / _DATA).symlink_to(file.parent / _DATA)
    else:
        (to / file.name).symlink_to(file)


def _compile(folder: Path) -> None:
    """Compiles the files that are not compiled yet. Their source's time is never checked again."""
    compileall.compile_dir(folder, quiet=2, invalidation_mode=PycInvalidationMode.UNCHECKED_HASH)
