"""The gate before the local AWS: which requests get through it, and how they arrive."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth, SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given, settings
from hypothesis import strategies as st

from zigzag_local.gate import MAX_BODY_BYTES, guarded

ADDRESS = ("127.0.0.1", 4566)
KEYS = {"test": "the root's", "ASIAROLE": "a role's"}
PARTS = ("raw_path", "query_string", "headers")
GREETING = b'{"hello": "world"}'


def signed(
    url: str = "/",
    body: bytes = GREETING,
    *,
    signer: Any = SigV4Auth,
    service: str = "sqs",
    key: tuple[str, str] = ("test", KEYS["test"]),
    headers: Mapping[str, str] | None = None,
    **options: Any,
) -> dict[str, Any]:
    """Returns an ASGI scope of a request that botocore has signed.

    headers -- are signed as well.
    options -- the signer's own.
    """
    every = {"Host": "127.0.0.1:4566", **(headers or {})}
    request = AWSRequest("POST", f"http://127.0.0.1:4566{url}", data=body, headers=every)
    signer(Credentials(*key), service, "us-east-1", **options).add_auth(request)
    there = urlsplit(request.url)
    return {
        "type": "http",
        "method": "POST",
        "raw_path": there.path.encode(),
        "query_string": there.query.encode(),
        "headers": [(name.lower().encode(), str(value).encode()) for name, value in request.headers.items()],
        "server": ADDRESS,
    }


@dataclass
class Visit:
    """A request at the gate.

    arrived -- the pieces of its body behind the gate. A refused request has None.
    status  -- of the gate's own answer; 200 is the application's.
    read    -- how many pieces of the body were read before it was passed on or refused.
    """

    arrived: list[bytes] | None = None
    status: int = 0
    read: int = 0


def visit(scope: dict[str, Any], pieces: Sequence[bytes] = (GREETING,), *, now: float | None = None) -> Visit:
    coming = [
        {"type": "http.request", "body": piece, "more_body": number < len(pieces)}
        for number, piece in enumerate(pieces, 1)
    ]
    came = Visit()

    async def receive() -> dict[str, Any]:
        came.read += came.arrived is None
        return coming.pop(0)

    async def send(message: dict[str, Any]) -> None:
        came.status = message.get("status", came.status)

    async def application(scope: Any, receive: Any, send: Any) -> None:
        came.arrived = []
        more = True
        while more:
            message = await receive()
            came.arrived.append(message["body"])
            more = message["more_body"]
        await send({"status": 200})

    clock = time.time if now is None else lambda: now
    asyncio.run(guarded(application, KEYS.get, clock)(scope, receive, send))
    return came


def through(scope: dict[str, Any], pieces: Sequence[bytes] = (GREETING,)) -> list[bytes] | None:
    """Returns the pieces of the body as they arrive behind the gate. A refused request has None."""
    came = visit(scope, pieces)
    assert came.status == (403 if came.arrived is None else 200)
    return came.arrived


def with_headers(scope: dict[str, Any], *more: tuple[bytes, bytes]) -> dict[str, Any]:
    """Returns the same request with headers that came after it was signed."""
    return {**scope, "headers": [*scope["headers"], *more]}


@pytest.mark.parametrize(
    ("url", "signer", "service"),
    [
        ("/", SigV4Auth, "sqs"),
        ("/2015-03-31/functions/arn%3Aaws%3Alambda%3Aus-east-1/invocations", SigV4Auth, "lambda"),
        ("/x?b=2&a=%20%2B&a=1&empty=&bare", SigV4Auth, "lambda"),
        ("/bucket/a%20b//c%3A%C3%BC", S3SigV4Auth, "s3"),
        ("/bucket/key?versionId=1", S3SigV4QueryAuth, "s3"),
    ],
)
def test_a_request_that_botocore_signs_gets_through(url: str, signer: Any, service: str) -> None:
    assert through(signed(url, signer=signer, service=service)) == [GREETING]


def test_a_signed_url_with_no_body_gets_through() -> None:
    scope = signed("/?Action=GetCallerIdentity", b"", signer=SigV4QueryAuth, service="sts")

    assert through(scope, [b""]) == [b""]


def test_the_key_of_a_functions_role_gets_through() -> None:
    assert through(signed(key=("ASIAROLE", KEYS["ASIAROLE"]))) == [GREETING]


def test_a_body_in_pieces_arrives_whole() -> None:
    assert through(signed(), [GREETING[:5], GREETING[5:]]) == [GREETING]


@pytest.mark.parametrize(
    "key", [("test", "guessed"), ("test", ""), ("ASIAROLE", KEYS["test"]), ("AKIANOBODY", "x")]
)
def test_another_key_is_refused(key: tuple[str, str]) -> None:
    assert through(signed(key=key)) is None


def test_another_body_than_was_signed_is_refused() -> None:
    assert through(signed(), [b"{}"]) is None


@pytest.mark.parametrize(
    ("part", "value"), [("method", "GET"), ("raw_path", b"/other"), ("query_string", b"a=1")]
)
def test_a_request_that_was_changed_after_signing_is_refused(part: str, value: Any) -> None:
    assert through({**signed(), part: value}) is None


def test_a_request_that_is_not_signed_is_refused() -> None:
    assert through({**signed(), "headers": [(b"host", b"127.0.0.1:4566")]}) is None


@pytest.mark.parametrize(
    "header", [(b"origin", b"http://127.0.0.1:4566"), (b"sec-fetch-site", b"none"), (b"Origin", b"null")]
)
def test_a_browsers_request_is_refused(header: tuple[bytes, bytes]) -> None:
    assert through(with_headers(signed(), header)) is None


def test_a_request_that_came_to_another_address_than_it_names_is_refused() -> None:
    assert through({**signed(), "server": ("172.17.0.1", 4566)}) is None


def test_a_host_that_is_not_signed_proves_nothing() -> None:
    scope = signed()
    headers = [(name, value.replace(b"host;", b"")) for name, value in scope["headers"]]

    assert through({**scope, "headers": headers}) is None


# ---- What is not signed ----

S3_URL: dict[str, Any] = {"url": "/bucket/key", "signer": S3SigV4QueryAuth, "service": "s3"}


@pytest.mark.parametrize(
    "header",
    [
        pytest.param((b"x-amz-target", b"AmazonSQS.SendMessage"), id="another call"),
        pytest.param((b"x-amz-copy-source", b"/bucket/secret"), id="another object"),
        pytest.param((b"x-amz-acl", b"public-read"), id="a permission"),
        pytest.param((b"x-amz-content-sha256", b"UNSIGNED-PAYLOAD"), id="another hash"),
        pytest.param((b"X-Amz-Security-Token", b"any"), id="a token"),
    ],
)
@pytest.mark.parametrize("how", [{}, S3_URL], ids=["in a header", "in the URL"])
def test_a_header_of_aws_that_is_not_signed_is_refused(
    how: dict[str, Any], header: tuple[bytes, bytes]
) -> None:
    assert through(signed(**how)) == [GREETING]
    assert through(with_headers(signed(**how), header)) is None


@pytest.mark.parametrize(
    "header", [{"x-amz-target": "AmazonSQS.SendMessage"}, {"Content-Type": "application/x-amz-json-1.0"}]
)
def test_a_header_that_is_signed_gets_through(header: dict[str, str]) -> None:
    assert through(signed(headers=header)) == [GREETING]


def test_no_url_is_good_for_a_call_that_a_header_names() -> None:
    scope = signed("/", signer=SigV4QueryAuth, headers={"x-amz-target": "AmazonSQS.SendMessage"})

    assert through(scope) is None


@pytest.mark.parametrize(
    "content_type", [b"application/x-amz-json-1.0", b"Application/X-WWW-Form-URLencoded; charset=utf-8"]
)
@pytest.mark.parametrize("how", [{}, S3_URL], ids=["in a header", "in the URL"])
def test_a_body_is_not_made_a_call_by_a_content_type_that_is_not_signed(
    how: dict[str, Any], content_type: bytes
) -> None:
    assert through(with_headers(signed(**how), (b"content-type", content_type))) is None


def test_an_object_may_have_a_content_type_that_its_url_does_not_name() -> None:
    assert through(with_headers(signed(**S3_URL), (b"content-type", b"image/png"))) == [GREETING]


def test_another_body_than_the_one_whose_hash_a_header_has_is_refused() -> None:
    scope = signed("/bucket/key", signer=S3SigV4Auth, service="s3")

    assert through(scope, [b"another"]) is None


def test_no_call_but_s3s_says_that_its_body_is_not_signed() -> None:
    assert through(signed(headers={"x-amz-content-sha256": "UNSIGNED-PAYLOAD"})) is None


# ---- Its time ----


@pytest.mark.parametrize(
    ("how", "seconds", "status"),
    [
        ({}, 0, 200),
        ({}, 14 * 60, 200),
        ({}, 16 * 60, 403),
        ({}, -16 * 60, 403),
        (S3_URL | {"expires": 60}, 58, 200),
        (S3_URL | {"expires": 60}, 62, 403),
        (S3_URL | {"expires": 7 * 86_400}, 6 * 86_400, 200),
        (S3_URL | {"expires": 8 * 86_400}, 0, 403),
        (S3_URL | {"expires": -1}, 0, 403),
        (S3_URL | {"expires": "٣٠"}, 0, 403),
    ],
)
def test_a_signature_is_good_for_a_while(how: dict[str, Any], seconds: float, status: int) -> None:
    assert visit(signed(**how), now=time.time() + seconds).status == status


# ---- Its body ----


@pytest.mark.parametrize(
    "scope",
    [
        pytest.param(signed(key=("AKIANOBODY", "x")), id="nobody's key"),
        pytest.param(with_headers(signed(), (b"x-amz-target", b"X")), id="a header that is not signed"),
        pytest.param(
            signed("/bucket/key", signer=S3SigV4Auth, service="s3", key=("test", "guessed")),
            id="another key, by the hash in a header",
        ),
        pytest.param(signed(**S3_URL, key=("test", "guessed")), id="another key, in the URL"),
        pytest.param({**signed(), "headers": []}, id="no signature"),
    ],
)
def test_a_request_is_refused_by_its_head_with_no_body_read(scope: dict[str, Any]) -> None:
    came = visit(scope, [b"x" * 65_536] * 100)

    assert (came.status, came.read) == (403, 0)


def test_a_body_that_is_too_long_to_be_judged_is_refused_by_its_length() -> None:
    came = visit(with_headers(signed(), (b"content-length", b"%d" % (MAX_BODY_BYTES + 1))))

    assert (came.status, came.read) == (413, 0)


def test_a_body_without_a_length_is_read_as_far_as_it_may_be() -> None:
    came = visit(signed(), [b"x" * 2**20] * 100)

    assert (came.status, came.read) == (413, MAX_BODY_BYTES // 2**20 + 1)


def test_bodies_that_wait_for_their_judgement_are_bounded_together() -> None:
    # Given as many as may be held, of senders who do not end them
    judged: list[int] = []

    async def send(message: dict[str, Any]) -> None:
        judged.extend([message["status"]] if "status" in message else [])

    async def all_together() -> None:
        gate, gone = guarded(nobody, KEYS.get), asyncio.Event()
        slow = [asyncio.create_task(gate(signed(), unending(gone), send)) for _ in range(2)]
        await asyncio.sleep(0)

        # Then one more is refused until they have gone
        await gate(signed(), unending(gone), send)
        assert judged == [503]
        gone.set()
        await asyncio.gather(*slow, gate(signed(), unending(gone), send))
        assert judged == [503, 403, 403, 403]

    asyncio.run(all_together())


def unending(gone: asyncio.Event) -> Any:
    """Sends a body, all but its end, until the client is gone."""
    begun = [{"type": "http.request", "body": b"x" * (MAX_BODY_BYTES - 1), "more_body": True}]

    async def receive() -> dict[str, Any]:
        if begun:
            return begun.pop()
        await gone.wait()
        return {"type": "http.disconnect"}

    return receive


# ---- What is odd ----


def said_to(scope: dict[str, Any]) -> list[dict[str, Any]]:
    """Returns the gate's messages to a client that has gone away before its body came."""
    said: list[dict[str, Any]] = []

    async def gone() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        said.append(message)

    asyncio.run(guarded(nobody, KEYS.get)(scope, gone, send))
    return said


async def nobody(*_: Any) -> None:
    raise AssertionError("it got through")


def test_a_request_whose_client_goes_away_in_the_middle_is_refused() -> None:
    assert said_to(signed())[0]["status"] == 403


@pytest.mark.parametrize(
    "query",
    [
        b"X-Amz-Signature=%C3%A9",
        b"X-Amz-Signature=%FF",
        b"X-Amz-Date=%C3%A9",
        b"X-Amz-Date=20260230T000000Z",
        b"X-Amz-Expires=",
        b"X-Amz-Expires=\xc2\xb2",
        b"X-Amz-Expires=" + b"9" * 5_000,
        b"X-Amz-Credential=%C3%A9",
        b"X-Amz-SignedHeaders=host;%C3%A9",
        b"\xff=\xfe",
    ],
)
def test_odd_characters_in_a_url_are_refused(query: bytes) -> None:
    scope = signed(**S3_URL)
    name = query.partition(b"=")[0] + b"="
    kept = [part for part in scope["query_string"].split(b"&") if not part.startswith(name)]

    assert through({**scope, "query_string": b"&".join([*kept, query])}) is None


@pytest.mark.parametrize("odd", [b"\xff", "é".encode(), b"\x00", "٣".encode(), b""])
@pytest.mark.parametrize("header", [b"authorization", b"x-amz-date", b"host", b"content-length"])
def test_odd_characters_in_a_header_are_refused(header: bytes, odd: bytes) -> None:
    scope = signed(headers={"Content-Length": str(len(GREETING))})
    headers = [(name, odd if name == header else value) for name, value in scope["headers"]]

    assert visit({**scope, "headers": headers}).status in (400, 403)


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from(PARTS), st.binary(max_size=12)), max_size=4))
def test_any_request_is_refused_and_no_error(odd: list[tuple[str, bytes]]) -> None:
    scope = signed(**S3_URL)
    for part, value in odd:
        scope[part] = [*scope["headers"], (value[:4], value)] if part == "headers" else scope[part] + value

    assert visit(scope).status in (200, 400, 403, 413)


def test_a_websocket_is_closed() -> None:
    assert said_to({**signed(), "type": "websocket"}) == [{"type": "websocket.close", "code": 1008}]
