"""The tests are asked, each time in a process of its own, which mechanism does not hold."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.project.docs.pages import named_tests
from tests.project.mutants.mechanism import TEMPLATE as TEMPLATE_FILE
from tests.project.mutants.mutation import Mutation
from tests.project.mutants.mutations import ROOT

PROMISES = ("tests/promises/hostile",)
NO_PROMISE = "tests/promises/hostile/test_promises.py::test_this_kind_of_fault_has_struck_above"
HANDLERS = ("tests/integration/test_a_messages_life.py", "tests/integration/test_a_task_in_its_time.py")
ONE_CALL = "tests/promises/wire/test_one_call.py"
TEMPLATE = ("tests/project/template",)
QUICK = ("tests/unit", "tests/contract", *HANDLERS, ONE_CALL)

AWS = "shared.aws."
UNSEEN_BY_PROMISES = (
    AWS,
    "consumer.app:",
    "consumer.flow.cap:",
    "worker.app:",
    "worker.process:",
    "worker.on_aws:",
)
"""Code that the sandbox replaces by its own, such as time and queues; and a cap, which has no promise."""

NO_TESTS = 5
"""The exit code of pytest where each test is a slow one."""

STUCK_SECONDS = 1500
"""The limit of a run that waits for ever; `witness` ends one that computes for ever.

All of it takes some three minutes, on a machine with nothing else to do."""


@dataclass(frozen=True, slots=True)
class Caught:
    """The first test that failed, the functions through which its error came, and what it said.

    Or the folder whose tests do not end. `own`: the mutation's own code failed, and nothing is learned.
    """

    test: str
    functions: tuple[str, ...] = ()
    error: str = ""
    own: bool = False
    seconds: float = 0.0


def first_failure(mutation: Mutation | None, *, promises_first: bool = True) -> Caught | None:
    """Returns the first test that fails, of all that may see the mutation. Returns None if none does."""
    began = time.monotonic()
    asked = _asked(mutation)
    for folders in asked if promises_first else [*_nearest(mutation), *asked[::-1]]:
        found = _first_of(folders, mutation)
        if found is not None:
            return replace(found, seconds=time.monotonic() - began)
    return None


def _asked(mutation: Mutation | None) -> list[tuple[str, ...]]:
    """Returns the tests that may see it, in the order in which they are asked."""
    if mutation is None:
        return [PROMISES, QUICK, TEMPLATE]
    if mutation.target.startswith(TEMPLATE_FILE):
        return [TEMPLATE]
    if mutation.target.startswith(AWS):
        return [QUICK[::-1]]
    return [QUICK] if mutation.target.startswith(UNSEEN_BY_PROMISES) else [PROMISES, QUICK]


def _nearest(mutation: Mutation | None) -> Iterator[tuple[str, ...]]:
    """Yields the tests that hold its hazards, then those of the package that is broken."""
    if mutation is None:
        return
    named = named_tests()
    held = dict.fromkeys(test for hazard in mutation.hazards.split() for test in named.get(hazard, ()))
    if quick := tuple(test for test in held if not test.startswith((*PROMISES, "tests/e2e"))):
        yield quick
    package = mutation.target.partition(".")[0]
    if (ROOT / "tests/unit" / package).is_dir():
        yield (f"tests/unit/{package}",)


def _first_of(folders: tuple[str, ...], mutation: Mutation | None) -> Caught | None:
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-m", "not slow", "-p", "no:cacheprovider"]
    command += ["-p", "tests.project.mutants.witness"]
    more = {}
    if mutation is not None:
        command += ["-p", "tests.project.mutants.apply"]
        more["MUTATION"] = mutation.name
    command += ["--deselect", NO_PROMISE, "-o", "faulthandler_timeout=0"]  # by the clock on the wall
    with TemporaryDirectory(prefix="zigzag-mutants-") as folder:
        witness = Path(folder) / "witness.json"
        command += [f"--basetemp={witness.parent / 'tests'}", *folders]
        ended, said = _run(command, {"WITNESS": str(witness), **more})
        if ended in (0, NO_TESTS):
            return None
        if witness.exists():
            seen = json.loads(witness.read_text(encoding="utf-8"))
            return Caught(seen["test"], tuple(seen["functions"]), seen["error"], seen["own"])
    if ended is None or ended < 0:
        return Caught(folders[0], error="They do not end.")
    if ended == 1:  # with a test that failed there would be a witness
        return Caught(folders[0], error="Their process is ended by what they test.")
    raise RuntimeError(f"pytest could not look at {', '.join(folders)}:\n{said[-2000:]}")


def _run(command: list[str], more: dict[str, str]) -> tuple[int | None, str]:
    """Runs it to its end, or for STUCK_SECONDS: its exit code or None, and what it said."""
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(("src", "tools", ".")), **more},
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
