"""A task takes credentials and a region of its own, for its own calls. Zigzag's stay the function's."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from hashlib import md5

import pytest
from tests.integration.conftest import WARM
from tests.integration.warm_worker import WarmWorker
from tests.unit.shared.aws.ways import bad

from shared.aws.choice import BOTO, LEAN

TASKS = """
import os, time

OWN = {"AWS_ACCESS_KEY_ID": "ASSUMED", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_SESSION_TOKEN": "token",
    "AWS_DEFAULT_REGION": "eu-west-1", "AWS_REGION": "eu-west-1"}

def own_variables():
    os.environ.update(OWN)

def own_default_session():
    import boto3
    boto3.setup_default_session(aws_access_key_id="ASSUMED", aws_secret_access_key="secret",
        aws_session_token="token", region_name="eu-west-1")

@task
def other(payload: dict[str, Any]) -> None: ...

@task
def sends(payload: dict[str, Any]) -> None:
    {kind}()
    other.send({})

@task
def forks(payload: dict[str, Any]) -> None:
    {kind}()
    if (child := os.fork()) == 0:
        try:
            other.send({})
        finally:
            os._exit(0)
    os.waitpid(child, 0)

@task
def lasts(payload: dict[str, Any]) -> None:
    {kind}()
    time.sleep(4)

@task
def fails(payload: dict[str, Any]) -> None:
    {kind}()
    raise ValueError("this attempt failed")
"""

REFUSED = bad(403, body='{"__type": "com.amazon.coral.service#SignatureDoesNotMatch", "message": "a fault"}')

KINDS = ("own_variables", "own_default_session")


@pytest.fixture(params=[LEAN, pytest.param(BOTO, marks=pytest.mark.slow)])
def worker(request: pytest.FixtureRequest, warm: WARM) -> Iterator[WarmWorker]:
    with warm(request.param) as worker:
        worker.endpoint.answer = done
        yield worker


def done(call: bytes) -> bytes:
    """Returns AWS's answer, also to a send."""
    sent = json.loads(call).get("MessageBody")
    answer = {}
    if sent is not None:
        digest = md5(sent.encode(), usedforsecurity=False).hexdigest()
        answer = {"MessageId": "1", "MD5OfMessageBody": digest}
    body = json.dumps(answer).encode()
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


def by_boto(headers: dict[str, str]) -> bool:
    return headers.get("user-agent", "").startswith("Boto3")


def callers(worker: WarmWorker) -> list[tuple[str, str, str]]:
    """Returns, of each call, its operation, and its owner: the key, and the region."""
    found = []
    for operation, headers in zip(worker.called, worker.endpoint.headers, strict=True):
        signed = re.search(r"Credential=(\w+)/\d+/([\w-]+)/", headers["authorization"])
        assert signed is not None
        assert "x-amz-security-token" not in headers
        found.append((operation, signed[1], signed[2]))
    return found


def by_the_function(*operations: str) -> list[tuple[str, str, str]]:
    return [(operation, "test", "us-east-1") for operation in operations]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["sends", "forks"])
def test_a_send_is_the_functions_also_the_first_of_its_process(
    worker: WarmWorker, name: str, kind: str
) -> None:
    ran = worker.runs(TASKS.replace("{kind}", kind), name, name)

    assert ran.outcomes == [("succeeded", True)] * 2
    assert callers(worker) == by_the_function("SendMessage", "DeleteMessageBatch") * 2


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_heartbeats_and_records_are_the_functions_also_the_first_of_its_process(
    worker: WarmWorker, kind: str
) -> None:
    worker.more["RECEIVED_AGO"] = "87"  # a beat comes 30 seconds before the lease's end: 3 seconds from now

    ran = worker.runs(TASKS.replace("{kind}", kind), "lasts", "fails", seconds_left=30)

    assert ran.outcomes == [("succeeded", True), ("retry later", True)]
    assert callers(worker) == by_the_function(
        "ChangeMessageVisibilityBatch", "DeleteMessageBatch", "UpdateItem", "ChangeMessageVisibilityBatch"
    )


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_so_are_all_calls_of_boto_once_it_has_taken_over(warm: WARM, kind: str) -> None:
    with warm() as worker:
        endpoint = worker.endpoint
        endpoint.answer = lambda call: done(call) if by_boto(endpoint.headers[-1]) else REFUSED
        worker.more["RECEIVED_AGO"] = "87"

        ran = worker.runs(TASKS.replace("{kind}", kind), "lasts", "sends", "forks", seconds_left=30)

    assert ran.outcomes == [("succeeded", True)] * 3
    assert callers(worker) == by_the_function(
        *["ChangeMessageVisibilityBatch"] * 2,  # the first is refused
        "DeleteMessageBatch",
        *["SendMessage"] * 2,  # so is this, by a client of its own
        "DeleteMessageBatch",
        "SendMessage",
        "DeleteMessageBatch",
    )
