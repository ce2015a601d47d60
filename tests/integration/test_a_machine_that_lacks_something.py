"""What is missing on a machine is said in one sentence, with how to mend it, and no traceback."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.architecture.modules import ROOT

from zigzag_local import stack
from zigzag_local.errors import LocalAwsError


def make_environment(python: str, folder: Path, requirements: Path) -> subprocess.CompletedProcess[str]:
    command = [str(ROOT / "tools" / "make-environment"), python, str(folder), str(requirements)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def a_python(folder: Path, version: str) -> str:
    """An interpreter that says it is of this version, and can do nothing else."""
    script = folder / "python"
    script.write_text(f'#!/bin/sh\n[ "$1" = -c ] && echo {version}\n')
    script.chmod(0o755)
    return str(script)


def test_no_python_313(tmp_path: Path) -> None:
    done = make_environment("python3.99", tmp_path / "venv", ROOT / "requirements.txt")

    assert done.returncode == 1
    assert "needs Python 3.13, and there is no python3.99 here: install it" in done.stderr
    assert not (tmp_path / "venv").exists()


def test_another_python(tmp_path: Path) -> None:
    done = make_environment(a_python(tmp_path, "3.12"), tmp_path / "venv", ROOT / "requirements.txt")

    assert done.returncode == 1
    assert "is 3.12: make PYTHON=/path/to/python3.13" in done.stderr


def test_a_package_that_is_not_to_be_had_leaves_no_half_made_environment(tmp_path: Path) -> None:
    requirements = tmp_path / "requirements.txt"
    requirements.write_text("./not-here\n")

    done = make_environment(sys.executable, tmp_path / "venv", requirements)

    assert done.returncode == 1
    assert "is the network there?" in done.stderr
    assert not (tmp_path / "venv").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="the local AWS builds on Linux only")
def test_a_build_that_fails(tmp_path: Path) -> None:
    # Given a package in src/requirements.txt that is not to be had
    for name in ("template.yaml", "samconfig.toml"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "requirements.txt").write_text("./not-here\n")

    # Then the sentence names the command, and its last lines name the package
    with pytest.raises(
        LocalAwsError, match=r"^`sam build` ended with \d+: mend what it names(.|\n)*not-here"
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
    assert done.stderr.startswith("zigzag: no outputs of the stack 'zigzag': Unable to locate credentials")
    assert "Traceback" not in done.stderr
