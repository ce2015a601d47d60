"""The project, really built and really deployed on a local AWS that enforces every role, over TLS."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.packages import PROJECT, build_as_a_person_does, without_aws

from shared.aws.choice import LEAN
from tasks import TASKS
from zigzag_local import aws_cli, stack
from zigzag_local.clients import client_options, session
from zigzag_local.emulator import Emulator
from zigzag_local.ledger import Ledger
from zigzag_local.running import LocalAws
from zigzag_operate import Target

TRANSPORT = os.environ.get("ZIGZAG_E2E_TRANSPORT", LEAN)
"""The transport of deployed functions, unless a test names it."""


@dataclass(frozen=True)
class Deployed:
    """A deployed stack, and what a person at its terminal can do with it."""

    aws: LocalAws
    outputs: dict[str, str]
    ledger: Ledger

    def client(self, service: str) -> Any:
        return session().client(service, **client_options(self.aws.environment()))

    @property
    def target(self) -> Target:
        """The stack, as an operator's commands see it."""
        return Target("zigzag", session(), dict(client_options(self.aws.environment())))

    def ids(self) -> dict[str, str]:
        """Returns the ids of AWS for the resources, by their names in the template."""
        resources = self.client("cloudformation").describe_stack_resources(StackName="zigzag")
        return {one["LogicalResourceId"]: one["PhysicalResourceId"] for one in resources["StackResources"]}

    def send(self, body: str, url: str | None = None, **more: Any) -> None:
        """Sends a message, to the first queue unless another one is given."""
        self.client("sqs").send_message(QueueUrl=url or self.outputs["QueueUrl"], MessageBody=body, **more)

    def count(self, url: str | None = None) -> int:
        """Returns how many messages are on a queue, visible or not."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        asked = {"QueueUrl": url or self.outputs["QueueUrl"], "AttributeNames": names}
        answer = self.client("sqs").get_queue_attributes(**asked)
        return sum(int(answer["Attributes"][name]) for name in names)

    def tick(self) -> dict[str, Any]:
        """Wakes the consumer. Returns its summary."""
        answer = self.client("lambda").invoke(FunctionName=self.outputs["ConsumerFunctionName"])
        return dict(json.load(answer["Payload"]))

    def is_woken_by_tests_alone(self) -> None:
        """Has nobody else wake the consumer, and no tick linger."""
        self.set_rule(enabled=False)
        self.lingers_no_more()

    def lingers_no_more(self) -> None:
        self.set_consumer(ZIGZAG_WATCH_ALWAYS="false", ZIGZAG_LINGER_SECONDS="0")

    def aws_cli(self, *arguments: str) -> dict[str, Any]:
        """Returns the answer of the real AWS command line."""
        return aws_cli.run(self.aws, *arguments)

    def set_consumer(self, **variables: str) -> None:
        """Changes environment variables of the deployed consumer."""
        self._set(self.outputs["ConsumerFunctionName"], variables)

    def set_worker(self, **variables: str) -> None:
        """Changes environment variables of the deployed worker."""
        self._set(self.outputs["WorkerFunctionName"], variables)

    def set_rule(self, *, enabled: bool) -> None:
        """Makes the schedule go on, or fire no more."""
        events = self.client("events")
        (rule,) = events.list_rules()["Rules"]
        change = events.enable_rule if enabled else events.disable_rule
        change(Name=rule["Name"])

    def said(self) -> str:
        """Tells of a failure: what went wrong, by the functions' own words and the emulator's last ones."""
        groups = [self.outputs["ConsumerLogGroupName"], self.outputs["WorkerLogGroupName"]]
        pages = self.client("logs").get_paginator("filter_log_events")
        lines = [
            event["message"]
            for group in groups
            for page in pages.paginate(logGroupName=group)
            for event in page["events"]
        ]
        bad = [
            line
            for line in lines
            if '"message": "tick"' in line or ('"level": "INFO"' not in line and line.startswith("{"))
        ]
        return "\n".join([*bad[-50:], self.emulator_log()[-3000:]])

    def emulator_log(self) -> str:
        return self.aws.log_path.read_text(errors="replace")

    def firings(self) -> int:
        """Returns how often the rule has fired the consumer, by the emulator's own log."""
        return self.emulator_log().count(f"EventBridge → Lambda {self.outputs['ConsumerFunctionName']}")

    def _set(self, function: str, variables: Mapping[str, str]) -> None:
        functions = self.client("lambda")
        before = functions.get_function_configuration(FunctionName=function)["Environment"]["Variables"]
        functions.update_function_configuration(
            FunctionName=function, Environment={"Variables": {**before, **variables}}
        )


@pytest.fixture(scope="module")
def deployed(request: pytest.FixtureRequest) -> Iterator[Deployed]:
    """Yields a stack with all its defaults but the transport, which a module may name."""
    if not {"push_news", "crawl_page", "send_welcome_mail"} <= TASKS.keys():
        pytest.skip("the example tasks, whose effects are counted, were deleted")
    with Emulator(tls=True, auth=True) as aws:
        build_dir = aws.directory / "sam" / "build"
        environment = aws.environment()
        stack.build(PROJECT, environment, build_dir, log=aws.directory / "build.log")
        stack.deploy(PROJECT, environment, build_dir, log=aws.directory / "deploy.log")
        outputs = stack.outputs(PROJECT, environment)
        deployed = Deployed(aws, outputs, Ledger(aws, outputs))
        transport = getattr(request, "param", TRANSPORT)
        if transport != LEAN:
            deployed.set_consumer(ZIGZAG_TRANSPORT=transport)
            deployed.set_worker(ZIGZAG_TRANSPORT=transport)
        yield deployed


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Builds as `make up` does: a folder for each function."""
    folder = tmp_path_factory.mktemp("package")
    stack.build(PROJECT, without_aws(), folder / "build", log=folder / "build.log")
    return folder / "build"


@pytest.fixture(scope="session")
def built_for(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Returns a call that builds, for an architecture, as a person's `sam build` does."""

    @cache
    def build(architecture: str) -> Path:
        folder = tmp_path_factory.mktemp(f"my packages for {architecture}")
        return build_as_a_person_does(folder, architecture)

    return build
