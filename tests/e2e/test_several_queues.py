"""On the local AWS, which judges every role: more queues are served, one FIFO, and one taken out is kept."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.e2e.conftest import Deployed
from tests.e2e.copies import deployed_copy
from tests.e2e.waiting import wait_until

from shared.queues import more_queues
from zigzag.send import encode
from zigzag_local import stack
from zigzag_operate import kept

pytestmark = pytest.mark.slow

LETTERS = {"DeadLetterQueueUrl": 3, "OtherDeadLetterQueueUrl": 1}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("project")


@pytest.fixture(scope="module")
def deployed(project: Path) -> Iterator[Deployed]:
    """Yields a stack of four queues, whose consumer is woken by the tests alone."""
    queues = "DefaultWeight=3", "Queue2=urgent:6", "Queue3=orders:2", "Queue3Fifo=true", "Queue4=bulk"
    with deployed_copy(project, {}, "FlowControl=true", *queues) as deployed:
        deployed.is_woken_by_tests_alone()
        yield deployed


def urls(deployed: Deployed) -> dict[str, str]:
    """Returns the URL of each queue, by its name, as the outputs tell it."""
    told, first = deployed.outputs["Queues"], deployed.outputs["QueueUrl"]
    assert told.startswith(f"default:3={first} ")
    return {"default": first, **{one.name: one.url for one in more_queues(told)}}


def send(deployed: Deployed, url: str, body: str) -> None:
    deployed.send(body, url, **({"MessageGroupId": "ann"} if url.endswith(".fifo") else {}))


def test_only_the_queue_that_says_so_is_fifo(deployed: Deployed) -> None:
    fifo = [name for name, url in urls(deployed).items() if url.endswith(".fifo")]

    assert fifo == ["orders"]
    assert deployed.outputs["OtherDeadLetterQueueUrl"].endswith(".fifo")
    assert not deployed.outputs["DeadLetterQueueUrl"].endswith(".fifo")


def test_a_task_runs_from_each_queue_and_its_message_is_deleted_there(deployed: Deployed) -> None:
    for name, url in urls(deployed).items():
        send(deployed, url, encode("push_news", {"headline": "Hello", "subscribers": [name]}))

    summary = deployed.tick()

    assert (summary["dispatched"], summary["stopped"]) == (4, "queue empty")
    for name, url in urls(deployed).items():
        assert wait_until(lambda name=name: deployed.ledger.pushes()[name] > 0, 60, 0.2), name
        assert wait_until(lambda url=url: deployed.count(url) == 0, 30, 0.2), name


def test_what_is_bad_becomes_a_dead_letter_of_its_queues_kind_and_tells_where_it_was(
    deployed: Deployed,
) -> None:
    for url in urls(deployed).values():
        send(deployed, url, "no task")

    deployed.tick()

    def letters() -> dict[str, int]:
        return {kind: deployed.count(deployed.outputs[kind]) for kind in LETTERS}

    assert wait_until(lambda: sum(letters().values()) == 4, 60, 0.5), letters()
    assert letters() == LETTERS
    assert {letter["source"] for letter in deployed.ledger.dead_letters()} == set(urls(deployed).values())


def test_a_queue_that_is_taken_out_keeps_its_messages_and_the_others_go_on(
    deployed: Deployed, project: Path
) -> None:
    # Given a message on a queue that is about to go
    bulk = urls(deployed)["bulk"]
    send(deployed, bulk, encode("push_news", {"headline": "Hello", "subscribers": ["kept"]}))

    # When its place is emptied. To take the line out would change nothing: sam keeps the value before.
    config = project / "samconfig.toml"
    config.write_text(config.read_text().replace('"Queue4=bulk"', '"Queue4=none"'))
    aws = deployed.aws
    stack.deploy(project, aws.environment(), aws.directory / "sam" / "build", log=aws.directory / "again.log")
    outputs = stack.outputs(project, aws.environment())
    deployed.lingers_no_more()

    # Then only it is gone from the stack, and is still there itself
    assert "bulk" not in outputs["Queues"]
    assert outputs["QueueUrl"] == deployed.outputs["QueueUrl"]
    assert urls(deployed)["urgent"] in outputs["Queues"]
    assert deployed.count(bulk) == 1
    assert deployed.tick()["received"] == 0

    # And an operator finds it, by its name and what is in it
    assert [(one.queue, one.url, one.waiting) for one in kept(deployed.target)] == [("bulk", bulk, 1)]
