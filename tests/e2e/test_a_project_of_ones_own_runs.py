"""A new project where nothing is but Python, make, git and openssl: its own targets, one by one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.e2e.waiting import wait_until

from zigzag_project.new import new

pytestmark = pytest.mark.slow

FIRST_TICK_SECONDS = 150


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("own") / "shop-queue"
    new(folder)
    yield folder
    run(folder, "make", "down")


def run(project: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Runs a command in the project, with nothing of this run's environment but its Python."""
    names = ("PYTHONPATH", "PYTEST_", "AWS_", "VIRTUAL_ENV")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(names)}
    python = [f"PYTHON={sys.executable}"] if command[0] == "make" else []
    return subprocess.run(
        [*command, *python], cwd=project, env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("target", ["test", "check"])
def test_its_make_sets_up_what_it_needs_and_is_green(project: Path, target: str) -> None:
    done = run(project, "make", target)

    assert done.returncode == 0, done.stdout + done.stderr


def test_its_queue_runs_on_this_machine(project: Path) -> None:
    # Given its stack on a local AWS
    started = run(project, "make", "run")
    assert started.returncode == 0, started.stdout + started.stderr

    # When a task is sent by the command, and one as the pages show it
    for how in (
        """./zigzag send --local hello '{"name": "world"}'""",
        'eval "$(./zigzag local variables)" && eval "$SEND_COMMAND" && ./zigzag status',
    ):
        sent = run(project, "bash", "-c", how)
        assert sent.returncode == 0, sent.stderr

    # Then it is done, and no dead letter
    def counts() -> dict[str, int]:
        found: dict[str, int] = json.loads(run(project, "./zigzag", "status", "--local", "--json").stdout)
        return found

    assert wait_until(lambda: counts()["waiting"] + counts()["in_flight"] == 0, FIRST_TICK_SECONDS), counts()
    assert counts()["dead_letters"] == 0
