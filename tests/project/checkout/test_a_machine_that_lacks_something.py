"""A tool that a machine lacks is named in one sentence, with its remedy, and without a traceback."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.project.architecture.modules import ROOT

from zigzag_local import stack
from zigzag_local.errors import LocalAwsError


def make_environment(python: str, folder: Path, requirements: Path) -> subprocess.CompletedProcess[str]:
    command = [str(ROOT / "tools" / "make-environment"), python, str(folder), str(requirements)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def a_python(folder: Path, version: str) -> str:
    """Returns an interpreter that says it is of this version, and can do nothing else."""
    script = folder / "python"
    script.write_text(f'#!/bin/sh\n[ "$1" = -I ] && shift\n[ "$1" = -c ] && echo {version}\n')
    script.chmod(0o755)
    return str(script)


NONE = "needs Python 3.13, and there is no python3.99 here: install it"


@pytest.mark.parametrize(
    ("python", "words"),
    [("python3.99", NONE), ("3.12", "is 3.12: make PYTHON=/path/to/python3.13")],
    ids=["none", "another"],
)
def test_without_python_313_no_environment_is_made(tmp_path: Path, python: str, words: str) -> None:
    python = a_python(tmp_path, python) if python == "3.12" else python

    done = make_environment(python, tmp_path / "venv", ROOT / "requirements.txt")

    assert (done.returncode, words in done.stderr) == (1, True)
    assert not (tmp_path / "venv").exists()


def test_packages_that_are_not_to_be_had_leave_no_half_made_environment(tmp_path: Path) -> None:
    # Given a Python whose environments have nothing to install with
    python = tmp_path / "python"
    python.write_text(
        f'#!/bin/sh\n[ "$2" = venv ] && exec {sys.executable} -m venv --without-pip "$3"\n'
        f'exec {sys.executable} "$@"\n'
    )
    python.chmod(0o755)

    done = make_environment(str(python), tmp_path / "venv", ROOT / "requirements.txt")

    assert done.returncode == 1
    assert "has no pip" in done.stderr
    assert "is the network there?" in done.stderr
    assert not (tmp_path / "venv").exists()


def make_package(
    folder: Path, src: Path = ROOT / "src", **variables: str
) -> subprocess.CompletedProcess[str]:
    """Makes the consumer's package in the folder, as `sam build` would."""
    makefile = src / "package" / "x86_64" / "Makefile"
    return subprocess.run(
        ["make", "--makefile", str(makefile), "build-ConsumerFunction"],
        cwd=src,
        env={**os.environ, "ARTIFACTS_DIR": str(folder), "PYTHON": sys.executable, **variables},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("python", "words"), [("python3.99", NONE), ("3.12", "is 3.12: ")], ids=["none", "another"]
)
def test_without_python_313_no_package_is_made(tmp_path: Path, python: str, words: str) -> None:
    python = a_python(tmp_path, python) if python == "3.12" else python

    done = make_package(tmp_path, PYTHON=python)

    assert done.returncode != 0
    assert words in done.stderr
    assert "PYTHON=/path/to/python3.13 sam build" in done.stderr


def test_a_build_without_sam_touches_nothing(tmp_path: Path) -> None:
    src = shutil.copytree(ROOT / "src", tmp_path / "src")
    before = sorted(src.rglob("*"))

    done = make_package(tmp_path, src, ARTIFACTS_DIR="")

    assert done.returncode != 0
    assert "run `sam build`" in done.stderr
    assert sorted(src.rglob("*")) == before


def test_a_module_that_does_not_compile_is_found_when_it_is_built(tmp_path: Path) -> None:
    src = shutil.copytree(ROOT / "src", tmp_path / "src")
    (src / "consumer" / "half.py").write_text("def half(:\n")
    (tmp_path / "out").mkdir()

    done = make_package(tmp_path / "out", src)

    assert done.returncode != 0
    assert "consumer/half.py" in done.stdout
    assert "does not compile (above)" in done.stderr


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the local AWS builds on Linux only")
def test_a_build_that_fails(tmp_path: Path) -> None:
    # Given a package in src/requirements.txt that is not to be had
    for name in ("template.yaml", "samconfig.toml"):
        shutil.copy(ROOT / name, tmp_path)
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "src" / "requirements.txt").write_text("./not-here\n")

    # Then the sentence names the command, and its last lines name the package
    with pytest.raises(
        LocalAwsError, match=r"^`sam build` ended with \d+: correct what it names(.|\n)*not-here"
    ):
        stack.build(tmp_path, dict(os.environ), tmp_path / "out" / "build", log=tmp_path / "log")


def test_no_credentials(tmp_path: Path) -> None:
    nobodys = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    nobodys |= {
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_DEFAULT_REGION": "eu-west-1",
    }

    done = subprocess.run(
        [ROOT / "zigzag", "status"], env=nobodys, capture_output=True, text=True, check=False
    )

    assert done.returncode == 1
    assert done.stderr.startswith("zigzag: there are no AWS credentials: run `aws configure`")
    assert "Traceback" not in done.stderr
