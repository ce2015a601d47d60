"""The packages that `sam build` makes of the project, and what is in them."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import distributions
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PROJECT = Path(__file__).resolve().parents[2]

OURS = {
    "ConsumerFunction": {"consumer", "shared"},
    "WorkerFunction": {"worker", "shared", "zigzag", "tasks"},
}
"""The folders of src/ that are in each function's package."""

HANDLERS = {"ConsumerFunction": "consumer.app", "WorkerFunction": "worker.app"}

_NO_SOURCE = {"__pycache__", ".DS_Store"}


def build_as_a_person_does(folder: Path, architecture: str) -> Path:
    """Runs `sam build` in the project's folder. Its result is somewhere below `folder`."""
    programs = Path(sys.executable).parent
    command = [str(programs / "sam"), "build", "--build-dir", str(folder / "build")]
    done = subprocess.run(
        [*command, "--parameter-overrides", f"Architecture={architecture}"],
        cwd=PROJECT,
        env={
            **without_aws(),
            "PATH": os.pathsep.join((str(programs), os.environ["PATH"])),
            "TMPDIR": str(folder),
            "SAM_CLI_TELEMETRY": "0",
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder / "build"


def without_aws() -> dict[str, str]:
    """This process's variables, but for AWS's."""
    return {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}


def contents(entry: Path) -> dict[Path, bytes]:
    """Returns a folder's files, or a file, by their paths in it."""
    files = [entry] if entry.is_file() else sorted(file for file in entry.rglob("*") if file.is_file())
    return {file.relative_to(entry): file.read_bytes() for file in files}


def sources(folder: Path) -> dict[Path, bytes]:
    """Returns those of a folder's files that somebody wrote."""
    return {file: found for file, found in contents(folder).items() if not set(file.parts) & _NO_SOURCE}


def installed(package: Path) -> dict[str, set[str]]:
    """Returns each package that is installed in the folder, and its entries there."""
    return {
        canonicalize_name(one.name): {file.parts[0] for file in one.files or []}
        for one in distributions(path=[str(package)])
    }


def listed() -> tuple[set[str], set[str]]:
    """Returns the packages of src/requirements.txt: those above the user's place, and those below."""
    above, _, below = (PROJECT / "src" / "requirements.txt").read_text().partition("# ==== YOURS")
    return _names(above), _names(below.partition("\n")[2])


def _names(text: str) -> set[str]:
    lines = (line.partition("#")[0].strip(" \\") for line in text.splitlines())
    return {canonicalize_name(Requirement(line).name) for line in lines if line and "--hash" not in line}
