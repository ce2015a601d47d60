"""Do the files of events/ work with the real `sam local invoke`, in Lambda's own container?

A copy of the project is built and invoked as events/README.md says, so that what the user has built
stays as it is. Skipped where no Docker engine answers.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.conftest import PROJECT, Deployed
from tests.e2e.copies import deployed_copy
from tests.e2e.waiting import wait_until
from tests.integration.test_events_readme import EVENTS, gist, shown

from shared.queues import is_fifo, more_queues
from zigzag.send import encode
from zigzag_local import docker_bridge, machine
from zigzag_local.emulator import Emulator
from zigzag_local.sam_local import variables as sam_local_variables

pytestmark = pytest.mark.slow

IMAGES = {arch: f"public.ecr.aws/lambda/python:3.13-{arch}" for arch in ("x86_64", "arm64")}
HAVE_IMAGE = """
import sys, docker
images = docker.from_env().images
if not images.list(sys.argv[1]):
    images.pull(sys.argv[1])
"""
PULLED_WITHIN_SECONDS = 240
INVOKED_WITHIN_SECONDS = 240  # the first time on a machine, SAM adds its own layer to the image
PUSHED_WITHIN_SECONDS = 60


@dataclass(frozen=True)
class SamLocal:
    """A built copy of the project, and what a person types there."""

    project: Path
    architecture: str

    def build(self) -> None:
        self._sam("build", environment=nobodys())

    def invoke(
        self, function: str, event: str, *options: str, environment: Mapping[str, str]
    ) -> dict[str, Any]:
        """Returns the function's answer to a file of events/."""
        said = self._sam(
            *("local", "invoke", function, "--event", f"events/{event}"),
            *("--skip-pull-image", *options),  # the image is there: see `image`
            environment=environment,
        )
        return dict(json.loads(said.splitlines()[-1]))

    def _sam(self, *words: str, environment: Mapping[str, str]) -> str:
        sam = str(Path(sys.executable).with_name("sam"))
        done = subprocess.run(
            [sam, *words, "--parameter-overrides", f"Architecture={self.architecture}"],
            cwd=self.project,
            env={
                **environment,
                "PATH": os.pathsep.join((str(Path(sys.executable).parent), environment["PATH"])),
                "TMPDIR": str(self.project),
                "SAM_CLI_TELEMETRY": "0",
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=INVOKED_WITHIN_SECONDS,
            check=False,
        )
        print(done.stderr, done.stdout, sep="\n")  # `pytest -rP` shows what the containers said
        assert done.returncode == 0, done.stderr
        return done.stdout


def nobodys() -> dict[str, str]:
    """Returns this process's environment, without any AWS account."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return {**kept, "AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}


@pytest.fixture(scope="module")
def image() -> str:
    """Returns Lambda's image, on an engine that answers."""
    image = IMAGES[machine.lambda_architecture()]
    # In a process of its own: where no engine answers, Docker's library leaves a socket open.
    command = [sys.executable, "-c", HAVE_IMAGE, image]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PULLED_WITHIN_SECONDS, check=False)
    if done.returncode != 0:
        why = done.stderr.strip().splitlines()[-1]
        pytest.skip(f"`sam local invoke` needs a Docker engine that has or can pull {image}: {why}")
    return image


@pytest.fixture(scope="module")
def sam_local(image: str, tmp_path_factory: pytest.TempPathFactory) -> SamLocal:
    project = tmp_path_factory.mktemp("project")
    for name in ("template.yaml", "samconfig.toml"):
        shutil.copy(PROJECT / name, project)
    for name in ("src", "events"):
        shutil.copytree(PROJECT / name, project / name, ignore=shutil.ignore_patterns("__pycache__"))
    sam_local = SamLocal(project, machine.lambda_architecture())
    sam_local.build()
    return sam_local


@pytest.mark.parametrize("event", EVENTS)
def test_an_event_is_answered_as_the_readme_shows(sam_local: SamLocal, event: str) -> None:
    function = "ConsumerFunction" if event.startswith("consumer-") else "WorkerFunction"

    answer = sam_local.invoke(function, event, environment=nobodys())

    assert gist(answer) == gist(shown(event))


@pytest.fixture
def reachable(tmp_path: Path) -> Iterator[Deployed]:
    """Yields a stack of three queues on a local AWS that containers reach. Its own consumer sleeps."""
    host = docker_bridge.address()
    if host is None:
        pytest.skip("no bridge of Docker is on this machine, through which a container would reach it")
    queues = ("Queue2=urgent:6", "Queue3=orders", "Queue3Fifo=true")
    with deployed_copy(tmp_path / "deployed", {}, *queues, on=Emulator(host=host)) as deployed:
        deployed.set_rule(enabled=False)
        parameters = sam_local_variables(deployed.aws, deployed.outputs, host)
        (tmp_path / "sam-local.json").write_text(json.dumps({"Parameters": parameters}))
        yield deployed


def test_a_consumer_in_a_container_dispatches_what_is_on_live_queues(
    sam_local: SamLocal, reachable: Deployed, tmp_path: Path
) -> None:
    # Given a message on each queue of a local AWS
    subscribers = {"first": reachable.outputs["QueueUrl"]}
    subscribers |= {one.name: one.url for one in more_queues(reachable.outputs["Queues"])}
    for name, url in subscribers.items():
        body = encode("push_news", {"headline": "Hello", "subscribers": [name]})
        group = ("--message-group-id", "ann") if is_fifo(url) else ()
        reachable.aws_cli("sqs", "send-message", "--queue-url", url, "--message-body", body, *group)

    # When the consumer is invoked in a container
    answer = sam_local.invoke(
        *("ConsumerFunction", "consumer-tick.json", "--env-vars", str(tmp_path / "sam-local.json")),
        environment=reachable.aws.environment(),
    )

    # Then it has handed each to a worker of the local AWS, which ran the task
    assert (answer["received"], answer["dispatched"], answer["stopped"]) == (3, 3, "queue empty")
    assert wait_until(lambda: reachable.ledger.pushes().total() == 3, PUSHED_WITHIN_SECONDS, 0.2), (
        reachable.said()
    )
    assert reachable.ledger.pushes() == dict.fromkeys(subscribers, 1)
