"""The main job, end to end: the real `sam build`, `sam deploy` and `aws sqs`, on a local AWS that enforces
every role over TLS. Nobody invokes the consumer: the rule fires by itself.

One batch is sent and drained once, for the whole file. The tests look at what became of it.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from itertools import batched
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.conftest import Deployed
from tests.noise import noise

from shared.aws.choice import BOTO, LEAN

pytestmark = pytest.mark.parametrize(
    "deployed", [LEAN, pytest.param(BOTO, marks=pytest.mark.slow)], indirect=True, scope="module"
)

MANY = 200
WAIT_SECONDS = (
    240  # the first firing comes a minute after the deployment; a message left to its lease, two later
)

BAD = {
    "not JSON": ("hello, world", "the body is not JSON"),
    "no object": ("[1, 2]", "the body is an array"),
    "no task": ('{"payload": {}}', "the body names no task"),
    "a payload that fails its model": ('{"task": "hello", "payload": {"nome": "x"}}', "name: Field required"),
    "too large for an asynchronous invoke": (
        json.dumps({"task": "hello", "payload": {"name": noise(1_000_000)}}),
        "too large for an asynchronous invoke",
    ),
}

TEN_ATTRIBUTES = {
    **{f"attribute-{n}": {"DataType": "String", "StringValue": f"värde {n} 🚀"} for n in range(8)},
    "binary": {"DataType": "Binary", "BinaryValue": "AAH+/w=="},
    "number": {"DataType": "Number", "StringValue": "42"},
}
EMOJI = "smile 😀"


@dataclass(frozen=True)
class Drained:
    """The state before the rule fired, and when the queue was drained."""

    visible_before: int
    firings_until_received: int
    pushes: Counter[str]
    dead_letters: list[dict[str, Any]]
    queued: list[dict[str, Any]]


def news(subscriber: str, headline: str = "Hello") -> str:
    payload = {"headline": headline, "subscribers": [subscriber]}
    return json.dumps({"task": "push_news", "payload": payload}, ensure_ascii=False)


@pytest.fixture(scope="module")
def drained(deployed: Deployed, tmp_path_factory: pytest.TempPathFactory) -> Drained:
    folder = tmp_path_factory.mktemp("messages")
    queue_url = deployed.outputs["QueueUrl"]
    deployed.set_rule(enabled=False)
    send_many(deployed, queue_url, folder)
    deployed.aws_cli(
        *("sqs", "send-message", "--queue-url", queue_url, "--message-body", news(EMOJI, "🎉")),
        *("--message-attributes", json.dumps(TEN_ATTRIBUTES)),
    )
    deployed.aws_cli(
        "sqs", "send-message", "--queue-url", queue_url, "--message-body", '{"task": "helo", "payload": {}}'
    )
    name = "ApproximateNumberOfMessages"
    counted = deployed.aws_cli(
        "sqs", "get-queue-attributes", "--queue-url", queue_url, "--attribute-names", name
    )
    firings_before = deployed.firings()
    deployed.set_rule(enabled=True)
    wait_until(deployed, lambda queued: deployed.firings() > firings_before)
    # From now on, messages are received by the tick that is under way.
    deployed.set_rule(enabled=False)
    wait_until(deployed, lambda queued: all(message["ReceiveCount"] for message in queued))
    firings_until_received = deployed.firings() - firings_before
    deployed.set_rule(enabled=True)
    # Only the unknown task is left in the end, which is retried for minutes.
    wait_until(deployed, lambda queued: len(queued) <= 1)
    return Drained(
        visible_before=int(counted["Attributes"][name]),
        firings_until_received=firings_until_received,
        pushes=deployed.ledger.pushes(),
        dead_letters=deployed.ledger.dead_letters(),
        queued=deployed.ledger.queued(),
    )


def send_many(deployed: Deployed, queue_url: str, folder: Path) -> None:
    """Sends all. Only the first ten go by the AWS command line: each start of it takes half a second."""
    first, *rest = (
        [{"Id": str(s), "MessageBody": news(f"subscriber-{s}")} for s in subscribers]
        for subscribers in batched(range(MANY), 10, strict=True)
    )
    file = folder / "batch.json"
    file.write_text(json.dumps(first))
    sent = deployed.aws_cli(
        "sqs", "send-message-batch", "--queue-url", queue_url, "--entries", f"file://{file}"
    )
    assert not sent.get("Failed")
    sqs = deployed.client("sqs")
    for entries in rest:
        assert not sqs.send_message_batch(QueueUrl=queue_url, Entries=entries).get("Failed")
    for body, _ in BAD.values():
        sqs.send_message(QueueUrl=queue_url, MessageBody=body)


def wait_until(deployed: Deployed, is_so: Callable[[list[dict[str, Any]]], bool]) -> None:
    """Waits until it is so of the messages that are still on the queue."""
    give_up_at = time.monotonic() + WAIT_SECONDS
    while not is_so(queued := deployed.ledger.queued()):
        if time.monotonic() > give_up_at:
            pytest.fail(f"{len(queued)} messages are left; {deployed.said()}")
        time.sleep(0.5)


def test_the_rule_fires_the_consumer_by_itself_when_every_message_is_visible(drained: Drained) -> None:
    assert drained.visible_before == MANY + len(BAD) + 2
    assert drained.firings_until_received > 0


def test_one_tick_takes_all_two_hundred_messages_off_the_queue(drained: Drained) -> None:
    assert drained.firings_until_received == 1


def test_each_message_is_run_once_by_the_effects_that_it_left(drained: Drained) -> None:
    expected = Counter({f"subscriber-{number}": 1 for number in range(MANY)})

    assert drained.pushes - Counter([EMOJI]) == expected


def test_emoji_binary_values_and_ten_attributes_go_through_unharmed(drained: Drained) -> None:
    assert drained.pushes[EMOJI] == 1


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_message_is_in_the_dead_letter_queue_with_its_reason(drained: Drained, kind: str) -> None:
    body, reason = BAD[kind]

    letters = [letter for letter in drained.dead_letters if letter["body"] == body]

    assert len(letters) == 1
    assert reason in letters[0]["reason"]


def test_a_task_that_nobody_knows_is_kept_for_a_deploy_that_may_be_under_way(drained: Drained) -> None:
    assert [json.loads(message["Body"])["task"] for message in drained.queued] == ["helo"]


def test_every_message_is_accounted_for(drained: Drained) -> None:
    sent = MANY + len(BAD) + 2

    assert sent == drained.pushes.total() + len(drained.dead_letters) + len(drained.queued)
