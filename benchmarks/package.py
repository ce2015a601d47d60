"""What Lambda would run: the package that `sam build` makes, and the runtime's own boto3.

Each with and without compiled files (`.pyc`): a function's folder is read-only, so what is not compiled
in it is compiled anew at each cold start.
"""

from __future__ import annotations

import compileall
import os
import shutil
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from py_compile import PycInvalidationMode

from zigzag_local import stack

PROJECT = Path(__file__).resolve().parents[1]
OWN_TASKS = Path(__file__).with_name("own_tasks")

RUNTIMES_OWN = ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "six", "urllib3")
"""boto3 and all it needs: what Lambda's runtime for Python has."""

MODELS = ("pydantic", "pydantic_core", "annotated_types", "typing_extensions", "typing_inspection")

_NOT_COMPILED = shutil.ignore_patterns("__pycache__")

_DATA = "data"
"""In botocore and boto3, what they know of AWS: thousands of files, and no code."""


@dataclass(frozen=True, slots=True)
class Package:
    """A folder with the project's code and what ships with it, and one with what Lambda brings along."""

    code: Path
    runtime: Path


@dataclass(frozen=True, slots=True)
class Packages:
    """`plain` has no compiled code of the project's, as `sam build` leaves it; `without_pyc` no compiled code
    at all but the standard library's; `compiled` has all of it."""

    plain: Package
    compiled: Package
    without_pyc: Package


def built(folder: Path) -> Packages:
    """Runs `sam build` on a copy of the project with the benchmarks' tasks. Raises LocalAwsError."""
    _copy_project(folder / "project")
    without_aws = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    build = folder / "build" / "build"
    build.parent.mkdir()
    stack.build(folder / "project", without_aws, build, log=folder / "build.log")
    return _packages(build / "WorkerFunction", folder)  # both functions have the same code


def not_built(folder: Path) -> Packages:
    """The same of the project's folders as they are, for tests: it takes no time."""
    _copy_project(folder / "project")
    for name in MODELS:
        _copy_module(name, folder / "project" / "src", compiled=False)
    return _packages(folder / "project" / "src", folder)


def _packages(code: Path, folder: Path) -> Packages:
    compiled = folder / "compiled"
    shutil.copytree(code, compiled, ignore=_NOT_COMPILED)
    _compile(compiled)
    runtime, not_compiled = folder / "runtime", folder / "runtime-without-pyc"
    for name in RUNTIMES_OWN:
        _copy_module(name, runtime, compiled=True)
        _copy_module(name, not_compiled, compiled=False)
    _compile(runtime)
    return Packages(Package(code, runtime), Package(compiled, runtime), Package(code, not_compiled))


def _copy_project(to: Path) -> None:
    shutil.copytree(PROJECT / "src", to / "src", ignore=_NOT_COMPILED)
    for name in ("template.yaml", "samconfig.toml"):
        shutil.copy(PROJECT / name, to)
    with (to / "src" / "tasks" / "__init__.py").open("a") as table:
        for task in sorted(OWN_TASKS.glob("*.py")):
            shutil.copy(task, to / "src" / "tasks")
            table.write(f'TASKS["{task.stem}"] = "tasks.{task.stem}"\n')


def _copy_module(name: str, to: Path, *, compiled: bool) -> None:
    """An installed module or package, as links to its files."""
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
    """Compiles what is not compiled yet, and never looks at the source's time again."""
    compileall.compile_dir(folder, quiet=2, invalidation_mode=PycInvalidationMode.UNCHECKED_HASH)
