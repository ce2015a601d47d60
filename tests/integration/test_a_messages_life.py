"""One message's life through both handlers: sent, received, dispatched, run, settled."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from pydantic import BaseModel
from tests.http_endpoint import HttpEndpoint
from tests.integration.conftest import LINES, Stack
from tests.noise import noise
from tests.support import binary, body_of, text

import worker.app
from consumer import patience
from shared.dead_letter import MAX_MESSAGE_BYTES
from shared.delivery import BadEventError
from shared.lease import Lease
from shared.settings import SettingError
from zigzag import Context, Reject, task

ran: list[Any] = []


class Person(BaseModel):
    name: str


@task()
def greet(person: Person, context: Context) -> None:
    context.log.info("hello %s", person.name)
    ran.append((person.name, context.id, context.attempt, context.attributes))


@task()
def reject(payload: dict[str, Any]) -> None:
    raise Reject("no such user")


@task()
def forward(payload: dict[str, Any]) -> None:
    greet.send(Person(name="the next"), id="chosen")


@pytest.fixture(autouse=True)
def _tasks(stack: Stack) -> None:
    ran.clear()
    stack.knows(greet, reject, forward)


def test_a_message_that_is_sent_is_received_dispatched_run_and_deleted(stack: Stack) -> None:
    # Given a message, as the command line sends it
    message_id = stack.send(
        body_of("greet", {"name": "ann 🙂"}), {"user": text("u"), "raw": binary(b"\x00\xff")}
    )

    # When the schedule fires
    summary = stack.wake_consumer()
    (report,) = stack.start_workers()

    # Then the task ran once, with what was sent, and the message is gone
    assert (summary["received"], summary["dispatched"], summary["stopped"]) == (1, 1, "queue empty")
    assert ran == [("ann 🙂", message_id, 1, {"user": "u", "raw": b"\x00\xff"})]
    assert (report["outcome"], report["settled"]) == ("succeeded", True)
    assert (stack.visible(), stack.in_flight(), stack.dead_letters()) == (0, 0, [])


def test_a_message_that_a_task_sends_arrives_on_the_queue(stack: Stack) -> None:
    stack.send(body_of("forward"))

    stack.run()
    assert stack.visible() == 1
    stack.run()

    assert ran == [("the next", "chosen", 1, {})]


def test_the_tick_is_one_line_of_the_log(stack: Stack, lines: LINES) -> None:
    stack.send(body_of("greet", {"name": "ann"}))

    summary = stack.wake_consumer()

    (line,) = lines()
    assert (line["message"], line["level"]) == ("tick", "INFO")
    assert {name: line[name] for name in summary} == summary


def test_a_receive_whose_answer_is_lost_is_not_sent_again(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Its messages would be hidden, with nobody holding their handles.
    monkeypatch.setattr(patience, "MAX_IN_A_ROW", 1)  # one poll
    with HttpEndpoint(500) as sqs:
        monkeypatch.setenv("AWS_ENDPOINT_URL_SQS", sqs.url)
        monkeypatch.setenv("ZIGZAG_QUEUE_URL", f"{sqs.url}/000000000000/tasks")
        summary = stack.wake_consumer()

    calls = [headers["x-amz-target"] for headers in sqs.headers]
    assert summary["stopped"].startswith("receives ")
    assert calls.count("AmazonSQS.ReceiveMessage") == 1


def test_a_delete_whose_answer_is_lost_is_sent_again(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    # It does no harm twice, and much when it is lost: the task would run again.
    answers = iter([500, 202])
    with HttpEndpoint(lambda _: next(answers)) as sqs:
        monkeypatch.setenv("AWS_ENDPOINT_URL_SQS", sqs.url)
        message = {"Body": body_of("greet", {"name": "ann"}), "ReceiptHandle": "handle"}
        lease = Lease.taken(time.time()).to_json()
        report = stack.start_worker({"QueueUrl": stack.queue_url, "Message": message, "Lease": lease})

    calls = [headers["x-amz-target"] for headers in sqs.headers]
    assert calls == ["AmazonSQS.DeleteMessageBatch"] * 2
    assert report["settled"]


class TestTwoQueues:
    """A stack with a second queue."""

    @pytest.fixture
    def urgent(self, stack: Stack, monkeypatch: pytest.MonkeyPatch) -> str:
        url = stack.create_queue("urgent")
        monkeypatch.setenv("ZIGZAG_QUEUES", f"urgent:6={url} ")
        return url

    def test_a_message_is_received_and_settled_on_its_own_queue(self, stack: Stack, urgent: str) -> None:
        stack.send(body_of("greet", {"name": "ann"}), url=urgent)
        stack.send(body_of("greet", {"name": "bea"}))

        answers = stack.run()

        assert [(answer["outcome"], answer["settled"]) for answer in answers] == [("succeeded", True)] * 2
        assert sorted(name for name, *_ in ran) == ["ann", "bea"]
        assert [stack.in_flight(url) + stack.visible(url) for url in (urgent, stack.queue_url)] == [0, 0]

    @pytest.mark.parametrize(("task", "reason"), [("reject", "rejected: no such user"), ("", "too large")])
    def test_a_fifo_ones_dead_letters_come_to_the_dead_letter_queue_that_is_fifo(
        self, stack: Stack, urgent: str, monkeypatch: pytest.MonkeyPatch, task: str, reason: str
    ) -> None:
        # Given a FIFO queue next to standard ones, and bad messages on all, for worker and consumer
        fifo = {"FifoQueue": "true", "ContentBasedDeduplication": "true"}
        orders, others = (stack.create_queue(f"{name}.fifo", **fifo) for name in ("orders", "others"))
        monkeypatch.setenv("ZIGZAG_QUEUES", f"urgent:6={urgent} orders={orders} ")
        monkeypatch.setenv("ZIGZAG_OTHER_DEAD_LETTER_QUEUE_URL", others)
        body = body_of(task) if task else noise(MAX_MESSAGE_BYTES - 2000)
        stack.send(body, url=urgent)
        stack.send(body, url=orders, group="ann")

        stack.run()

        for queue, letters in ((urgent, stack.dead_letters()), (orders, stack.dead_letters(others))):
            assert [letter["note"]["source"] for letter in letters] == [queue]
            assert letters[0]["note"]["reason"].startswith(reason)
            assert stack.visible(queue) + stack.in_flight(queue) == 0

    def test_the_workers_of_all_queues_share_their_connections(self, stack: Stack, urgent: str) -> None:
        for url in (urgent, stack.queue_url):
            stack.send(body_of("greet", {"name": "ann"}), url=url)

        stack.run()

        assert worker.app._transports.cache_info().currsize == 1

    def test_its_messages_go_to_the_worker_that_it_has_of_its_own(
        self, stack: Stack, urgent: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("ZIGZAG_QUEUE_WORKERS", " urgent:6=urgent-worker")
        for url in (urgent, stack.queue_url):
            stack.send(body_of("greet", {"name": "ann"}), url=url)

        stack.wake_consumer()

        invoked = {
            path.split("/")[3]: json.loads(event)["QueueUrl"]
            for path, event in zip(stack.endpoint.paths, stack.endpoint.requests, strict=True)
        }
        assert invoked == {"urgent-worker": urgent, "worker": stack.queue_url}
        assert [answer["settled"] for answer in stack.start_workers()] == [True, True]

    def test_a_worker_of_a_queue_that_is_not_there_is_said_in_the_first_log_line(
        self, stack: Stack, urgent: str, lines: LINES, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("ZIGZAG_QUEUE_WORKERS", " urgnet:6=urgent-worker")

        with pytest.raises(SettingError):
            stack.wake_consumer()

        assert lines()[0]["message"] == "ZIGZAG_QUEUE_WORKERS has 'urgnet'; it may have default, urgent"


def test_a_dispatch_from_a_queue_that_is_none_of_the_stacks_is_refused(stack: Stack) -> None:
    other = stack.create_queue("other")
    stack.send(body_of("greet", {"name": "ann"}), url=other)
    event = {"QueueUrl": other, "Message": stack.receive(other)}

    with pytest.raises(BadEventError, match="a queue that is none of this stack's"):
        stack.start_worker(event)

    assert stack.in_flight(other) == 1
