"""A package has what src/requirements.txt says, no matter how the shell sets pip. A wrong line is named.

Nothing is fetched: the wheels lie in a folder of the test's.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.project.architecture.modules import ROOT
from tests.support import slow

BACKEND = '''\
"""Builds the wheel of a folder, with nothing but Python."""
import zipfile
from pathlib import Path


def build_wheel(folder, settings=None, metadata=None):
    with zipfile.ZipFile(Path(folder) / "shop-1-py3-none-any.whl", "w") as wheel:
        wheel.writestr("shop/__init__.py", "X = 1")
        wheel.writestr("shop-1.dist-info/METADATA", "Metadata-Version: 2.1\\nName: shop\\nVersion: 1\\n")
        wheel.writestr("shop-1.dist-info/WHEEL", "Wheel-Version: 1.0\\nTag: py3-none-any\\n")
        wheel.writestr("shop-1.dist-info/RECORD", "")
    return "shop-1-py3-none-any.whl"


def build_editable(folder, settings=None, metadata=None):
    name = build_wheel(folder)
    with zipfile.ZipFile(Path(folder) / name, "w") as wheel:
        wheel.writestr("shop.pth", str(Path.cwd()))
        wheel.writestr("shop-1.dist-info/METADATA", "Metadata-Version: 2.1\\nName: shop\\nVersion: 1\\n")
        wheel.writestr("shop-1.dist-info/WHEEL", "Wheel-Version: 1.0\\nTag: py3-none-any\\n")
        wheel.writestr("shop-1.dist-info/RECORD", "")
    return name
'''
PROJECT_FILE = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'


@dataclass(frozen=True)
class Project:
    """A project that makes a package, with a line or more in requirements.txt."""

    folder: Path

    def wheel(self, name: str, *, needs: str = "", file: str = "", build: str = "") -> str:
        """Makes a wheel that is there to be had, with one file. Returns its hash.

        Of two of one version pip takes the one with the higher `build`.
        """
        wheel = self.folder / "wheels" / f"{name}-1{build}-py3-none-any.whl"
        wheel.parent.mkdir(exist_ok=True)
        needed = f"Requires-Dist: {needs}\n" if needs else ""
        with zipfile.ZipFile(wheel, "w") as files:
            files.writestr(file or f"{name}.py", "")
            files.writestr(
                f"{name}-1.dist-info/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n{needed}"
            )
            files.writestr(f"{name}-1.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
            files.writestr(f"{name}-1.dist-info/RECORD", "")
        return hashlib.sha256(wheel.read_bytes()).hexdigest()

    def page(self) -> str:
        """Returns a page of links to all of the wheels, with their hashes, as an index has it."""
        wheels = self.folder / "wheels"
        links = [
            f'<a href="{wheel.name}#sha256={hashlib.sha256(wheel.read_bytes()).hexdigest()}">{wheel.name}</a>'
            for wheel in wheels.glob("*.whl")
        ]
        (wheels / "page.html").write_text("\n".join(links))
        return str(wheels / "page.html")

    def library(self) -> None:
        """Makes a folder of the user's own, libs/shop, with a package of that name."""
        library = self.folder / "libs" / "shop"
        library.mkdir(parents=True)
        (library / "pyproject.toml").write_text(PROJECT_FILE + '[project]\nname = "shop"\nversion = "1"\n')
        (library / "backend.py").write_text(BACKEND)

    def build(
        self, *lines: str, architecture: str = "x86_64", **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Makes the worker's package of those requirements, as `sam build` would."""
        src = self.folder / "src"
        (src / "requirements.txt").write_text("".join(f"{line}\n" for line in lines))
        shutil.rmtree(self.folder / "out", ignore_errors=True)
        (self.folder / "out").mkdir()
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
        offline = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(self.folder / "wheels")}
        ours = {"ARTIFACTS_DIR": str(self.folder / "out"), "PYTHON": sys.executable, **offline}
        return subprocess.run(
            ["make", "--makefile", str(src / "package" / architecture / "Makefile"), "build-WorkerFunction"],
            cwd=src,
            env={**kept, **ours, **variables},
            capture_output=True,
            text=True,
            check=False,
        )

    def has(self, module: str) -> bool:
        """Tells whether a bare interpreter imports it from the package."""
        command = [sys.executable, "-I", "-S", "-c", "import sys, runpy; sys.path[:0] = sys.argv[1:2]"]
        command[-1] += f"; import {module}"
        return subprocess.run([*command, str(self.folder / "out")], check=False).returncode == 0


@pytest.fixture
def project(tmp_path: Path) -> Project:
    # As deep as sam's copy is below the project; with next to no code of ours, which each build compiles
    folder = tmp_path / "project"
    shutil.copytree(ROOT / "src" / "package", folder / "src" / "package")
    for name in ("worker", "shared", "zigzag", "tasks"):
        (folder / "src" / name).mkdir()
        (folder / "src" / name / "__init__.py").touch()
    return Project(folder)


@pytest.mark.slow
def test_a_shells_settings_of_pip_change_nothing(project: Project) -> None:
    project.wheel("cheese")

    done = project.build(
        "cheese==1",
        PYTHON=getattr(sys, "_base_executable", sys.executable),  # which is no virtual environment
        PIP_USER="1",
        PIP_REQUIRE_VIRTUALENV="true",
        PIP_REQUIRE_HASHES="1",
        PIP_NO_BINARY=":all:",
        PIP_PREFIX="/nowhere",
        PIP_CONSTRAINT="/nowhere",
    )

    assert done.returncode == 0, done.stderr
    assert project.has("cheese")


SETTINGS = """
user = true
require-virtualenv = true
root = {0}/else
prefix = {0}/else
target = {0}/else
constraint = {0}/nowhere
no-deps = true
require-hashes = true
no-binary = :all:
dry-run = true
python-version = 3.9
"""


@pytest.mark.slow
def test_a_file_of_settings_changes_nothing(project: Project, tmp_path: Path) -> None:
    hashed = project.wheel("cheese")
    project.wheel("bread", needs="butter")
    project.wheel("butter")
    settings = SETTINGS.format(tmp_path)
    sections = "".join(f"[{section}]{settings}" for section in ("global", "install", "download"))
    (tmp_path / "pip.conf").write_text(sections)

    done = project.build(
        f"cheese==1 --hash=sha256:{hashed}", "bread==1", PIP_CONFIG_FILE=str(tmp_path / "pip.conf")
    )

    assert done.returncode == 0, done.stderr
    assert [project.has(name) for name in ("cheese", "bread", "butter")] == [True] * 3
    assert not (tmp_path / "else").exists()


@pytest.mark.parametrize("section", [pytest.param("global", marks=pytest.mark.slow), "install"])
def test_a_file_of_settings_says_where_packages_come_from(
    project: Project, tmp_path: Path, section: str
) -> None:
    project.wheel("cheese")
    (tmp_path / "pip.conf").write_text(f"[{section}]\nfind-links = {project.folder}/wheels\n")

    done = project.build("cheese==1", PIP_CONFIG_FILE=str(tmp_path / "pip.conf"), PIP_FIND_LINKS="")

    assert done.returncode == 0, done.stderr
    assert project.has("cheese")


def test_a_file_of_settings_that_is_none_is_said_to_be(project: Project, tmp_path: Path) -> None:
    (tmp_path / "pip.conf").write_text("no section = here\n")

    done = project.build("cheese==1", PIP_CONFIG_FILE=str(tmp_path / "pip.conf"))

    assert done.returncode != 0
    assert "pip's settings can't be read" in done.stderr
    assert "pip.conf" in done.stderr


def test_a_file_that_is_no_utf_8_is_said_to_be(project: Project) -> None:
    file = project.folder / "src" / "requirements.txt"
    file.write_text("cheese==1\n", encoding="utf-16")

    command = [sys.executable, "-I", str(ROOT / "src/package/packages.py"), str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert "requirements.txt is not in UTF-8" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_python_without_pip_is_named(project: Project, tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "bare")], check=True)
    python = str(tmp_path / "bare" / "bin" / "python")

    done = project.build("cheese==1", PYTHON=python)

    assert done.returncode != 0
    assert f"{python} has no pip" in done.stderr


@pytest.mark.slow
def test_a_package_with_a_hash_is_never_another_file_for_a_line_without_one(project: Project) -> None:
    # Given another wheel of the same version, which pip would rather have
    hashed = project.wheel("cheese")
    project.wheel("cheese", file="poison.py", build="-2")
    project.wheel("bread", needs="cheese==1")

    lines = ["bread==1", "cheese==1 \\", f"    --hash=sha256:{hashed}"]
    done = project.build(*lines, PIP_FIND_LINKS=project.page())

    assert done.returncode == 0, done.stderr
    assert [project.has("bread"), project.has("cheese"), project.has("poison")] == [True, True, False]


@pytest.mark.slow
def test_a_folder_that_packages_share_is_whole_whether_they_have_hashes_or_not(project: Project) -> None:
    hashed = project.wheel("cheese", file="food/cheese.py")
    project.wheel("bread", file="food/bread.py")

    done = project.build(f"cheese==1 --hash=sha256:{hashed}", "bread==1")

    assert done.returncode == 0, done.stderr
    assert [project.has("food.cheese"), project.has("food.bread")] == [True, True]
    # Nor does the package tell where it was made
    assert list((project.folder / "out").rglob("direct_url.json")) == []


@pytest.mark.slow
def test_a_package_with_a_hash_may_have_an_extra(project: Project, tmp_path: Path) -> None:
    hashed = project.wheel("cheese", needs="butter; extra == 'board'\nProvides-Extra: board")
    butter = project.wheel("butter")
    project.wheel("bread", needs="cheese[board]")
    # By the pip that comes with Python, as `sam build` does
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "plain")], check=True)
    python = str(tmp_path / "plain" / "bin" / "python")

    lines = f"cheese[board]==1 --hash=sha256:{hashed}", f"butter==1 --hash=sha256:{butter}", "bread==1"
    done = project.build(*lines, PYTHON=python)

    assert done.returncode == 0, done.stderr
    assert [project.has(name) for name in ("cheese", "butter", "bread")] == [True] * 3
    # And here, as tools/make-environment does
    command = [python, "-I", str(ROOT / "src/package/packages.py"), "requirements.txt"]
    offline = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(project.folder / "wheels")}
    subprocess.run(command, cwd=project.folder / "src", env=offline, check=True)


@pytest.mark.slow
def test_an_index_that_the_file_names_is_the_one_of_all_its_lines(project: Project) -> None:
    hashed = project.wheel("cheese")

    done = project.build(
        f"--find-links {project.folder}/wheels", f"cheese==1 --hash=sha256:{hashed}", PIP_FIND_LINKS=""
    )

    assert done.returncode == 0, done.stderr
    assert project.has("cheese")


@pytest.mark.parametrize(
    ("line", "others"),
    [
        *slow(("-rmore.txt", [])),
        ("--requirement=more.txt", ["bread==1", "cheese==1 --hash=sha256:{}"]),
    ],
)
def test_a_further_file_is_refused_by_its_line(project: Project, line: str, others: list[str]) -> None:
    hashed = project.wheel("cheese")
    project.wheel("bread")
    (project.folder / "src" / "more.txt").write_text("bread==1\n")

    done = project.build(*(other.format(hashed) for other in others), line)

    assert done.returncode != 0
    assert f"requirements.txt, line {len(others) + 1}: {line}" in done.stderr
    assert "put its lines into requirements.txt" in done.stderr


def test_a_wheel_that_is_not_the_one_that_was_hashed_is_refused_by_its_line(project: Project) -> None:
    project.wheel("bread")
    project.wheel("cheese")

    done = project.build("bread==1", "# ours", "cheese==1 \\", f"    --hash=sha256:{'0' * 64}")

    assert done.returncode != 0
    assert "requirements.txt, line 3: cheese==1" in done.stderr
    assert "DO NOT MATCH THE HASHES" in done.stderr


@pytest.mark.slow
def test_a_package_that_is_not_to_be_had_is_named_by_its_line(project: Project) -> None:
    project.wheel("bread")

    done = project.build("bread==1", "", "cheese==2 # the good one")

    assert done.returncode != 0
    assert "requirements.txt, line 3: cheese==2" in done.stderr
    assert "No matching distribution found for cheese==2" in done.stderr


@pytest.mark.slow
def test_a_line_that_can_be_had_only_without_another_is_said_to_be(project: Project) -> None:
    project.wheel("bread", needs="cheese==2")
    project.wheel("cheese")

    done = project.build("bread==1", "cheese==1")

    assert done.returncode != 0
    assert "each line can be installed alone, but not all of them together" in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("line", [*slow("./libs/shop"), "--editable=./libs/shop"])
def test_a_folder_of_ones_own_is_in_the_package(project: Project, line: str) -> None:
    project.library()

    done = project.build(line)

    assert done.returncode == 0, done.stderr
    assert project.has("shop")


OTHER, MACHINE = ("arm64", "aarch64") if platform.machine() == "x86_64" else ("x86_64", "x86_64")
"""The architecture that does not build, and its `platform_machine`: pip asks the machine that builds."""


@pytest.mark.slow
def test_a_package_that_another_needs_on_lambda_is_named(project: Project) -> None:
    project.wheel("bread", needs=f'butter ; platform_machine == "{MACHINE}" and sys_platform == "linux"')
    project.wheel("butter")

    missing = project.build("bread==1", architecture=OTHER)
    whole = project.build("bread==1", "butter==1", architecture=OTHER)

    assert missing.returncode != 0
    assert "bread needs it on Lambda: butter" in missing.stderr
    assert (whole.returncode, project.has("butter")) == (0, True)


@pytest.mark.slow
def test_a_line_that_lambda_needs_and_this_machine_does_not_is_named(project: Project) -> None:
    project.wheel("butter")

    done = project.build(f'butter==1 ; platform_machine == "{MACHINE}"', architecture=OTHER)

    assert (done.returncode == 0, project.has("butter")) == (False, False)
    assert "requirements.txt needs it on Lambda: butter" in done.stderr


@pytest.mark.slow
def test_a_package_that_is_needed_elsewhere_or_for_an_unwanted_extra_is_not_missed(project: Project) -> None:
    project.wheel("bread", needs='jam ; extra == "sweet"\nRequires-Dist: colorama ; sys_platform == "win32"')

    done = project.build("bread==1", 'pywin32==1 ; sys_platform == "win32"')

    assert (done.returncode, project.has("bread")) == (0, True)


@pytest.mark.slow
def test_a_package_that_an_extra_needs_on_lambda_is_named(project: Project) -> None:
    needed = f'jam ; extra == "sweet" and platform_machine == "{MACHINE}"'
    project.wheel("bread", needs=f"{needed}\nProvides-Extra: sweet")
    project.wheel("jam")

    done = project.build("bread[sweet]==1", architecture=OTHER)

    assert (done.returncode == 0, project.has("jam")) == (False, False)
    assert "bread needs it on Lambda: jam" in done.stderr
