"""A copy of the project, in which a mechanism can be broken and the tests be asked."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from tests.mutants.mutation import Mutation

COPIED = (
    "src",
    "tools",
    "tests",
    "benchmarks",
    "events",
    "docs",
    "pyproject.toml",
    "template.yaml",
    "samconfig.toml",
)
PROMISES = ("tests/hostile",)
NO_PROMISE = "tests/hostile/test_promises.py::test_this_kind_of_fault_has_struck_above"
HANDLERS = ("tests/integration/test_a_messages_life.py", "tests/integration/test_a_task_in_its_time.py")
TEMPLATE = ("tests/template",)
QUICK = ("tests/unit", "tests/contract", *HANDLERS)

UNSEEN_BY_PROMISES = (
    "src/shared/aws/",
    "src/consumer/app.py",
    "src/consumer/flow/cap.py",
    "src/worker/app.py",
    "src/worker/process.py",
)
"""What the sandbox has in its own way, as time and queues; and a cap, which no promise is about."""

STUCK_SECONDS = 600
"""Who computes for ever is ended by `witness`; this is for who waits for ever, or does not end for a thread
that does. All of it takes about a minute, on a machine with nothing else to do."""


@dataclass(frozen=True, slots=True)
class Caught:
    """The first test that failed, the functions through which its error came, and what it said.

    Or the folder whose tests do not end.
    """

    test: str
    functions: tuple[str, ...] = ()
    error: str = ""
    seconds: float = 0.0


class Copy:
    """A copy of the project at `root`, in `folder`."""

    def __init__(self, root: Path, folder: Path) -> None:
        self._project = folder / "project"
        self._witness = folder / "witness.json"
        self._temporary = folder / "tmp"
        ignored = shutil.ignore_patterns("__pycache__", ".*")
        self._project.mkdir(parents=True)
        for name in COPIED:
            if (root / name).is_dir():
                shutil.copytree(root / name, self._project / name, ignore=ignored)
            else:
                shutil.copy(root / name, self._project / name)

    def caught(self, mutation: Mutation) -> Caught | None:
        """Who notices the mutation; None if nobody does."""
        file = self._project / mutation.file
        whole = file.read_text(encoding="utf-8")
        file.write_text(mutation.broken(whole), encoding="utf-8")
        try:
            return self.first_failure(mutation.file)
        finally:
            file.write_text(whole, encoding="utf-8")

    def first_failure(self, file: str | None) -> Caught | None:
        """The first test that fails, of all that may see what is in `file`."""
        began = time.monotonic()
        for folders in _asked(file):
            found = self._first_of(folders)
            if found is not None:
                return Caught(found.test, found.functions, found.error, time.monotonic() - began)
        return None

    def _first_of(self, folders: tuple[str, ...]) -> Caught | None:
        self._witness.unlink(missing_ok=True)
        command = [sys.executable, "-m", "pytest", "-x", "-q", "-m", "not slow", "-p", "no:cacheprovider"]
        command += ["-p", "tests.mutants.witness", f"--basetemp={self._temporary}"]
        command += ["--deselect", NO_PROMISE, "-o", "faulthandler_timeout=0"]  # by the clock on the wall
        ended, said = _run([*command, *folders], self._project, {"WITNESS": str(self._witness)})
        if ended == 0:
            return None
        if self._witness.exists():
            seen = json.loads(self._witness.read_text(encoding="utf-8"))
            return Caught(seen["test"], tuple(seen["functions"]), seen["error"])
        if ended is None or ended < 0:
            return Caught(folders[0], error="They do not end.")
        raise RuntimeError(f"pytest could not look at {', '.join(folders)}:\n{said[-2000:]}")


def _asked(file: str | None) -> list[tuple[str, ...]]:
    """The tests that may see what is in `file`, in the order in which they are asked."""
    if file is None:
        return [PROMISES, QUICK, TEMPLATE]
    if file == "template.yaml":
        return [TEMPLATE]
    if file.startswith("src/shared/aws/"):
        return [QUICK[::-1]]
    return [QUICK] if file.startswith(UNSEEN_BY_PROMISES) else [PROMISES, QUICK]


def _run(command: list[str], folder: Path, more: dict[str, str]) -> tuple[int | None, str]:
    """Runs it to its end, or for STUCK_SECONDS: its exit code or None, and what it said."""
    # No bytecode: a file that was changed twice within a second could be taken for its older self.
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": "", **more}
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        said, _ = process.communicate(timeout=STUCK_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return None, ""
    return process.returncode, said
