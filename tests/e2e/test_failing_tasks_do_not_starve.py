"""On the local AWS, with a cap of 20: 500 messages wait for their retry, and a fresh one starts at once."""

from __future__ import annotations

import json
import time

import pytest
from tests.e2e.conftest import Deployed

WAITING = 500
RETRY_SECONDS = 3600
FRESH = "fresh"

pytestmark = pytest.mark.slow


@pytest.fixture
def capped(deployed: Deployed) -> Deployed:
    """The deployed stack with a cap of 20, and no lingering, so that a tick ends when it is done."""
    deployed.set_consumer(ZIGZAG_IN_FLIGHT_CAP="20", ZIGZAG_LINGER_SECONDS="0")
    return deployed


def test_a_fresh_task_starts_at_once(capped: Deployed) -> None:
    # Given 500 messages that were received, and postponed for their retry
    sqs, queue_url = capped.client("sqs"), capped.outputs["QueueUrl"]
    for _ in range(WAITING // 10):
        entries = [{"Id": str(n), "MessageBody": '{"task": "hello"}'} for n in range(10)]
        sqs.send_message_batch(QueueUrl=queue_url, Entries=entries)
        sqs.receive_message(QueueUrl=queue_url, MaxNumberOfMessages=10, VisibilityTimeout=RETRY_SECONDS)
    name = "ApproximateNumberOfMessagesNotVisible"
    counted = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=[name])
    assert int(counted["Attributes"][name]) >= WAITING

    # When a fresh one is sent, and a tick comes
    payload = {"headline": "Hello", "subscribers": [FRESH]}
    sqs.send_message(QueueUrl=queue_url, MessageBody=json.dumps({"task": "push_news", "payload": payload}))
    answer = capped.client("lambda").invoke(FunctionName=capped.outputs["ConsumerFunctionName"])

    # Then that tick dispatches it, whatever SQS counts as in flight
    summary = json.load(answer["Payload"])
    assert summary["dispatched"] >= 1
    give_up_at = time.monotonic() + 30
    while capped.ledger.pushes()[FRESH] == 0:
        assert time.monotonic() < give_up_at, summary
        time.sleep(0.5)
