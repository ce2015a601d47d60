"""Every page of docs/patterns/, done as printed: all in one project, on one stack that the local AWS runs.

`make test-patterns` runs it, and so does `.ci/nightly`. A page's steps run one after the other. A command
that only reads is repeated until it prints what the page shows, because a task starts within a minute.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.e2e.copies import add_parameters
from tests.project.docs.pages import ROOT, name_of
from tests.project.docs.patterns import ANYTHING, PATTERNS, Command, Script, prints, read, write

from zigzag_local import stack, state
from zigzag_local.emulator import Emulator
from zigzag_project.new import new

pytestmark = [pytest.mark.slow, pytest.mark.nightly]

EFFECT_SECONDS = 150.0
"""How long an effect is waited for: two ticks, and a lease."""

STEP_SECONDS = 120.0

SLOW = "zigzag: waiting for AWS …\n"
"""The command's notice where AWS takes more than two seconds."""

READS = re.compile(
    r"^\./zigzag (status|queues|limits|tasks|logs|scheduled|dead-letters|output)\b"
    r"|^make logs|^sam logs|^\./zigzag local logs"
    r"|^(\.venv/bin/)?aws (s3 ls|s3 cp s3://\S+ -|[\w-]+ (get|list|describe|receive|filter|head|scan|query))"
)
"""Commands that may be repeated: they change nothing, or hide a message for a while."""

LOGS = re.compile(r"\blogs\b")
"""Commands that show lines of other pages' tasks as well."""

FOLLOWS = re.compile(r"^make logs|^\./zigzag local logs|--tail\b|--follow\b")
"""Commands that a reader ends by Ctrl-C."""


@dataclass(frozen=True)
class Project:
    """A reader's project, with the environment of its terminal."""

    folder: Path
    environment: Mapping[str, str]

    def run(
        self, command: str, *arguments: str, until: Callable[[str], bool], seconds: float
    ) -> tuple[int, str]:
        """Runs a command until it ends, has printed what is waited for, or has had its time. Returns its
        status, and all that it printed.

        arguments -- those of the command, as "$1" and so on.
        """
        with subprocess.Popen(
            ["bash", "-c", f'. "$VARIABLES"\n{command}', "bash", *arguments],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        ) as process:
            timer = threading.Timer(seconds, os.killpg, (process.pid, signal.SIGKILL))
            timer.start()
            said = ""
            for line in process.stdout or ():
                said += "" if line == SLOW else line
                if until(said):
                    os.killpg(process.pid, signal.SIGKILL)
                    break
            status = process.wait()
            timer.cancel()
        return status, said


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """Yields the project with the files of all pages, deployed with the parameters of all."""
    folder = tmp_path_factory.mktemp("patterns") / "my-queue"
    new(folder)
    pages = [read(page) for page in PATTERNS]
    for page in pages:
        for file in page.files:
            write(folder, file)
    parameters = {name: value for page in pages for name, value in page.parameters.items()}
    add_parameters(folder / "samconfig.toml", tuple(f"{name}={value}" for name, value in parameters.items()))
    _as_if_set_up(folder)
    with Emulator(tls=True, auth=True) as aws:
        state.save(folder, aws)
        environment, build_dir = aws.environment(), folder / stack.BUILD_DIR
        stack.build(folder, environment, build_dir, log=aws.directory / "build.log")
        stack.deploy(folder, environment, build_dir, log=aws.directory / "deploy.log")
        shown = {"COLUMNS": "200", "NO_COLOR": "1", "NODE_EXTRA_CA_CERTS": str(aws.ca_bundle)}
        yield Project(folder, {**os.environ, **shown, "VARIABLES": str(_told(folder, environment))})


def _as_if_set_up(folder: Path) -> None:
    """Gives the project the environments of this run. Its own would be made from the same files."""
    for name in (".venv", ".venv-tools", ".venv-ministack"):
        (folder / name).symlink_to((ROOT / name).resolve())
    for file in folder.rglob("*"):
        if not file.is_symlink():
            os.utime(file, (1, 1))  # older than the environments, so that make leaves those as they are


def _told(folder: Path, environment: Mapping[str, str]) -> Path:
    """Returns a file of what a reader's shell evaluates: the words of `./zigzag local variables`."""
    said = subprocess.run(
        ["./zigzag", "local", "variables"], cwd=folder, env=environment, check=True, capture_output=True
    )
    told = folder.parent / "variables"
    told.write_bytes(said.stdout)
    return told


@pytest.mark.parametrize("page", PATTERNS, ids=lambda page: page.stem)
def test_a_page_does_what_it_says(project: Project, page: Path) -> None:
    for step in read(page).steps:
        what = step.text if isinstance(step, Script) else f"$ {step.text}"
        wrong = _script(project, step) if isinstance(step, Script) else _command(project, step)
        if wrong is not None:
            pytest.fail(f"{name_of(page)}, line {step.line}:\n{what}\n{wrong}", pytrace=False)


def _script(project: Project, script: Script) -> str | None:
    """Returns what is wrong, or None."""
    python = '.venv/bin/python -c "$1"'
    status, said = project.run(python, script.text, until=_never, seconds=STEP_SECONDS)
    return f"ended with {status}:\n{said}" if status else None


def _command(project: Project, command: Command) -> str | None:
    """Returns what is wrong, or None."""
    among_others, ends = LOGS.search(command.text) is not None, time.monotonic() + EFFECT_SECONDS

    def printed(said: str) -> bool:
        return prints(command.prints or (ANYTHING,), said, among_others=among_others)

    if FOLLOWS.search(command.text):
        _, said = project.run(command.text, until=printed, seconds=EFFECT_SECONDS)
        return None if printed(said) else _differs(command, said)
    while True:
        status, said = project.run(command.text, until=_never, seconds=STEP_SECONDS)
        if command.fails == (status != 0) and printed(said):
            return None
        if not READS.match(command.text) or time.monotonic() > ends:
            return _differs(command, f"{said}(status {status})")
        time.sleep(1)


def _never(said: str) -> bool:
    return False


def _differs(command: Command, said: str) -> str:
    expected = "\n".join(command.prints) or "no error"
    return f"---- expected:\n{expected}\n---- got:\n{said}"
