"""The gate before the local AWS: which requests get through it, and how they arrive."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth, SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from zigzag_local.gate import guarded

ADDRESS = ("127.0.0.1", 4566)
KEYS = {"test": "the root's", "ASIAROLE": "a role's"}
GREETING = b'{"hello": "world"}'


def signed(
    url: str = "/",
    body: bytes = GREETING,
    *,
    signer: Any = SigV4Auth,
    service: str = "sqs",
    key: tuple[str, str] = ("test", KEYS["test"]),
) -> dict[str, Any]:
    """An ASGI scope of a request that botocore has signed."""
    request = AWSRequest("POST", f"http://127.0.0.1:4566{url}", data=body, headers={"Host": "127.0.0.1:4566"})
    signer(Credentials(*key), service, "us-east-1").add_auth(request)
    there = urlsplit(request.url)
    return {
        "type": "http",
        "method": "POST",
        "raw_path": there.path.encode(),
        "query_string": there.query.encode(),
        "headers": [(name.lower().encode(), str(value).encode()) for name, value in request.headers.items()],
        "server": ADDRESS,
    }


def through(scope: dict[str, Any], pieces: Sequence[bytes] = (GREETING,)) -> list[bytes] | None:
    """The pieces of the body as they arrive behind the gate; None if the request is refused."""
    coming = [
        {"type": "http.request", "body": piece, "more_body": number < len(pieces)}
        for number, piece in enumerate(pieces, 1)
    ]
    arrived: list[bytes] = []
    answered: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return coming.pop(0)

    async def send(message: dict[str, Any]) -> None:
        answered.append(message)

    async def application(scope: Any, receive: Any, send: Any) -> None:
        more = True
        while more:
            message = await receive()
            arrived.append(message["body"])
            more = message["more_body"]
        await send({"status": 200})

    asyncio.run(guarded(application, KEYS.get)(scope, receive, send))
    if answered[0].get("status") == 200:
        return arrived
    assert not arrived
    return None


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
def test_what_botocore_signs_gets_through(url: str, signer: Any, service: str) -> None:
    assert through(signed(url, signer=signer, service=service)) == [GREETING]


def test_a_signed_url_with_no_body_gets_through() -> None:
    scope = signed("/?Action=GetCallerIdentity", b"", signer=SigV4QueryAuth, service="sts")

    assert through(scope, [b""]) == [b""]


def test_the_key_of_a_functions_role_gets_through() -> None:
    assert through(signed(key=("ASIAROLE", KEYS["ASIAROLE"]))) == [GREETING]


def test_a_body_in_pieces_arrives_as_it_was_sent() -> None:
    assert through(signed(), [GREETING[:5], GREETING[5:]]) == [GREETING[:5], GREETING[5:]]


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
def test_what_was_changed_after_signing_is_refused(part: str, value: Any) -> None:
    assert through({**signed(), part: value}) is None


def test_a_request_that_is_not_signed_is_refused() -> None:
    assert through({**signed(), "headers": [(b"host", b"127.0.0.1:4566")]}) is None


@pytest.mark.parametrize(
    "header", [(b"origin", b"http://127.0.0.1:4566"), (b"sec-fetch-site", b"none"), (b"Origin", b"null")]
)
def test_a_browsers_request_is_refused(header: tuple[bytes, bytes]) -> None:
    scope = signed()

    assert through({**scope, "headers": [*scope["headers"], header]}) is None


def test_a_request_that_came_to_another_address_than_it_names_is_refused() -> None:
    assert through({**signed(), "server": ("172.17.0.1", 4566)}) is None


def test_a_host_that_is_not_signed_proves_nothing() -> None:
    scope = signed()
    headers = [(name, value.replace(b"host;", b"")) for name, value in scope["headers"]]

    assert through({**scope, "headers": headers}) is None


def test_a_websocket_is_closed() -> None:
    said: list[Any] = []

    async def send(message: Any) -> None:
        said.append(message)

    async def never(*_: Any) -> Any:
        raise AssertionError("it got through")

    asyncio.run(guarded(never, KEYS.get)({**signed(), "type": "websocket"}, never, send))

    assert said == [{"type": "websocket.close", "code": 1008}]
