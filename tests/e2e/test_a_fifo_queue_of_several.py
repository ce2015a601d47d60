"""On the local AWS, which judges every role: a FIFO queue next to standard ones, with its dead letters."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.e2e.conftest import Deployed
from tests.e2e.copies import deploy_copy
from tests.e2e.test_several_queues import count, tick, urls
from tests.e2e.waiting import wait_until

from zigzag.send import encode
from zigzag_local.emulator import Emulator
from zigzag_local.ledger import Ledger

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    """Yields a stack of three queues, whose consumer is woken by the tests alone."""
    with Emulator(tls=True, auth=True) as aws:
        parameters = "DefaultWeight=3", "Queue2=bulk", "Queue3=orders:2", "Queue3Fifo=true"
        outputs = deploy_copy(tmp_path_factory.mktemp("project"), aws, {}, *parameters)
        deployed = Deployed(aws, outputs, Ledger(aws, outputs))
        deployed.set_rule(enabled=False)
        deployed.set_consumer(ZIGZAG_WATCH_ALWAYS="false", ZIGZAG_LINGER_SECONDS="0")
        yield deployed


def send(deployed: Deployed, queue: str, body: str) -> None:
    url = urls(deployed)[queue]
    group = {"MessageGroupId": "ann"} if url.endswith(".fifo") else {}
    deployed.client("sqs").send_message(QueueUrl=url, MessageBody=body, **group)


def test_only_the_queue_that_says_so_is_fifo(deployed: Deployed) -> None:
    fifo = [name for name, url in urls(deployed).items() if url.endswith(".fifo")]

    assert fifo == ["orders"]
    assert deployed.outputs["OtherDeadLetterQueueUrl"].endswith(".fifo")
    assert not deployed.outputs["DeadLetterQueueUrl"].endswith(".fifo")


def test_a_task_runs_from_each_queue_and_its_message_is_deleted_there(deployed: Deployed) -> None:
    for name in urls(deployed):
        send(deployed, name, encode("push_news", {"headline": "Hello", "subscribers": [name]}))

    summary = tick(deployed)

    assert (summary["dispatched"], summary["stopped"]) == (3, "queue empty")
    for name, url in urls(deployed).items():
        assert wait_until(lambda name=name: deployed.ledger.pushes()[name] == 1, 60, 0.2), name
        assert wait_until(lambda url=url: count(deployed, url) == 0, 30, 0.2), name


def test_what_is_bad_becomes_a_dead_letter_of_its_queues_kind(deployed: Deployed) -> None:
    for name in urls(deployed):
        send(deployed, name, "no task")

    tick(deployed)

    def letters() -> dict[str, int]:
        return {
            kind: count(deployed, deployed.outputs[kind])
            for kind in ("DeadLetterQueueUrl", "OtherDeadLetterQueueUrl")
        }

    assert wait_until(lambda: sum(letters().values()) == 3, 60, 0.5), letters()
    assert letters() == {"DeadLetterQueueUrl": 2, "OtherDeadLetterQueueUrl": 1}
    assert {letter["source"] for letter in deployed.ledger.dead_letters()} == set(urls(deployed).values())
