"""A task breaks what requests are signed with: the worker's process settles by boto, or ends."""

from __future__ import annotations

import re

import pytest
from tests.integration.warm_worker import WarmWorker
from tests.unit.shared.aws.ways import bad

BREAKS = """
@task()
def breaks(payload: dict[str, Any]) -> None:
    from shared.aws.lean import signature
    signature._Hmac.digest = lambda *_: bytes(32)

@task()
def next_one(payload: dict[str, Any]) -> None: ...
"""

REFUSED = bad(403, body='{"__type": "com.amazon.coral.service#SignatureDoesNotMatch", "message": "a fault"}')
DONE = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


@pytest.fixture(autouse=True)
def _its_aws_refuses_a_signature_of_zeros(worker: WarmWorker) -> None:
    endpoint = worker.endpoint
    endpoint.answer = lambda _: REFUSED if signature_of(endpoint.headers[-1]) == "00" * 32 else DONE


def signature_of(headers: dict[str, str]) -> str:
    (found,) = re.findall(r"Signature=(\w+)", headers["authorization"])
    return str(found)


def clients(worker: WarmWorker) -> list[str]:
    agents = [headers.get("user-agent", "") for headers in worker.endpoint.headers]
    return ["boto" if agent.startswith("Boto3") else "lean" for agent in agents]


def test_boto_settles_and_the_process_goes_on(worker: WarmWorker) -> None:
    ran = worker.runs(BREAKS, "next_one", "breaks", "next_one", "next_one")

    assert (ran.outcomes, ran.errors, ran.status) == ([("succeeded", True)] * 4, "", 0)
    assert clients(worker) == ["lean", "lean", "boto", "boto", "boto"]
    (line,) = ran.said("boto is used")
    assert line["reason"] == "sqs answered the lean client: SignatureDoesNotMatch"


def test_the_process_ends_if_boto_is_refused_as_well(worker: WarmWorker) -> None:
    """Its successor begins clean, and with the lean client."""
    worker.endpoint.answer = REFUSED

    ran = worker.runs(BREAKS, "next_one", "next_one")

    assert (ran.answers, ran.status) == ([], 1)
    assert ran.lines[-1]["reason"] == "a message could not be settled"
    assert clients(worker) == ["lean", "boto", "boto"]  # two deletes, and a record that one is left


def test_before_that_nothing_of_boto_is_loaded(worker: WarmWorker) -> None:
    ran = worker.runs(
        """
        @task()
        def looks(payload: dict[str, Any]) -> None:
            import sys
            assert "boto3" not in sys.modules and "botocore" not in sys.modules
        """,
        "looks",
        "looks",
    )

    assert ran.outcomes == [("succeeded", True)] * 2
