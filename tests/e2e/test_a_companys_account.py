"""On the local AWS: a stack with a boundary and tags, and what a run leaves in each of its stores.

MiniStack takes a boundary, and does not judge by it.
"""

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
from tests.project.docs.test_data import rows

from zigzag.extra.pointers import written
from zigzag_local.clients import client_options, session
from zigzag_local.emulator import Emulator
from zigzag_local.ledger import Ledger
from zigzag_operate.erase import erase
from zigzag_operate.held import Whose

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
        given = (f"PermissionsBoundary={made}", "LargePayloads=true", "Scheduler=true")
        outputs = deploy_copy(project, aws, {TASK: TASK}, *given, tags=TAGS)
        yield Deployed(aws, outputs, Ledger(aws, outputs))


def _allowing(*services: str) -> str:
    statement = {"Effect": "Allow", "Action": [f"{one}:*" for one in services], "Resource": "*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def _send(deployed: Deployed, subscriber: str) -> None:
    deployed.send(json.dumps({"task": TASK, "payload": {"subscriber": subscriber}}))


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


# ---- What lies where: docs/data.md ----

MARK = "ann@example.com"
STORES = ("TaskQueue", "DeadLetterQueue", "RecordsTable", "LargeBucket", "SchedulerGroup")
LOGS = ("WorkerLogGroup", "ConsumerLogGroup")


def _held(deployed: Deployed) -> dict[str, bool]:
    """Tells of each store whether the person's mark is in it."""
    outputs, logs = deployed.outputs, deployed.client("logs")
    said = {
        name: [
            one["message"] for one in logs.filter_log_events(logGroupName=outputs[f"{name}Name"])["events"]
        ]
        for name in LOGS
    }
    sqs, s3, scheduler = (deployed.client(name) for name in ("sqs", "s3", "scheduler"))
    for name, output in (("TaskQueue", "QueueUrl"), ("DeadLetterQueue", "DeadLetterQueueUrl")):
        found = sqs.receive_message(QueueUrl=outputs[output], MaxNumberOfMessages=10, VisibilityTimeout=0)
        said[name] = [one["Body"] for one in found.get("Messages", [])]
    items = deployed.client("dynamodb").scan(TableName=outputs["RecordsTableName"])["Items"]
    said["RecordsTable"] = [json.dumps(one) for one in items]
    bucket, group = outputs["LargeBucketName"], outputs["Scheduler"].split()[0]
    keys = [one["Key"] for one in s3.list_objects_v2(Bucket=bucket).get("Contents", [])]
    said["LargeBucket"] = [s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode() for key in keys]
    names = [one["Name"] for one in scheduler.list_schedules(GroupName=group)["Schedules"]]
    got = [scheduler.get_schedule(GroupName=group, Name=name) for name in names]
    said["SchedulerGroup"] = [one["Target"]["Input"] for one in got]
    return {name: any(MARK in text for text in texts) for name, texts in said.items()}


def test_a_run_leaves_payloads_where_the_page_says_and_an_erasure_takes_them_away(
    deployed: Deployed,
) -> None:
    outputs = deployed.outputs
    # Given a task that succeeds, one that fails, a large one, and one for later, of one person
    ok = {"task": TASK, "payload": {"subscriber": MARK}}
    wrong = {"task": TASK, "payload": {"subscriber": MARK, "seconds": [MARK]}}
    large = {"task": TASK, "payload": {"subscriber": MARK, "padding": "x" * 2_000_000}}
    deployed.client("s3").put_object(
        Bucket=outputs["LargeBucketName"], Key="payloads/1", Body=json.dumps(large).encode()
    )
    bodies = [json.dumps(ok), json.dumps(wrong), written(outputs["LargeBucketName"], "payloads/1")]
    for body in bodies:
        deployed.send(body)
    group, role, _ = outputs["Scheduler"].split()
    deployed.client("scheduler").create_schedule(
        GroupName=group,
        Name="later",
        ScheduleExpression="at(2099-01-02T03:04:05)",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={"Arn": outputs["QueueArn"], "RoleArn": role, "Input": json.dumps(ok)},
    )

    # When all have run
    is_done = lambda: deployed.ledger.pushes()[MARK] == 2 and len(deployed.ledger.dead_letters()) == 1  # noqa: E731
    assert wait_until(is_done, WAIT_SECONDS, 0.5), deployed.said()

    # Then each store has a payload or none, as its row says; that of the task queue is gone
    told = {name: cells[1] == "yes" for name, cells in rows().items() if name in (*STORES, *LOGS)}
    assert _held(deployed) == told | {"TaskQueue": False}

    # And an erasure leaves nothing, wherever it was
    erased = erase(deployed.target, Whose(where=(("subscriber", MARK),)))
    assert (erased.found["dead letters"], erased.found["large payloads"]) == (1, 1)
    assert not any(_held(deployed).values())
