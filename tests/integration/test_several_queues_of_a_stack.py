"""`./zigzag` and a script, with a stack of several queues: each command takes a queue's name."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest
from tests.stacks import before_each_call, deployed, queue, refused_without

from shared.queues import more_queues
from zigzag_operate import KeptQueue, find, kept, queues, send

GREETING = '{"name": "Ann"}'


@pytest.fixture
def urls(account: None) -> dict[str, str]:
    """Returns the URLs of a stack's queues, by name."""
    outputs = deployed(queue(), "true", {"default": 3, "urgent": 6, "bulk": 1})
    return {
        "default": outputs["QueueUrl"],
        **{one.name: one.url for one in more_queues(outputs["Queues"])},
    }


def waiting(url: str) -> int:
    answer = boto3.client("sqs").get_queue_attributes(
        QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"]
    )
    return int(answer["Attributes"]["ApproximateNumberOfMessages"])


@pytest.mark.parametrize("by_url", [False, True])
def test_send_puts_a_message_on_the_queue_that_is_named(
    zigzag: Any, urls: dict[str, str], by_url: bool
) -> None:
    code, out, _ = zigzag("send", "hello", GREETING, "--queue", urls["bulk"] if by_url else "bulk", "--json")

    assert (code, json.loads(out)["queue_url"]) == (0, urls["bulk"])
    assert {name: waiting(url) for name, url in urls.items()} == {"default": 0, "urgent": 0, "bulk": 1}


def test_send_without_a_name_takes_the_tasks_own_queue(
    urls: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from tasks.hello import hello

    stack = find("zigzag")
    assert send(stack, "hello", {"name": "Ann"}).queue_url == urls["default"]
    monkeypatch.setattr(hello, "queue", "urgent")
    assert send(stack, "hello", {"name": "Ann"}).queue_url == urls["urgent"]


def test_pause_and_resume_are_of_the_one_queue(zigzag: Any, urls: dict[str, str]) -> None:
    zigzag("pause", "bulk")
    _, out, _ = zigzag("limits", "--json")
    zigzag("resume", "bulk")
    _, after, _ = zigzag("limits", "--json")

    closed = [{name: one["closed"] for name, one in json.loads(said).items()} for said in (out, after)]
    assert closed == [
        {"default": None, "urgent": None, "bulk": "paused"},
        {"default": None, "urgent": None, "bulk": None},
    ]


def test_a_limit_is_of_the_one_queue_and_limits_counts_each(zigzag: Any, urls: dict[str, str]) -> None:
    for _ in range(3):
        boto3.client("sqs").send_message(QueueUrl=urls["urgent"], MessageBody="{}")

    zigzag("limit", "urgent", "--rate", "2/s")
    _, out, _ = zigzag("limits", "--json")

    told = {name: (one["rate"], one["waiting"]) for name, one in json.loads(out).items()}
    assert told == {
        "default": (None, 0),
        "urgent": ({"every_seconds": 0.5, "burst": 1}, 3),
        "bulk": (None, 0),
    }


def test_status_is_of_the_queue_that_is_named(zigzag: Any, urls: dict[str, str]) -> None:
    boto3.client("sqs").send_message(QueueUrl=urls["urgent"], MessageBody="{}")
    zigzag("pause", "urgent")

    _, urgent, _ = zigzag("status", "urgent", "--json")
    _, first, _ = zigzag("status", "default", "--json")

    assert [(one["waiting"], one["closed"]) for one in map(json.loads, (urgent, first))] == [
        (1, "paused"),
        (0, None),
    ]


class TestFifo:
    """A stack whose queue `orders` is FIFO, and the others are not."""

    @pytest.fixture
    def outputs(self, account: None) -> dict[str, str]:
        return deployed(queue(), "false", {"default": 3, "orders": 1}, fifo="orders")

    @pytest.mark.parametrize("queue", ["orders", "default"])
    def test_status_counts_the_dead_letters_of_the_queues_that_are_as_it_is(
        self, zigzag: Any, outputs: dict[str, str], queue: str
    ) -> None:
        letters = {"orders": "OtherDeadLetterQueueUrl", "default": "DeadLetterQueueUrl"}
        group = {"MessageGroupId": "a", "MessageDeduplicationId": "b"} if queue == "orders" else {}
        boto3.client("sqs").send_message(QueueUrl=outputs[letters[queue]], MessageBody="{}", **group)

        counts = {name: json.loads(zigzag("status", name, "--json")[1])["dead_letters"] for name in letters}

        assert counts == {"orders": 0, "default": 0} | {queue: 1}

    def test_send_to_it_needs_a_group_and_the_others_need_none(
        self, zigzag: Any, outputs: dict[str, str]
    ) -> None:
        refused = zigzag("send", "hello", GREETING, "--queue", "orders")
        sent = zigzag("send", "hello", GREETING, "--queue", "orders", "--group", "ann")
        to_the_first = zigzag("send", "hello", GREETING)

        said = "the queue is FIFO, and the message has no group; name one"
        assert (refused[0], said in refused[2]) == (2, True)
        assert [sent[0], to_the_first[0]] == [0, 0]


def test_queues_shows_all_with_their_weights_and_urls(zigzag: Any, urls: dict[str, str]) -> None:
    boto3.client("sqs").send_message(QueueUrl=urls["urgent"], MessageBody="{}")
    zigzag("pause", "bulk")

    code, out, _ = zigzag("queues")

    assert (code, out.splitlines()) == (
        0,
        [
            "default, weight 3: 0 waiting, 0 in flight, 0 delayed; open",
            f"  {urls['default']}",
            "urgent, weight 6: 1 waiting, 0 in flight, 0 delayed; open",
            f"  {urls['urgent']}",
            "bulk, weight 1: 0 waiting, 0 in flight, 0 delayed; paused",
            f"  {urls['bulk']}",
        ],
    )


class TestKept:
    """Queues that SQS still has, and the stack has no more."""

    @pytest.fixture
    def bulk(self, urls: dict[str, str]) -> str:
        """Returns one that was taken out of the stack, with two messages in it, next to others' queues."""
        sqs, made = boto3.client("sqs"), []
        for name, stack in (("zigzag-TaskQueue4-1A", "zigzag"), ("zigzag-two-TaskQueue4-2B", "zigzag-two")):
            tags = {"zigzag:stack": stack, "zigzag:queue": "bulk:2"}
            made.append(sqs.create_queue(QueueName=name, tags=tags)["QueueUrl"])
        sqs.create_queue(QueueName="zigzag-of-another")
        for _ in range(2):
            sqs.send_message(QueueUrl=made[0], MessageBody="{}")
        return str(made[0])

    def test_they_are_found_by_the_stacks_tag_with_what_is_in_them(self, bulk: str) -> None:
        assert kept(find("zigzag")) == [KeptQueue("bulk", bulk, waiting=2, in_flight=0, delayed=0)]

    def test_what_the_stack_has_is_not_among_them(self, urls: dict[str, str]) -> None:
        assert kept(find("zigzag")) == []

    def test_queues_shows_them_behind_the_stacks(self, zigzag: Any, urls: dict[str, str], bulk: str) -> None:
        _, out, _ = zigzag("queues")
        _, as_json, _ = zigzag("queues", "--json")

        assert out.splitlines()[-2:] == [
            "bulk, not in the stack any more: 2 waiting, 0 in flight, 0 delayed; not polled",
            f"  {bulk}",
        ]
        assert list(json.loads(as_json)) == [*urls, bulk]
        assert json.loads(as_json)[bulk]["waiting"] == 2

    def test_without_the_permission_the_stacks_are_shown_and_it_is_said(
        self, zigzag: Any, urls: dict[str, str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        refused_without(monkeypatch, "ListQueues")

        code, out, err = zigzag("queues", "--json")

        assert (code, list(json.loads(out))) == (0, list(urls))
        assert "no queue that was taken out is looked for: the AWS credentials do not allow ListQueues" in err


def test_the_stack_is_read_once_for_all_its_queues(
    urls: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    called: list[str] = []
    before_each_call(monkeypatch, lambda _, operation, asked: called.append(operation))

    assert list(queues(find("zigzag"))) == list(urls)
    assert called.count("DescribeStacks") == 1


def test_a_stack_from_before_has_one_queue(account: None) -> None:
    url = deployed(queue())["QueueUrl"]

    assert {name: (one.weight, one.url) for name, one in queues(find("zigzag")).items()} == {
        "default": (1, url)
    }


@pytest.mark.parametrize(
    "arguments",
    [
        ("pause", "mails"),
        ("limit", "mails", "--none"),
        ("status", "mails"),
        ("send", "hello", GREETING, "--queue", "mails"),
        ("send", "hello", GREETING, "--queue", ""),
    ],
    ids=str,
)
def test_an_unknown_queue_is_refused_with_those_there_are(
    zigzag: Any, urls: dict[str, str], arguments: tuple[str, ...]
) -> None:
    code, out, err = zigzag(*arguments)

    assert (code, out) == (2, "")
    name = "mails" if "mails" in arguments else ""
    assert f"no queue is called {name!r}; there is: default, urgent, bulk" in err
