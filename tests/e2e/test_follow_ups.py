"""On the local AWS, which judges every role: chains of five steps reply once, though processes are killed."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.conftest import Deployed
from tests.e2e.copies import deployed_copy
from tests.e2e.effects import FILE
from tests.e2e.waiting import wait_until

pytestmark = pytest.mark.slow

WAIT_SECONDS = 270
STEPS = 5
ARN = "arn:aws:sqs:us-east-1:000000000000:"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("effects")


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory, folder: Path) -> Iterator[Deployed]:
    tasks, replies = {"chaos": "chaos", "relay": "relay"}, f"ReplyTo={ARN}answers,{ARN}gone"
    with deployed_copy(tmp_path_factory.mktemp("project"), tasks, replies) as deployed:
        deployed.set_worker(CHAOS_FOLDER=str(folder))
        yield deployed


class Answers:
    """The queue for replies, and those that came."""

    def __init__(self, deployed: Deployed) -> None:
        self._sqs = deployed.client("sqs")
        self._url = self._sqs.create_queue(QueueName="answers")["QueueUrl"]
        self.came: list[dict[str, Any]] = []

    def are(self, number: int) -> bool:
        """Reads what has come. Tells whether so many different replies are there."""
        found = self._sqs.receive_message(QueueUrl=self._url, MaxNumberOfMessages=10, WaitTimeSeconds=1)
        for message in found.get("Messages", []):
            self.came.append(json.loads(message["Body"]))
            self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])
        return len({one["id"] for one in self.came}) >= number


def send(deployed: Deployed, chain: str, left: int = 0, dies_at: int = -1, reply_to: str = "answers") -> None:
    payload = {"chain": chain, "left": left, "dies_at": dies_at}
    deployed.send(json.dumps({"task": "relay", "id": chain, "payload": payload, "reply_to": reply_to}))


def test_a_reply_that_is_not_allowed_and_one_that_is_refused_are_dead_letters(
    deployed: Deployed, folder: Path
) -> None:
    send(deployed, "not allowed", reply_to="others")
    send(deployed, "refused", reply_to="gone")

    assert wait_until(lambda: len(deployed.ledger.dead_letters()) == 2, WAIT_SECONDS, 1), deployed.said()
    other, refused = sorted(letter["reason"] for letter in deployed.ledger.dead_letters())
    assert other == (
        "`reply_to` is others, to which this stack may not reply: name its ARN in the parameter ReplyTo"
    )
    assert refused.startswith(
        "done; the message to gone is not sent: AWS.SimpleQueueService.NonExistentQueue"
    )
    assert (folder / FILE).read_text().count("ended") == 1


def test_killed_at_each_of_its_steps_a_chain_runs_to_its_end_and_replies(
    deployed: Deployed, folder: Path
) -> None:
    answers, letters = Answers(deployed), len(deployed.ledger.dead_letters())
    for dies_at in range(-1, STEPS):
        send(deployed, f"chain{dies_at}", STEPS - 1, dies_at)

    assert wait_until(lambda: answers.are(STEPS + 1), WAIT_SECONDS, 1), deployed.said()

    results = {one["correlation_id"]: (one["outcome"], one["result"]) for one in answers.came}
    assert results == {f"chain{at}": ("succeeded", {"chain": f"chain{at}"}) for at in range(-1, STEPS)}
    said = [json.loads(line) for line in (folder / FILE).read_text().splitlines() if "refused" not in line]
    ended = Counter(line["id"] for line in said if line["what"] == "ended")
    killed = sum(line["what"] == "killed" for line in said)
    assert ended.keys() == {f"chain{at}-{left}" for at in range(-1, STEPS) for left in range(STEPS)}
    assert STEPS / 2 < killed <= STEPS, "the local AWS may have ended a process before it died by itself"
    assert ended.total() <= len(ended) + killed
    assert len(deployed.ledger.dead_letters()) == letters
