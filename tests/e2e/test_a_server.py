"""A server as its page tells it: its image, queue and role, on the local AWS that judges every call.

Each action of the role and of the stack's policy is taken away in turn, and something visible breaks.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.conftest import PROJECT, Deployed
from tests.e2e.copies import add_parameters, add_tasks
from tests.e2e.effects import Effects
from tests.e2e.image import Image
from tests.e2e.test_every_permission_is_needed import Roles
from tests.integration.served import Server, wait_until
from tests.project.docs.test_servers import with_a_server

from zigzag_local import stack
from zigzag_local.emulator import Emulator
from zigzag_local.ledger import Ledger

pytestmark = pytest.mark.slow

ROLE, POLICY = "ServerRole", "ServerPolicy"
TABLE = {
    (ROLE, "sqs:GetQueueAttributes"): "the queue is not found",
    (POLICY, "dynamodb:UpdateItem"): "the table is not found",
    (POLICY, "dynamodb:BatchGetItem"): "the gate is not read",
    (ROLE, "sqs:ReceiveMessage"): "nothing is received",
    (ROLE, "sqs:DeleteMessage"): "what is done stays on the queue",
    (ROLE, "sqs:ChangeMessageVisibility"): "what failed is not postponed",
    (POLICY, "sqs:SendMessage"): "no dead letter is stored",
}
"""The sign by which each action is missed, of the role and of the stack's policy for servers."""

SIGNS = {
    "the queue is not found": lambda seen: "the queue render, " in seen.last,
    "the table is not found": lambda seen: "ZIGZAG_RECORDS_TABLE" in seen.last,
    "the gate is not read": lambda seen: "the gate of render" in seen.last,
    "nothing is received": lambda seen: "receive definite" in seen.messages,
    "what is done stays on the queue": lambda seen: ("chaos", "succeeded", False) in seen.outcomes,
    "what failed is not postponed": lambda seen: ("chaos_once", "retry later", False) in seen.outcomes,
    "no dead letter is stored": lambda seen: (None, "dead-letter", False) in seen.outcomes,
}


@dataclass(frozen=True)
class Seen:
    """The lines of a server. `outcomes` has a delivery's task, its outcome, and whether it is settled."""

    lines: list[dict[str, Any]]

    @property
    def last(self) -> str:
        return str(self.lines[-1]["message"]) if self.lines else ""

    @property
    def messages(self) -> set[str]:
        return {line["message"] for line in self.lines}

    @property
    def outcomes(self) -> set[tuple[str | None, str, bool]]:
        return {
            (line.get("task"), line["outcome"], line["settled"])
            for line in self.lines
            if line["message"] == "delivery"
        }

    @property
    def signs(self) -> set[str]:
        return {name for name, is_there in SIGNS.items() if is_there(self)}


@dataclass(frozen=True)
class Stage:
    """The stack with a server's queue and role, and the image."""

    deployed: Deployed
    image: Image
    folder: Path
    roles: Roles
    role_arn: str

    @property
    def queue_url(self) -> str:
        return self.deployed.outputs["ServerQueueUrl"]

    def variables(self) -> dict[str, str]:
        """Returns the server's: those of the worker function, and the role's keys."""
        name = self.deployed.outputs["WorkerFunctionName"]
        function = self.deployed.client("lambda").get_function_configuration(FunctionName=name)
        keys = self.deployed.client("sts").assume_role(RoleArn=self.role_arn, RoleSessionName="server")
        return {
            **self.image.variables(),
            **self.deployed.aws.variables(),
            **function["Environment"]["Variables"],
            "ZIGZAG_QUEUES": f"render={self.queue_url}",
            "AWS_ACCESS_KEY_ID": keys["Credentials"]["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": keys["Credentials"]["SecretAccessKey"],
            "AWS_SESSION_TOKEN": keys["Credentials"]["SessionToken"],
            "CHAOS_FOLDER": str(self.folder),
            "NO_PROXY": "127.0.0.1",
        }

    @contextmanager
    def server(self, *options: str) -> Iterator[Server]:
        with Server(self.image.command("--queue", "render", *options), self.variables()) as server:
            yield server

    def send(self, body: str) -> None:
        self.deployed.send(body, self.queue_url)

    def send_one_of_each(self, name: str) -> None:
        """Sends a message that succeeds, one that fails once, and one that is no task's."""
        self.send(json.dumps({"task": "chaos", "id": f"{name}-well", "payload": {}}))
        self.send(json.dumps({"task": "chaos_once", "id": f"{name}-fails", "payload": {"fails": True}}))
        self.send(f"{name} is not JSON")

    def work(self, name: str) -> Seen:
        """Sends one of each, and runs a server until it has said what became of them, or that it can't."""
        self.deployed.client("sqs").purge_queue(QueueUrl=self.queue_url)
        self.send_one_of_each(name)
        with self.server() as server:
            wait_until(lambda: Seen(server.lines).signs or len(Seen(server.lines).outcomes) >= 3)
        return Seen(server.lines)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    project, folder = tmp_path_factory.mktemp("project"), tmp_path_factory.mktemp("effects")
    shutil.copytree(PROJECT / "src", project / "src", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("samconfig.toml", "constraints.txt"):
        shutil.copy(PROJECT / name, project)
    (project / "template.yaml").write_text(with_a_server(examples=True), encoding="utf-8")
    add_tasks(project / "src" / "tasks", dict.fromkeys(("chaos", "chaos_once"), "chaos"))
    add_parameters(project / "samconfig.toml", ("FlowControl=true", "Servers=true"))
    image = Image(project / "src" / "server" / "Dockerfile", project, tmp_path_factory.mktemp("image"))
    with Emulator(tls=True, auth=True) as aws:
        build_dir, environment = aws.directory / "sam" / "build", aws.environment()
        stack.build(project, environment, build_dir, log=aws.directory / "build.log")
        stack.deploy(project, environment, build_dir, log=aws.directory / "deploy.log")
        outputs = stack.outputs(project, environment)
        deployed = Deployed(aws, outputs, Ledger(aws, outputs))
        ids = deployed.ids()
        arn = deployed.client("iam").get_role(RoleName=ids[ROLE])["Role"]["Arn"]
        trust_whoever_runs_this(deployed, ids[ROLE])
        yield Stage(deployed, image, folder, Roles(deployed, ids), arn)


def trust_whoever_runs_this(deployed: Deployed, role: str) -> None:
    """Lets the account take the role: no machine of AWS's does so here."""
    account = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [account]})
    deployed.client("iam").update_assume_role_policy(RoleName=role, PolicyDocument=document)


def test_its_image_does_not_run_as_root(stage: Stage) -> None:
    assert stage.image.user == "nobody"


def test_its_image_has_boto3_for_the_credentials_of_a_machine(stage: Stage) -> None:
    python, *_ = stage.image.command()
    command = [python, "-c", "import boto3, pydantic, server.app"]

    assert subprocess.run(command, env=stage.image.variables(), check=False).returncode == 0


def test_with_every_action_all_is_well(stage: Stage) -> None:
    seen = stage.work("all")

    assert seen.signs == set()
    assert ("chaos", "succeeded", True) in seen.outcomes
    assert "all-well" in Effects(stage.folder).succeeded
    assert "all is not JSON" in {letter["body"] for letter in stage.deployed.ledger.dead_letters()}


@pytest.mark.parametrize(("holder", "action"), TABLE, ids=lambda one: one)
def test_without_one_action_its_sign_is_there(stage: Stage, holder: str, action: str) -> None:
    with stage.roles.without(holder, action):
        seen = stage.work(action.replace(":", "-"))

    assert TABLE[holder, action] in seen.signs


def test_the_table_has_every_action_of_the_role_and_its_policy(stage: Stage) -> None:
    assert {(one, action) for one in (ROLE, POLICY) for action in stage.roles.actions(one)} == TABLE.keys()
