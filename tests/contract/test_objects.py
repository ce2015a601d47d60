"""Both implementations of the objects port keep one contract: in memory, and on S3."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from math import inf

import boto3
import pytest
from tests.http_endpoint import HttpEndpoint
from tests.worlds import ministack, moto

from shared.aws import s3_objects
from shared.aws.choice import BOTO
from shared.aws.s3_objects import S3Objects
from shared.ports.objects import ObjectGoneError, Objects, ObjectsError, ObjectTooLargeError
from zigzag_testing.memory_objects import MemoryObjects

_numbers = itertools.count()


@contextmanager
def at_moto() -> Iterator[Objects]:
    with moto(BOTO):
        yield new_bucket()


@contextmanager
def at_ministack() -> Iterator[Objects]:
    with ministack(BOTO):
        yield new_bucket()


def new_bucket() -> Objects:
    name = f"large-{next(_numbers)}"
    boto3.client("s3").create_bucket(Bucket=name)
    return S3Objects(name)


PLACES = [
    pytest.param(lambda: nullcontext(MemoryObjects()), id="in memory"),
    pytest.param(at_moto, id="at moto"),
    pytest.param(at_ministack, id="at ministack", marks=pytest.mark.slow),
]


@pytest.fixture(scope="module", params=PLACES)
def objects(request: pytest.FixtureRequest) -> Iterator[Objects]:
    opened: AbstractContextManager[Objects] = request.param()
    with opened as objects:
        yield objects


@pytest.mark.parametrize(
    "key", ["payloads/a", "a b+c&d=é?🙂#%2F", "/", "a//b", "a/", "x" * 1024], ids=lambda key: key[:20]
)
def test_what_is_put_is_there_by_any_key_up_to_its_last_byte(objects: Objects, key: str) -> None:
    objects.put(key, b"{}" * 300_000)

    assert objects.get(key, 600_000) == b"{}" * 300_000


def test_a_later_object_takes_the_place_of_the_earlier_one(objects: Objects) -> None:
    objects.put("same", b"1")
    objects.put("same", b"2")

    assert objects.get("same", 10) == b"2"


def test_one_that_is_not_there_is_gone(objects: Objects) -> None:
    with pytest.raises(ObjectGoneError):
        objects.get("nothing", 10)


def test_one_that_is_too_large_is_not_read(objects: Objects) -> None:
    objects.put("large", b"x" * 11)

    with pytest.raises(ObjectTooLargeError) as caught:
        objects.get("large", 10)
    assert caught.value.size == 11


HEAD = "HTTP/1.1 {status}\r\nContent-Type: application/xml\r\nContent-Length: {length}\r\n\r\n"


def says(status: str, body: str, length: int | None = None) -> bytes:
    return (HEAD.format(status=status, length=len(body) if length is None else length) + body).encode()


def error(status: str, code: str) -> bytes:
    return says(status, f"<Error><Code>{code}</Code><Message>payloads/secret</Message></Error>")


@pytest.mark.parametrize(
    ("answer", "code", "tries"),
    [
        (error("403 Forbidden", "AccessDenied"), "AccessDenied", 1),
        (error("404 Not Found", "NoSuchBucket"), "NoSuchBucket", 1),
        (error("503 Slow Down", "SlowDown"), "SlowDown", 3),
        ("half", "IncompleteReadError", 1),
        ("reset", "ConnectionClosedError", 3),
        (b"HTTP/1.1 200 OK\r\n\r\n{}", "MissingContentLength", 1),
    ],
    ids=["denied", "no bucket", "throttled", "half of it", "reset", "of no length"],
)
def test_a_call_that_fails_is_told_by_its_code_alone(
    endpoint: HttpEndpoint, answer: str | bytes, code: str, tries: int
) -> None:
    """The text may have the key, which a sender chooses."""
    endpoint.answer = answer

    with pytest.raises(ObjectsError) as caught:
        S3Objects("large").get("payloads/secret", 1_000)

    assert (str(caught.value), len(endpoint.requests)) == (code, tries)


def test_of_six_gigabytes_not_one_is_read(endpoint: HttpEndpoint) -> None:
    endpoint.answer = says("200 OK", "", 6_000_000_000)

    with pytest.raises(ObjectTooLargeError) as caught:
        S3Objects("large").get("payloads/a", 5_000_000)

    assert caught.value.size == 6_000_000_000


@pytest.mark.parametrize("answer", ["trickle", "trickle of a head"])
def test_one_that_comes_slowly_ends_at_the_limit_of_its_time(
    endpoint: HttpEndpoint, answer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3_objects, "MAX_READ_SECONDS", 0.5)
    endpoint.answer = answer

    with pytest.raises(ObjectsError, match=r"^TooSlow$"):
        S3Objects("large").get("payloads/a", 1_000_000)


@pytest.mark.parametrize(("left", "tries"), [(inf, 3), (0.0, 0)], ids=["time is left", "none is left"])
def test_no_try_begins_when_its_share_of_the_time_is_over(
    endpoint: HttpEndpoint, left: float, tries: int
) -> None:
    endpoint.answer = error("503 Slow Down", "SlowDown")

    with pytest.raises(ObjectsError):
        S3Objects("large", ends_at=lambda: time.time() + left).get("payloads/a", 1_000)

    assert len(endpoint.requests) == tries
