"""Sending what fits no dispatch: its body goes to the bucket, and its message points there."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any

import pytest

from shared.ports.queue import Outgoing
from zigzag import PayloadTooLargeError, SendError, task
from zigzag.extra.large import bucket_for
from zigzag.extra.pointers import MAX_WORKER_MB, most_bytes
from zigzag_testing import Sandbox
from zigzag_testing.memory_objects import MemoryObjects

LARGE = "x" * 1_000_000
ran: list[dict[str, Any]] = []


@task
def take(payload: dict[str, Any]) -> None:
    ran.append(payload)


def sandbox(**options: Any) -> Sandbox:
    ran.clear()
    return Sandbox({"take": take}, **{"large_payloads": True, **options})


@pytest.fixture
def stack() -> Iterator[Sandbox]:
    with sandbox() as stack:
        yield stack


def sent(stack: Sandbox) -> list[Outgoing]:
    return stack.queue.messages


def objects(stack: Sandbox) -> MemoryObjects:
    assert stack.objects is not None
    return stack.objects


def test_the_object_has_the_whole_body_and_the_message_its_place_and_size(stack: Sandbox) -> None:
    take.send({"text": LARGE}, id="order-7")

    ((key, content),) = objects(stack).contents.items()
    (message,) = sent(stack)
    assert json.loads(content) == {"task": "take", "payload": {"text": LARGE}, "id": "order-7"}
    assert json.loads(message.body)[1] == {"s3BucketName": objects(stack).bucket, "s3Key": key}
    assert message.attributes == {
        "ExtendedPayloadSize": {"DataType": "Number", "StringValue": str(len(content))}
    }
    stack.run()
    assert ran == [{"text": LARGE}]


def test_no_two_keys_are_alike(stack: Sandbox) -> None:
    for _ in range(3):
        take.send({"text": LARGE})

    assert len(objects(stack).contents) == 3


def test_what_fits_a_dispatch_is_sent_as_ever(stack: Sandbox) -> None:
    take.send({"text": "x" * 900_000})

    assert (objects(stack).contents, sent(stack)[0].attributes) == ({}, {})


def test_without_a_bucket_the_error_says_what_to_set() -> None:
    with sandbox(large_payloads=False) as stack, pytest.raises(PayloadTooLargeError) as caught:
        take.send({"text": LARGE})

    assert str(caught.value).endswith(
        "at most 990,000 fit an asynchronous invoke: deploy with LargePayloads=true and set "
        "ZIGZAG_LARGE_BUCKET to the output LargeBucketName, or send what is large to S3 and put its key in "
        "the payload"
    )
    assert sent(stack) == []


def test_what_no_worker_could_read_is_refused(stack: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zigzag.extra.large.MAX_WORKER_MB", 128)  # the true limit would take a gigabyte

    with pytest.raises(
        PayloadTooLargeError, match=r"bytes, and no worker reads more than 524,288: send what"
    ):
        take.send({"text": LARGE})
    assert objects(stack).contents == {}


def test_the_largest_worker_reads_300_megabytes() -> None:
    assert most_bytes(MAX_WORKER_MB) > 300_000_000


def test_if_the_bucket_fails_nothing_is_sent(stack: Sandbox) -> None:
    objects(stack).away = "AccessDenied"

    with pytest.raises(SendError) as caught:
        take.send({"text": LARGE})

    assert str(caught.value) == (
        "the bucket did not take the payload for take, and nothing was sent: AccessDenied"
    )
    assert sent(stack) == []


@pytest.mark.parametrize(
    "options", [{"delay_seconds": -1}, {"delay_seconds": 901}, {"deduplication_id": "d"}], ids=str
)
def test_an_option_that_is_refused_puts_nothing_there(stack: Sandbox, options: dict[str, Any]) -> None:
    with pytest.raises(SendError):
        take.send({"text": LARGE}, **options)

    assert objects(stack).contents == {}


@pytest.mark.parametrize(
    ("second", "runs"),
    [({"text": LARGE}, 1), ({"text": LARGE, "more": 1}, 2)],
    ids=["two equal payloads are one, as in a small message", "others are two"],
)
def test_on_a_fifo_queue_payloads_are_compared_and_not_pointers(second: dict[str, Any], runs: int) -> None:
    with sandbox(fifo=True) as stack:
        take.send({"text": LARGE}, group="g")
        take.send(second, group="g")
        stack.run()

    assert len(ran) == runs


def test_the_bucket_is_the_one_that_the_variable_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("ZIGZAG_LARGE_BUCKET", "of-the-stack")
    found = bucket_for(None, "eu-west-1")
    os.environ.pop("ZIGZAG_LARGE_BUCKET")

    assert (found and found.bucket, bucket_for(None, "eu-west-1")) == ("of-the-stack", None)
