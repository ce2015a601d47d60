"""A package that a task imports and nobody declared is red in `make check`, though the tools brought it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.project.architecture.modules import ROOT

import declared

Check = Callable[..., tuple[int, str]]


@pytest.fixture
def check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Check:
    """Judges a project with a task of that code, and these packages: the status, and what is said."""

    def check(code: str, *requirements: str) -> tuple[int, str]:
        (tmp_path / "src" / "tasks").mkdir(parents=True, exist_ok=True)
        (tmp_path / "src" / "tasks" / "mine.py").write_text(code)
        (tmp_path / "src" / "requirements.txt").write_text("".join(f"{line}\n" for line in requirements))
        return declared.main(tmp_path), capsys.readouterr().out

    return check


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Installs a distribution of that name, which has the file."""
    monkeypatch.syspath_prepend(tmp_path / "installed")

    def install(name: str, file: str) -> None:
        folder = tmp_path / "installed"
        for path, text in {
            file: "",
            f"{name}-1.dist-info/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n",
            f"{name}-1.dist-info/RECORD": f"{file},,\n",
        }.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text)

    return install


def test_the_project_declares_all_that_it_imports(capsys: pytest.CaptureFixture[str]) -> None:
    assert (declared.main(ROOT), capsys.readouterr().out) == (0, "every import is declared\n")


@pytest.mark.parametrize("code", ["import yaml", "from yaml import nodes", "def run():\n    import yaml"])
def test_a_package_that_only_happens_to_be_here_is_red_by_its_line(check: Check, code: str) -> None:
    status, said = check(f"\n{code}\n")

    assert status == 1
    assert said.startswith("src/tasks/mine.py:")
    assert "imports yaml, which no line of src/requirements.txt brings" in said


@pytest.mark.parametrize(
    "code",
    [
        pytest.param("import importlib\nimportlib.import_module('yaml.nodes')", id="by its name"),
        pytest.param("from importlib import import_module\nimport_module(name='yaml')", id="by a bare call"),
        pytest.param("__import__('yaml')", id="by the built-in"),
        pytest.param("from typing import TYPE_CHECKING\nif not TYPE_CHECKING:\n    import yaml", id="if not"),
        pytest.param("TYPE_CHECKING = 1\nif TYPE_CHECKING or DEBUG:\n    import yaml", id="if one of two"),
        pytest.param("if TYPE_CHECKING:\n    pass\nelse:\n    import yaml", id="else"),
        pytest.param("if FLAG:\n    import yaml", id="under another condition"),
        pytest.param("try:\n    import yaml\nexcept MyImportError:\n    pass", id="another error"),
        pytest.param(
            "try:\n    import yaml\nexcept ImportError as e:\n    raise A from e", id="raised again"
        ),
        pytest.param("try:\n    pass\nexcept ImportError:\n    import yaml", id="instead of another"),
        pytest.param("class A:\n    def run(self):\n        import yaml", id="in a method"),
    ],
)
def test_in_whatever_way_it_is_imported_it_is_red(check: Check, code: str) -> None:
    status, said = check(code)

    assert (status, "imports yaml" in said) == (1, True)


@pytest.mark.parametrize(
    "line",
    [
        pytest.param("PyYAML==6.0.3 ; sys_platform == 'darwin'", id="for macOS"),
        pytest.param("PyYAML==6.0.3; python_version < '3.13'", id="for an older Python"),
        pytest.param("PyYAML==6.0.3; platform_machine == 'x86_64'", id="for one of two processors"),
        pytest.param("# PyYAML==6.0.3", id="in a comment"),
        pytest.param("-r PyYAML==6.0.3", id="in another file"),
    ],
)
def test_a_line_that_lambda_does_not_get_declares_nothing(check: Check, line: str) -> None:
    assert check("import yaml", line)[0] == 1


def test_a_line_for_lambda_declares_its_package(check: Check) -> None:
    assert check("import yaml", "PyYAML==6.0.3 ; sys_platform == 'linux'")[0] == 0


@pytest.mark.parametrize(
    ("code", "named"),
    [
        ("import cloud.storage", "cloud.storage"),
        ("from cloud import storage", "cloud.storage"),
        ("from cloud import pubsub, storage", "cloud.storage"),
        ("from cloud.storage import Client", "cloud.storage"),
    ],
)
def test_a_part_of_a_shared_name_is_not_declared_by_its_other_part(
    check: Check, installed: Callable[[str, str], None], code: str, named: str
) -> None:
    # Given two packages that share the folder cloud/, as those of google.cloud do
    installed("cloud-pubsub", "cloud/pubsub/__init__.py")
    installed("cloud-storage", "cloud/storage/__init__.py")

    status, said = check(code, "cloud-pubsub==1")

    assert (status, f"imports {named}, which" in said) == (1, True)
    assert check(code, "cloud-pubsub==1", "cloud-storage==1")[0] == 0


def test_a_name_that_a_tool_has_as_well_is_declared_by_its_own_package_only(
    check: Check, installed: Callable[[str, str], None]
) -> None:
    installed("shop", "shop/__init__.py")
    installed("shop-stubs-for-tests", "shop/testing.py")

    assert check("import shop.testing", "shop==1")[0] == 1


@pytest.mark.parametrize(
    "code",
    ["import tasks.not_here", "from shared.not_here import x", "import consumer", "import package.packages"],
)
def test_a_module_of_ours_that_the_worker_lacks_is_red(check: Check, tmp_path: Path, code: str) -> None:
    for module in ("tasks/__init__.py", "shared/log.py", "consumer/app.py", "package/packages.py"):
        (tmp_path / "src" / module).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "src" / module).touch()

    assert check(code)[0] == 1


def test_the_consumer_has_no_packages_at_all(check: Check, tmp_path: Path) -> None:
    (tmp_path / "src" / "consumer").mkdir(parents=True)
    (tmp_path / "src" / "consumer" / "app.py").write_text("import yaml")

    _, said = check("import yaml", "PyYAML==6.0.3")

    assert said == (
        "src/consumer/app.py:1: imports yaml, which the consumer's package does not have: "
        "it has no third-party packages\n"
    )


def test_each_function_has_of_ours_what_its_package_is_made_of() -> None:
    makefile = (ROOT / "src" / "package" / "package.mk").read_text()

    assert {who: " ".join(have) for who, have in declared.OURS.items()} == {
        who.lower(): have for who, have in re.findall(r"build-(\w+)Function: OURS := (.+)", makefile)
    }


def test_a_package_is_not_declared_by_another_that_needs_it(check: Check) -> None:
    assert check("import idna", "requests==2.34.2")[0] == 1


@pytest.mark.parametrize(
    ("code", "line"),
    [
        ("import yaml.nodes", "PyYAML==6.0.3"),
        ("from dateutil import tz", ""),
        ("import boto3, botocore.exceptions, json", ""),
        ("from ruamel.yaml import YAML", "ruamel-yaml==0.19.1 --hash=sha256:0"),
        ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import yaml", ""),
        ("import typing as t\nif t.TYPE_CHECKING and True:\n    import yaml", ""),
        ("if not TYPE_CHECKING:\n    pass\nelse:\n    import yaml", ""),
        ("try:\n    import yaml\nexcept ImportError:\n    yaml = None", ""),
        ("try:\n    import yaml\nexcept (OSError, ModuleNotFoundError):\n    yaml = None", ""),
        ("import importlib\nimportlib.import_module(name)\nimportlib.import_module('.own', 'tasks')", ""),
    ],
)
def test_an_import_that_is_declared_there_anyway_or_not_needed_is_no_offender(
    check: Check, code: str, line: str
) -> None:
    assert check(code, line) == (0, "every import is declared\n")


def test_the_check_is_part_of_make_check() -> None:
    makefile = (ROOT / "Makefile").read_text()

    assert "tools/declared.py" in makefile.partition("check: setup")[2].partition("\n\n")[0]
