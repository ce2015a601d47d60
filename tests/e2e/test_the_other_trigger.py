"""On the local AWS, which judges every role: Lambda's poller starts tasks; there and back, none is lost."""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.conftest import Deployed
from tests.e2e.copies import deployed_copy
from tests.e2e.waiting import wait_until

from shared.lease import LEASE_SECONDS
from shared.queues import more_queues
from tasks import TASKS
from zigzag.send import encode
from zigzag_local import stack
from zigzag_local.errors import LocalAwsError

pytestmark = pytest.mark.slow

WAIT_SECONDS = LEASE_SECONDS + 120  # what a change cuts off is received again once its lease has ended
BETWEEN_SENDS_SECONDS = 0.3
MAX_TASK_SECONDS = 6


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("project")


@pytest.fixture(scope="module")
def deployed(project: Path) -> Iterator[Deployed]:
    """Yields a stack of two queues, whose trigger is Lambda's poller."""
    if not {"push_news", "crawl_page", "send_welcome_mail"} <= TASKS.keys():
        pytest.skip("the example tasks, whose effects are counted, were deleted")
    with deployed_copy(project, {"patient": "patient"}, "Trigger=events", "Queue3=bulk") as deployed:
        yield deployed


def urls(deployed: Deployed) -> list[str]:
    return [deployed.outputs["QueueUrl"], *(one.url for one in more_queues(deployed.outputs["Queues"]))]


def send(deployed: Deployed, url: str, subscriber: str, seconds: float = 0) -> None:
    deployed.send(encode("patient", {"subscriber": subscriber, "seconds": seconds}, id=subscriber), url)


def left(deployed: Deployed, *names: str) -> int:
    """Returns how many messages are left, as these attributes of the queues tell, by default all of them."""
    names = names or ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
    sqs, found = deployed.client("sqs"), 0
    for url in urls(deployed):
        told = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=list(names))["Attributes"]
        found += sum(int(told[name]) for name in names)
    return found


def ran(deployed: Deployed) -> set[str]:
    return set(deployed.ledger.pushes())


def again(deployed: Deployed, project: Path, before: str, after: str) -> None:
    """Deploys with a parameter changed. Raises LocalAwsError if that is refused."""
    config, aws = project / "samconfig.toml", deployed.aws
    text = config.read_text()
    assert f'"{before}"' in text
    config.write_text(text.replace(f'"{before}"', f'"{after}"'))
    stack.deploy(project, aws.environment(), aws.directory / "sam" / "build", log=aws.directory / "again.log")


def test_a_task_runs_from_each_queue_and_no_tick_is_needed(deployed: Deployed) -> None:
    for number, url in enumerate(urls(deployed)):
        send(deployed, url, f"first-{number}")

    assert wait_until(lambda: ran(deployed) == {"first-0", "first-1"}, WAIT_SECONDS, 0.5), deployed.said()
    assert wait_until(lambda: left(deployed) == 0, WAIT_SECONDS, 0.5), deployed.said()
    assert deployed.firings() == 0


def test_a_bad_message_is_a_dead_letter_with_its_reason(deployed: Deployed) -> None:
    deployed.send("no task", urls(deployed)[1])

    assert wait_until(lambda: len(deployed.ledger.dead_letters()) == 1, WAIT_SECONDS, 0.5), deployed.said()
    (letter,) = deployed.ledger.dead_letters()
    assert letter["reason"].startswith("the body is not JSON")
    assert letter["source"] == urls(deployed)[1]


@contextmanager
def sending(deployed: Deployed, name: str, sent: set[str]) -> Iterator[None]:
    """Sends tasks one after the other while the block runs, and notes in `sent` whom they push to."""
    stop = threading.Event()

    def go_on() -> None:
        for number in itertools.count():
            subscriber = f"{name}-{number}"
            send(deployed, urls(deployed)[number % 2], subscriber, number % MAX_TASK_SECONDS)
            sent.add(subscriber)
            if stop.wait(BETWEEN_SENDS_SECONDS):
                break

    thread = threading.Thread(target=go_on)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


@pytest.mark.parametrize(
    ("before", "after"), [("events", "schedule"), ("schedule", "events")], ids=["back", "there"]
)
def test_a_change_of_the_trigger_loses_nothing_of_what_waits_and_runs(
    deployed: Deployed, project: Path, before: str, after: str
) -> None:
    sent: set[str] = set()
    with sending(deployed, after, sent):
        again(deployed, project, f"Trigger={before}", f"Trigger={after}")

    assert wait_until(lambda: sent <= ran(deployed), WAIT_SECONDS, 1), deployed.said()
    assert wait_until(lambda: left(deployed) == 0, WAIT_SECONDS, 1), deployed.said()
    assert [one for one in deployed.ledger.dead_letters() if one.get("task") == "patient"] == []


def deliveries(deployed: Deployed, subscribers: set[str]) -> list[dict[str, Any]]:
    """Waits for the worker's lines of the deliveries of tasks that push to these. Returns all of them."""
    assert wait_until(lambda: len(_logged(deployed, subscribers)) >= len(subscribers), WAIT_SECONDS, 1)
    return _logged(deployed, subscribers)


def _logged(deployed: Deployed, subscribers: set[str]) -> list[dict[str, Any]]:
    return [line for line in lines_of(deployed, "Worker", "delivery") if line.get("id") in subscribers]


def lines_of(deployed: Deployed, function: str, message: str) -> list[dict[str, Any]]:
    """Returns a function's lines with this message."""
    pages = deployed.client("logs").get_paginator("filter_log_events")
    events = itertools.chain.from_iterable(
        page["events"] for page in pages.paginate(logGroupName=deployed.outputs[f"{function}LogGroupName"])
    )
    return [json.loads(one["message"]) for one in events if f'"message": "{message}"' in one["message"]]


def test_a_task_that_runs_ends_when_its_function_is_changed(deployed: Deployed) -> None:
    send(deployed, urls(deployed)[0], "runs", MAX_TASK_SECONDS)
    assert wait_until(lambda: left(deployed, "ApproximateNumberOfMessagesNotVisible") == 1, WAIT_SECONDS, 0.2)

    deployed.set_worker(ANOTHER="another")

    assert wait_until(lambda: "runs" in ran(deployed), WAIT_SECONDS, 0.5), deployed.said()
    assert [line["receives"] for line in deliveries(deployed, {"runs"})] == [1]


def test_no_more_workers_run_at_once_than_are_reserved(deployed: Deployed, project: Path) -> None:
    # Given three workers for all queues
    again(deployed, project, "Trigger=events", 'Trigger=events", "WorkerConcurrency=3')
    worker = deployed.outputs["WorkerFunctionName"]
    told = deployed.client("lambda").list_event_source_mappings(FunctionName=worker)["EventSourceMappings"]
    assert [one["ScalingConfig"] for one in told] == [{"MaximumConcurrency": 3}] * 2

    # When nine tasks of three seconds come, of which a tick takes some and Lambda's poller the others
    deployed.client("lambda").invoke(
        FunctionName=deployed.outputs["ConsumerFunctionName"], InvocationType="Event"
    )
    few = {f"few-{number}" for number in range(9)}
    for subscriber in few:
        send(deployed, urls(deployed)[0], subscriber, 3)
    assert wait_until(lambda: few <= ran(deployed), WAIT_SECONDS, 1), deployed.said()

    # Then three at most ran at the same time, and no start was in vain
    lines = deliveries(deployed, few)
    ends = [(datetime.fromisoformat(line["timestamp"]).timestamp(), line["seconds"]) for line in lines]
    found = [(end - seconds, end) for end, seconds in ends]
    at_once = [sum(begin <= at < end for begin, end in found) for at, _ in found]
    assert 2 <= max(at_once) <= 3
    assert len(found) == len(few)


def test_limits_are_refused_before_anything_is_changed(deployed: Deployed, project: Path) -> None:
    worker = deployed.outputs["WorkerFunctionName"]

    with pytest.raises(LocalAwsError) as refused:
        again(deployed, project, "Queue3=bulk", 'Queue3=bulk", "FlowControl=true')

    assert "Trigger=events has no limits and no pause" in str(refused.value)
    told = deployed.client("lambda").get_function_configuration(FunctionName=worker)
    assert told["Environment"]["Variables"]["ZIGZAG_FLOW_CONTROL"] == "false"
