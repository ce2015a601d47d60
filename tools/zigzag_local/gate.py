"""Who may call the local AWS? Programs that have the key of its start; no browser, and nobody else.

The emulator runs what it is sent, as this machine's user, and asks nobody for a key. So this stands
before it: an ASGI application in front of another one. A request is passed on if

- no browser sent it, for a page of any site could have made the browser do so: no Origin, no Sec-Fetch-Site;
- it names the address that it came to: a name may be a page's own, pointed to this machine (DNS rebinding);
- it is signed with the secret key, by AWS Signature Version 4, as every SDK does: in a header or in the URL.
  https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html

Standard library only: MiniStack's own Python runs it.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote

type Scope = Mapping[str, Any]
type Receive = Callable[[], Awaitable[dict[str, Any]]]
type Send = Callable[[dict[str, Any]], Awaitable[None]]
type Application = Callable[[Scope, Receive, Send], Awaitable[None]]
type Headers = Mapping[str, str]

BROWSERS_HEADERS = {"origin", "sec-fetch-site"}

REFUSED = (
    b'{"__type":"AccessDeniedException","message":"This local AWS answers only to who has the key of its'
    b' start, and to no browser: ./zigzag local variables has what a client needs."}'
)

_IN_HEADER = re.compile(
    r"AWS4-HMAC-SHA256\s+Credential=([^,\s]+),\s*SignedHeaders=([^,\s]+),\s*Signature=([0-9a-f]{64})"
)


@dataclass(frozen=True)
class Signature:
    """What a request says of its own signature.

    credential -- the access key's id, day, region, service and "aws4_request", with slashes between them.
    query      -- the URL's parameters that are signed, percent-encoded.
    """

    credential: str
    names: list[str]
    value: str
    time: str
    query: list[tuple[str, str]]
    in_url: bool = False

    @property
    def scope(self) -> str:
        return self.credential.partition("/")[2]


def guarded(application: Application, secret_of: Callable[[str], str | None]) -> Application:
    """The application, behind the gate.

    secret_of -- the secret key that belongs to an access key's id; None if nobody has that id.
    """

    async def gate(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await application(scope, receive, send)
        elif scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
        else:
            body = _Body(receive)
            if await _may_pass(scope, body, secret_of):
                await application(scope, body.receive, send)
            else:
                await _refuse(send)

    return gate


async def _may_pass(scope: Scope, body: _Body, secret_of: Callable[[str], str | None]) -> bool:
    headers = dict(_headers(scope))
    if headers.keys() & BROWSERS_HEADERS or _host(headers) != scope["server"][0]:
        return False
    signature = _signature(headers, scope["query_string"].decode("latin-1"))
    if signature is None or "host" not in signature.names:
        return False
    secret = secret_of(signature.credential.partition("/")[0])
    if secret is None:
        return False
    hashed = await _hash(signature, headers, body)
    return hmac.compare_digest(_signed(scope, headers, signature, hashed, secret), signature.value)


def _headers(scope: Scope) -> Iterator[tuple[str, str]]:
    """Each header's name and value; those of one that comes often joined by a comma, as they are signed."""
    together: dict[str, list[str]] = {}
    for name, value in scope["headers"]:
        together.setdefault(name.decode("latin-1").lower(), []).append(" ".join(_text(value).split()))
    return ((name, ",".join(values)) for name, values in together.items())


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


def _host(headers: Headers) -> str:
    """Of the Host header, without its port, which is another one where a port is forwarded."""
    return headers.get("host", "").rpartition(":")[0]


def _signature(headers: Headers, query: str) -> Signature | None:
    """What stands in the header, or in the URL; None if neither has a signature that is whole."""
    parameters = sorted(_parameters(query))
    found = _IN_HEADER.fullmatch(headers.get("authorization", ""))
    if found:
        credential, names, value = found.groups()
        return Signature(credential, names.split(";"), value, headers.get("x-amz-date", ""), parameters)
    said = {name: unquote(value) for name, value in parameters}
    if "authorization" in headers or said.get("X-Amz-Algorithm") != "AWS4-HMAC-SHA256":
        return None
    credential, names, value, time = (
        said.get(f"X-Amz-{name}", "") for name in ("Credential", "SignedHeaders", "Signature", "Date")
    )
    signed = [(name, value) for name, value in parameters if name != "X-Amz-Signature"]
    return Signature(credential, names.split(";"), value, time, signed, in_url=True)


def _parameters(query: str) -> Iterator[tuple[str, str]]:
    for parameter in filter(None, query.split("&")):
        name, _, value = parameter.partition("=")
        yield quote(unquote(name), safe="-_.~"), quote(unquote(value), safe="-_.~")


async def _hash(signature: Signature, headers: Headers, body: _Body) -> str:
    """What is signed of the body: its hash, or what the header says in place of it."""
    if "x-amz-content-sha256" in headers:
        return headers["x-amz-content-sha256"]
    if signature.in_url and signature.scope.split("/")[2:3] == ["s3"]:
        return "UNSIGNED-PAYLOAD"
    return hashlib.sha256(await body.whole()).hexdigest()


def _signed(scope: Scope, headers: Headers, signature: Signature, hashed: str, secret: str) -> str:
    """The signature that a caller with this secret key would have sent."""
    path = scope["raw_path"].decode("latin-1")
    if not signature.scope.endswith("/s3/aws4_request"):
        path = quote(path, safe="/~")  # once more; only S3's is not
    query = "&".join(f"{name}={value}" for name, value in signature.query)
    lines = [f"{name}:{headers.get(name, '')}" for name in signature.names]
    request = "\n".join([scope["method"], path, query, *lines, "", ";".join(signature.names), hashed])
    digest = hashlib.sha256(request.encode()).hexdigest()
    to_sign = "\n".join(["AWS4-HMAC-SHA256", signature.time, signature.scope, digest])
    key = f"AWS4{secret}".encode()
    for part in signature.scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.digest(key, to_sign.encode(), "sha256").hex()


class _Body:
    """A request's body, which can be read before the application reads it."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._read: list[dict[str, Any]] = []

    async def whole(self) -> bytes:
        more = True
        while more:
            message = await self._receive()
            self._read.append(message)
            more = bool(message.get("more_body"))
        return b"".join(message.get("body", b"") for message in self._read)

    async def receive(self) -> dict[str, Any]:
        return self._read.pop(0) if self._read else await self._receive()


async def _refuse(send: Send) -> None:
    headers = [(b"content-type", b"application/x-amz-json-1.0"), (b"content-length", b"%d" % len(REFUSED))]
    await send({"type": "http.response.start", "status": 403, "headers": headers})
    await send({"type": "http.response.body", "body": REFUSED})
