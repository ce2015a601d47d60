"""Carries out a Dockerfile without Docker: its steps in a folder, by a Python environment of its own.

It knows the few instructions that `src/server/Dockerfile` has, and refuses all others.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

OURS = ("AWS_", "ZIGZAG_", "PYTHON", "PIP_REQUIRE", "VIRTUAL_ENV")
"""Beginnings of the names of variables that an image does not have."""


class Image:
    """The image that a Dockerfile makes.

    root       -- the folder that is the image's `/`.
    user       -- the user that its processes would have.
    entrypoint -- the command that it runs.
    """

    def __init__(self, dockerfile: Path, context: Path, folder: Path) -> None:
        self.root = folder / "root"
        self.user = "root"
        self.entrypoint: list[str] = []
        self._context = context
        self._python = folder / "python"
        self._arguments: dict[str, str] = {}
        self._variables: dict[str, str] = {}
        self._at = "/"
        self.root.mkdir()
        for line in dockerfile.read_text(encoding="utf-8").replace("\\\n", " ").splitlines():
            if line.strip() and not line.startswith("#"):
                self._carry_out(*line.split(maxsplit=1))

    def variables(self) -> dict[str, str]:
        """Returns the variables of its processes."""
        kept = {name: one for name, one in os.environ.items() if not name.startswith(OURS)}
        return {**kept, "PATH": f"{self._python / 'bin'}:/usr/bin:/bin", **self._variables}

    def command(self, *arguments: str) -> list[str]:
        """Returns what `docker run` would run with these arguments."""
        program, *rest = self.entrypoint
        return [str(self._python / "bin" / program), *rest, *arguments]

    def _carry_out(self, instruction: str, what: str) -> None:
        steps = {
            "ARG": self._argument,
            "FROM": self._from,
            "WORKDIR": self._work_in,
            "COPY": self._copy_all,
            "ENV": self._set,
            "RUN": self._run,
            "USER": self._run_as,
            "ENTRYPOINT": self._begin_with,
        }
        assert instruction in steps, f"{instruction} can't be carried out here"
        steps[instruction](what)

    def _argument(self, what: str) -> None:
        name, _, default = what.partition("=")
        self._arguments[name] = default

    def _from(self, what: str) -> None:
        for name, value in self._arguments.items():
            what = what.replace(f"${{{name}}}", value)
        assert what == f"python:{sys.version_info.major}.{sys.version_info.minor}-slim"
        subprocess.run([sys.executable, "-m", "venv", str(self._python)], check=True)

    def _work_in(self, what: str) -> None:
        self._at = what
        self._inside(what).mkdir(parents=True, exist_ok=True)

    def _copy_all(self, what: str) -> None:
        *sources, target = what.split()
        for source in sources:
            self._copy(self._context / source, target)

    def _set(self, what: str) -> None:
        name, _, value = what.partition("=")
        self._variables[name] = str(self._inside(value)) if value.startswith("/") else value

    def _run_as(self, what: str) -> None:
        self.user = what

    def _begin_with(self, what: str) -> None:
        self.entrypoint = json.loads(what)

    def _run(self, command: str) -> None:
        done = subprocess.run(
            ["/bin/sh", "-e", "-c", command],
            cwd=self._inside(self._at),
            env=self.variables(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"

    def _copy(self, source: Path, target: str) -> None:
        into = self._inside(target)
        if source.is_dir():
            shutil.copytree(source, into, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
            return
        assert target.endswith("/"), f"{target} has to be a folder"
        into.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, into)

    def _inside(self, path: str) -> Path:
        assert path.startswith("/")
        return self.root / path[1:]
