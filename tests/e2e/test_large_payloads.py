"""On the local AWS, which judges every role: what is larger than a message runs, or becomes a dead letter."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from tests.e2e.conftest import Deployed
from tests.e2e.copies import deployed_copy
from tests.e2e.waiting import wait_until

from shared.aws.boto import BotoTransport
from shared.aws.s3_objects import S3Objects
from shared.aws.sqs_queue import SqsQueue
from zigzag.extra.pointers import written
from zigzag.in_place import run_in_place
from zigzag.send import Options, compose

pytestmark = pytest.mark.slow

WAIT_SECONDS = 150
LARGE = "x" * 3_000_000
TASK = "patient"
OLD_CLASS = "com.amazon.sqs.javamessaging.MessageS3Pointer"


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    project, given = tmp_path_factory.mktemp("project"), ("LargePayloads=true", "WorkerMemory=256")
    with deployed_copy(project, {TASK: TASK}, *given) as deployed:
        yield deployed


def payload(subscriber: str) -> dict[str, Any]:
    return {"subscriber": subscriber, "seconds": 0, "padding": LARGE}


def send_body(deployed: Deployed, body: str, size: int) -> None:
    """Sends what an extended client sends."""
    told = {"ExtendedPayloadSize": {"DataType": "Number", "StringValue": str(size)}}
    deployed.send(body, MessageAttributes=told)


def test_what_send_puts_into_the_bucket_runs_and_stays_there(deployed: Deployed) -> None:
    bucket = S3Objects(deployed.outputs["LargeBucketName"], client=deployed.client("s3"))
    url = deployed.outputs["QueueUrl"]
    message = compose(TASK, payload("by send"), Options(), url, bucket=bucket)
    run_in_place(
        SqsQueue(BotoTransport(attempts=1, clients={"sqs": deployed.client("sqs")}), url).send(message)
    )

    assert wait_until(lambda: "by send" in deployed.ledger.pushes(), WAIT_SECONDS, 0.5), deployed.said()
    key = json.loads(message.body)[1]["s3Key"]
    assert len(bucket.get(key, 4_000_000)) > len(LARGE)


def test_what_an_extended_client_has_put_there_runs(deployed: Deployed) -> None:
    bucket, content = (
        deployed.outputs["LargeBucketName"],
        json.dumps({"task": TASK, "payload": payload("old")}),
    )
    deployed.client("s3").put_object(Bucket=bucket, Key="0b1c", Body=content.encode())

    send_body(deployed, f'["{OLD_CLASS}",{{"s3BucketName":"{bucket}","s3Key":"0b1c"}}]', len(content))

    assert wait_until(lambda: "old" in deployed.ledger.pushes(), WAIT_SECONDS, 0.5), deployed.said()


def test_a_pointer_elsewhere_and_one_to_nothing_are_dead_letters(deployed: Deployed) -> None:
    elsewhere = deployed.outputs["PageBucketName"]
    deployed.client("s3").put_object(Bucket=elsewhere, Key="page", Body=b"{}")

    for bucket in (elsewhere, deployed.outputs["LargeBucketName"]):
        send_body(deployed, written(bucket, "page"), 2)

    assert wait_until(lambda: len(deployed.ledger.dead_letters()) == 2, WAIT_SECONDS, 0.5), deployed.said()
    assert sorted(letter["reason"] for letter in deployed.ledger.dead_letters()) == [
        "the body points to another bucket, which is not read: put the object into this stack's, which the "
        "output LargeBucketName names",
        "the object that the body points to is gone from the bucket",
    ]
