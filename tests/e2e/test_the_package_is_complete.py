"""Is everything that the functions import in what `sam build` makes? On Lambda nothing else is there.

A bare interpreter imports it: no site-packages, no variables, nothing of the project's folder; only boto3
beside it, which Lambda's runtime brings along.
"""

from __future__ import annotations

import os
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

from tasks import TASKS
from zigzag_local import stack

pytestmark = pytest.mark.slow

FUNCTIONS = ("ConsumerFunction", "WorkerFunction")
MODULES = ("consumer.app", "worker.app", *TASKS.values())

# boto3 and all it needs: what Lambda's runtime for Python has.
RUNTIMES_OWN = ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "six", "urllib3")

IMPORT = """
import importlib, sys
package, runtime, name = sys.argv[1:]
sys.path[:] = [package, *sys.path, runtime]
print(importlib.import_module(name).__file__)
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("package")
    without_aws = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    stack.build(PROJECT, without_aws, folder / "build", log=folder / "build.log")
    return folder / "build"


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with nothing but boto3 and what it needs."""
    folder = tmp_path_factory.mktemp("runtime")
    for name in RUNTIMES_OWN:
        spec = find_spec(name)
        assert spec is not None, name
        assert spec.origin is not None, name
        file = Path(spec.origin)
        found = file.parent if file.name == "__init__.py" else file
        (folder / found.name).symlink_to(found)
    return folder


def import_bare(package: Path, runtime: Path, module: str) -> subprocess.CompletedProcess[str]:
    """A bare interpreter imports the module from the package, with Lambda's own packages behind it."""
    command = [sys.executable, "-I", "-S", "-B", "-c", IMPORT, str(package), str(runtime), module]
    return subprocess.run(
        command, env={}, cwd=package, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize("module", MODULES)
@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_bare_python_imports_it(built: Path, runtime: Path, function: str, module: str) -> None:
    done = import_bare(built / function, runtime, module)

    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.strip()).is_relative_to(built / function)


def test_a_package_that_misses_something_is_noticed(built: Path, runtime: Path, tmp_path: Path) -> None:
    # Given a package without one of the modules that pydantic needs
    lessened = tmp_path / "package"
    shutil.copytree(built / "WorkerFunction", lessened)
    (lessened / "typing_extensions.py").unlink()

    # When it is imported, on a machine that has the module elsewhere
    done = import_bare(lessened, runtime, "tasks.hello")

    # Then it is not found there
    assert done.returncode != 0
    assert "No module named 'typing_extensions'" in done.stderr


def test_zigzags_packages_are_all_pinned_and_boto3_is_none_of_them(built: Path) -> None:
    # Given what requirements.txt says above the user's place, and what these need by their own account
    ours = (PROJECT / "src" / "requirements.txt").read_text().partition("# ==== YOURS")[0]
    pinned = {
        canonicalize_name(line.partition("==")[0])
        for line in ours.splitlines()
        if line and not line.startswith("#")
    }
    needed = {
        canonicalize_name(requirement.name)
        for distribution in distributions(path=[str(built / "WorkerFunction")])
        if canonicalize_name(distribution.name) in pinned
        for requirement in map(Requirement, distribution.requires or [])
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""})
    }

    # Then none comes in whatever version it has that day
    assert needed <= pinned
    assert not pinned & set(RUNTIMES_OWN)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_there_is_nothing_in_it_but_src_and_the_packages(built: Path, function: str) -> None:
    package = built / function
    of_packages = {
        file.parts[0]
        for distribution in distributions(path=[str(package)])
        for file in distribution.files or []
    }

    rest = {entry.name for entry in package.iterdir()} - of_packages

    assert rest == {entry.name for entry in (PROJECT / "src").iterdir()} - {"__pycache__"}


def test_both_functions_get_the_same_build(built: Path) -> None:
    consumers, workers = (contents(built / function) for function in FUNCTIONS)

    assert consumers == workers


def contents(folder: Path) -> dict[Path, bytes]:
    return {
        file.relative_to(folder): file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()
    }
