"""On the local AWS: a stack with a boundary and tags. MiniStack takes a boundary, and does not judge it."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
from tests.e2e.conftest import Deployed
from tests.e2e.copies import deploy_copy
from tests.e2e.waiting import wait_until
from tests.project.docs.pages import blocks, read

from zigzag_local.clients import client_options, session
from zigzag_local.emulator import Emulator
from zigzag_local.ledger import Ledger

pytestmark = pytest.mark.slow

WAIT_SECONDS = 150
TASK = "patient"
SERVICES = ("dynamodb", "lambda", "logs", "s3", "sns", "sqs")
TAGS: str = tomllib.loads(blocks(read("docs/companies.md"), "toml")[0].text)["default"]["deploy"][
    "parameters"
]["tags"]
GIVEN = dict(one.split("=") for one in TAGS.split())
BOUNDARY = "developers"


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    project = tmp_path_factory.mktemp("project")
    with Emulator(tls=True, auth=True) as aws:
        iam = session().client("iam", **client_options(aws.environment()))
        made = iam.create_policy(PolicyName=BOUNDARY, PolicyDocument=_allowing(*SERVICES))["Policy"]["Arn"]
        outputs = deploy_copy(project, aws, {TASK: TASK}, f"PermissionsBoundary={made}", tags=TAGS)
        yield Deployed(aws, outputs, Ledger(aws, outputs))


def _allowing(*services: str) -> str:
    statement = {"Effect": "Allow", "Action": [f"{one}:*" for one in services], "Resource": "*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def _send(deployed: Deployed, subscriber: str) -> None:
    body = {"task": TASK, "payload": {"subscriber": subscriber}}
    deployed.client("sqs").send_message(QueueUrl=deployed.outputs["QueueUrl"], MessageBody=json.dumps(body))


def test_with_a_boundary_that_allows_enough_the_queue_runs(deployed: Deployed) -> None:
    _send(deployed, "within")

    assert wait_until(lambda: "within" in deployed.ledger.pushes(), WAIT_SECONDS, 0.5), deployed.said()


def test_each_resource_that_the_page_names_has_the_stacks_tags(deployed: Deployed) -> None:
    resources = deployed.client("cloudformation").list_stack_resources(StackName="zigzag")
    by_kind = {one["ResourceType"]: one["PhysicalResourceId"] for one in resources["StackResourceSummaries"]}
    read_tags = _readers(deployed)

    untagged = [kind for kind, id in by_kind.items() if kind in read_tags and not _has(read_tags[kind](id))]
    assert set(read_tags) <= set(by_kind)
    assert untagged == []


def _has(tags: dict[str, str]) -> bool:
    return GIVEN.items() <= tags.items()


def _readers(deployed: Deployed) -> dict[str, Any]:
    """Returns calls that read a resource's tags, for kinds that a stack has by default."""
    sqs, iam, functions = (deployed.client(name) for name in ("sqs", "iam", "lambda"))
    dynamodb = deployed.client("dynamodb")

    def of_table(name: str) -> dict[str, str]:
        arn = dynamodb.describe_table(TableName=name)["Table"]["TableArn"]
        return _by_key(dynamodb.list_tags_of_resource(ResourceArn=arn)["Tags"])

    def of_function(name: str) -> dict[str, str]:
        arn = functions.get_function_configuration(FunctionName=name)["FunctionArn"]
        found: dict[str, str] = functions.list_tags(Resource=arn)["Tags"]
        return found

    return {
        "AWS::SQS::Queue": lambda url: sqs.list_queue_tags(QueueUrl=url)["Tags"],
        "AWS::IAM::Role": lambda name: _by_key(iam.list_role_tags(RoleName=name)["Tags"]),
        "AWS::DynamoDB::Table": of_table,
        "AWS::Lambda::Function": of_function,
    }


def _by_key(tags: list[dict[str, str]]) -> dict[str, str]:
    return {one["Key"]: one["Value"] for one in tags}
