"""Installs the peers' packages into a temporary folder, by pip and npm."""

from __future__ import annotations

import shutil
import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path

from benchmarks.bench import ARMS

PEERS = Path(__file__).parent


class InstallError(Exception):
    """A package could not be installed. The text is the program's output."""


@dataclass(frozen=True, slots=True)
class Installed:
    """The installed peers.

    scripts -- a copy of benchmarks/arms/peers, next to Node's packages, as Node looks for them there.
    node    -- None if Node or npm is not installed; its peers are left out then.
    """

    scripts: Path
    python: Path
    node: Path | None


def install(folder: Path, ca: Path) -> Installed:
    """Installs all packages. Raises InstallError.

    ca -- the stub's CA bundle. It replaces botocore's bundle there, as Celery reads no variable for its own.
    """
    scripts = folder / "peers"
    shutil.copytree(ARMS / "peers", scripts, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(PEERS / "package.json", scripts)
    python = _python(folder / "python")
    where = _said(str(python), "-c", "from botocore.httpsession import where; print(where())", folder=folder)
    shutil.copy(ca, where.strip())
    return Installed(scripts, python, _node(scripts))


def _python(folder: Path) -> Path:
    venv.create(folder, with_pip=True, symlinks=True)
    python = folder / "bin" / "python"
    quiet = ("--quiet", "--disable-pip-version-check", "--no-deps")
    _said(str(python), "-m", "pip", "install", *quiet, "-r", str(PEERS / "requirements.txt"), folder=folder)
    return python


def _node(scripts: Path) -> Path | None:
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        print("node and npm are not installed: their peers are left out", file=sys.stderr)
        return None
    quiet = ("--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts", "--loglevel=error")
    _said(npm, "install", *quiet, folder=scripts)
    return Path(node)


def _said(*command: str, folder: Path) -> str:
    done = subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode != 0:
        raise InstallError(f"{' '.join(command)}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.stdout
