"""A message whose body is in S3: what runs, what is a dead letter, and what only waits."""

from __future__ import annotations

import gc
import json
from collections.abc import Iterator
from typing import Any

import pytest

from zigzag import Context, task
from zigzag.extra.pointers import CLASS, MAX_WORKER_MB, most_bytes, written
from zigzag_testing import Sandbox
from zigzag_testing.memory_objects import WORKER_MB, MemoryObjects

OLD_CLASS = "com.amazon.sqs.javamessaging.MessageS3Pointer"
KEY = "payloads/1"
MOST = most_bytes(WORKER_MB)


class Stack(Sandbox):
    """A sandbox with a bucket, and a task that notes its payloads and ids."""

    def __init__(self, **options: Any) -> None:
        self.ran: list[tuple[dict[str, Any], str]] = []

        @task(attempts=2)
        def take(payload: dict[str, Any], context: Context) -> None:
            self.ran.append((payload, context.id))

        super().__init__({"take": take}, **{"large_payloads": True, **options})

    @property
    def bucket(self) -> MemoryObjects:
        assert self.objects is not None
        return self.objects

    def point(
        self, content: bytes | None, body: str | None = None, size: int | None = None, **of: Any
    ) -> None:
        """Sends a pointer to an object with that content; None is one that is not there."""
        if content is not None:
            self.bucket.contents[KEY] = content
        told = {"ExtendedPayloadSize": {"DataType": "Number", "StringValue": str(size)}} if size else {}
        attributes = {**told, **of.pop("attributes", {})}
        self.send_message(written(self.bucket.bucket, KEY) if body is None else body, attributes, **of)


@pytest.fixture(scope="module", autouse=True)
def _no_test_before_is_collected_again() -> None:
    """The reader of large messages collects garbage: among thousands of tests, for a second each."""
    gc.freeze()


@pytest.fixture
def stack() -> Iterator[Stack]:
    with Stack() as stack:
        yield stack


def body_of(payload: dict[str, Any], **more: Any) -> bytes:
    return json.dumps({"task": "take", "payload": payload, **more}).encode()


@pytest.mark.parametrize("name", [CLASS, OLD_CLASS])
@pytest.mark.parametrize("size", ["ExtendedPayloadSize", "SQSLargePayloadSize", None])
@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": ")], ids=["of Java", "of Python"])
def test_what_an_extended_client_has_put_runs(
    stack: Stack, name: str, size: str | None, separators: tuple[str, str]
) -> None:
    content = body_of({"n": 1}, id="order-7")
    pointer = [name, {"s3BucketName": stack.bucket.bucket, "s3Key": KEY}]
    told = {"DataType": "Number", "StringValue": str(len(content))}

    stack.point(
        content, json.dumps(pointer, separators=separators), attributes={} if size is None else {size: told}
    )
    stack.run()

    assert stack.ran == [({"n": 1}, "order-7")]
    assert list(stack.bucket.contents) == [KEY]  # a second delivery of it would need it


def test_with_the_attribute_task_the_object_is_the_raw_body(stack: Stack) -> None:
    stack.point(b'{"Records": []}', attributes={"task": {"DataType": "String", "StringValue": "take"}})
    stack.run()

    assert [payload for payload, _ in stack.ran] == [{"Records": []}]


def pointer_to(bucket: Any, key: Any = KEY) -> str:
    return json.dumps([CLASS, {"s3BucketName": bucket, "s3Key": key}])


class SixGigabytes(bytes):
    def __len__(self) -> int:
        return 6 << 30


BUCKET = MemoryObjects().bucket
BROKEN = "the body is no pointer that can be read: it needs the names of a bucket and a key"


@pytest.mark.parametrize(
    ("content", "sent", "reason"),
    [
        pytest.param(None, {}, "the object that the body points to is gone from the bucket", id="gone"),
        pytest.param(
            b"x" * (MOST + 1),
            {},
            f"the object that the body points to has {MOST + 1:,} bytes, and a worker of 256 MB reads at "
            f"most {MOST:,}: redrive it once WorkerMemory is larger",
            id="too large",
        ),
        pytest.param(
            SixGigabytes(),
            {},
            f"the object that the body points to has 6,442,450,944 bytes, and no worker reads more than "
            f"{most_bytes(MAX_WORKER_MB):,}: send its key in a payload",
            id="too large for each worker",
        ),
        pytest.param(
            b"{}",
            {"size": 3},
            "the object that the body points to has 2 bytes, and the message says 3: it was replaced, or is "
            "another one",
            id="replaced",
        ),
        pytest.param(
            b"\x1f\x8b\x08\x00",
            {},
            "the object that the body points to is no text in UTF-8; it must be JSON, not compressed",
            id="gzip",
        ),
        pytest.param(b"", {}, "the body is not JSON: Expecting value: line 1 column 1 (char 0)", id="empty"),
        pytest.param(
            pointer_to(BUCKET).encode(),
            {},
            "the body is an array; it must be a JSON object with a `task`",
            id="a pointer again, which is not followed",
        ),
        pytest.param(b'{"payload": {}}', {}, "the body names no task; it must be like", id="no task"),
        pytest.param(
            b"{}",
            {"body": pointer_to("somebody-elses")},
            "the body points to another bucket, which is not read: put the object into this stack's, which "
            "the output LargeBucketName names",
            id="another bucket",
        ),
        *(
            pytest.param(b"{}", {"body": body}, BROKEN, id=f"broken: {body[62:90]}")
            for body in (
                f'["{CLASS}"]',
                f'["{CLASS}", null]',
                f'["{CLASS}", {{}}]',
                f'["{CLASS}", {{',
                pointer_to(7),
                pointer_to(BUCKET, 7),
                pointer_to(BUCKET, ""),
                pointer_to(BUCKET, "x" * 1025),
                pointer_to(BUCKET, "a/../b"),
                pointer_to(BUCKET, "\ud83d"),
            )
        ),
    ],
)
def test_what_no_retry_can_help_is_a_dead_letter_with_its_pointer(
    stack: Stack, content: bytes | None, sent: dict[str, Any], reason: str
) -> None:
    stack.point(content, **sent)
    stack.tick()

    (letter,) = stack.dead_letters
    assert letter.reason.startswith(reason)
    assert letter.body == sent.get("body", written(BUCKET, KEY))
    assert stack.ran == []


def test_a_stack_without_a_bucket_says_how_to_have_one() -> None:
    with Stack(large_payloads=False) as stack:
        stack.send_message(written("some-bucket", KEY))
        stack.tick()

    assert stack.dead_letters[0].reason == (
        "the body points to an object in S3, and this stack reads none: deploy it with LargePayloads=true"
    )


@pytest.mark.slow
def test_while_s3_is_away_the_message_waits_and_uses_up_no_attempt(stack: Stack) -> None:
    stack.bucket.away = "SlowDown"
    stack.point(body_of({"n": 1}))
    stack.run_for(3600)
    waited = {report.reason for report in stack.reports}

    stack.bucket.away = None
    stack.run()

    assert waited == {"the object that the body points to can't be read now: SlowDown"}
    assert [payload for payload, _ in stack.ran] == [{"n": 1}]
    assert stack.reports[-1].attempt == 1


@pytest.mark.slow
def test_after_hours_it_is_a_dead_letter_which_runs_when_it_is_redriven(stack: Stack) -> None:
    stack.bucket.away = "AccessDenied"
    stack.point(body_of({"n": 1}, id="order-7"))
    stack.run()
    (letter,) = stack.dead_letters

    stack.bucket.away = None
    stack.redrive()
    stack.run()

    assert letter.reason == (
        "not started in 16 tries: the object that the body points to can't be read now: AccessDenied"
    )
    assert (stack.ran, stack.dead_letters) == ([({"n": 1}, "order-7")], [])


@pytest.mark.parametrize("fifo", [False, True], ids=["standard", "FIFO"])
def test_one_object_that_is_gone_hurts_its_own_message_only(fifo: bool) -> None:
    with Stack(batch_size=10, fifo=fifo) as stack:
        for number in range(3):
            stack.bucket.contents[f"payloads/{number}"] = body_of({"n": number})
            of = {"group": "g", "deduplication_id": str(number)} if fifo else {}
            stack.send_message(written(stack.bucket.bucket, f"payloads/{number}"), **of)
        del stack.bucket.contents["payloads/1"]
        stack.run()

    assert [payload["n"] for payload, _ in stack.ran] == [0, 2]
    assert len(stack.dead_letters) == 1


@pytest.mark.parametrize("space", ['\n [ "', '[\t"'])
def test_white_space_makes_it_no_other_body(stack: Stack, space: str) -> None:
    stack.point(body_of({"a": 1}), body=written(stack.bucket.bucket, KEY).replace('["', space))
    stack.run()

    assert [payload for payload, _ in stack.ran] == [{"a": 1}]
