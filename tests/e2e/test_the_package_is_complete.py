"""Is everything that the functions import in what `sam build` makes? On Lambda nothing else is there.

A bare interpreter imports it: no site-packages, no variables, nothing of the project's folder. Only boto3
is there too, which Lambda's runtime brings along.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from importlib.metadata import distributions
from importlib.util import find_spec
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from tests.e2e.conftest import PROJECT
from tests.e2e.packages import HANDLERS, OURS, listed, sources

from tasks import TASKS

pytestmark = pytest.mark.slow

# boto3 and all it needs: what Lambda's runtime for Python has.
RUNTIMES_OWN = ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "six", "urllib3")

IMPORT = """
import importlib, json, sys
package, runtime, *names = sys.argv[1:]
sys.path[:] = [package, *sys.path, runtime]
print(json.dumps([importlib.import_module(name).__file__ for name in names]))
"""


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Returns a folder with nothing but boto3 and what it needs."""
    folder = tmp_path_factory.mktemp("runtime")
    for name in RUNTIMES_OWN:
        spec = find_spec(name)
        assert spec is not None, name
        assert spec.origin is not None, name
        file = Path(spec.origin)
        found = file.parent if file.name == "__init__.py" else file
        (folder / found.name).symlink_to(found)
    return folder


def import_bare(package: Path, runtime: Path, *modules: str) -> subprocess.CompletedProcess[str]:
    """Imports the modules from the package in a bare interpreter, with Lambda's own packages behind it."""
    command = [sys.executable, "-I", "-S", "-B", "-c", IMPORT, str(package), str(runtime), *modules]
    return subprocess.run(
        command, env={}, cwd=package, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize("task", TASKS.values())
def test_a_bare_python_imports_a_task(built: Path, runtime: Path, task: str) -> None:
    package = built / "WorkerFunction"

    done = import_bare(package, runtime, task)

    assert done.returncode == 0, done.stderr
    assert Path(json.loads(done.stdout)[0]).is_relative_to(package)


@pytest.mark.parametrize("function", OURS)
def test_a_bare_python_imports_the_handler_and_every_module_of_ours(
    built: Path, runtime: Path, function: str
) -> None:
    package = built / function

    done = import_bare(package, runtime, HANDLERS[function], *modules_of(package, function))

    assert done.returncode == 0, done.stderr
    assert all(Path(file).is_relative_to(package) for file in json.loads(done.stdout))


def modules_of(package: Path, function: str) -> list[str]:
    """Returns all modules, but for tasks: of these, only what the table names need be a module."""
    return [
        ".".join(file.relative_to(package).with_suffix("").parts).removesuffix(".__init__")
        for name in OURS[function] - {"tasks"}
        for file in sorted((package / name).rglob("*.py"))
    ]


def test_a_package_that_misses_something_is_noticed(built: Path, runtime: Path, tmp_path: Path) -> None:
    # Given a package without one of the modules that pydantic needs
    lessened = tmp_path / "package"
    shutil.copytree(built / "WorkerFunction", lessened)
    (lessened / "typing_extensions.py").unlink()

    # When it is imported, on a machine that has the module elsewhere
    done = import_bare(lessened, runtime, "tasks.hello")

    # Then it is not found there: compiled files are no modules by themselves
    assert done.returncode != 0
    assert "No module named 'typing_extensions'" in done.stderr


@pytest.mark.parametrize("function", OURS)
def test_our_folders_are_there_with_every_file(built: Path, function: str) -> None:
    for name in OURS[function]:
        assert sources(built / function / name) == sources(PROJECT / "src" / name)


def test_zigzags_packages_are_all_pinned_and_boto3_is_none_of_them(built: Path) -> None:
    # Given what requirements.txt says above the user's place, and what these need by their own account
    pinned, _ = listed()
    needed = {
        canonicalize_name(requirement.name)
        for distribution in distributions(path=[str(built / "WorkerFunction")])
        if canonicalize_name(distribution.name) in pinned
        for requirement in map(Requirement, distribution.requires or [])
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""})
    }

    # Then none comes in the version that it has that day
    assert needed <= pinned
    assert not pinned & set(RUNTIMES_OWN)
