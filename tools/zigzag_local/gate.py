"""Guards the local AWS: only programs that have the key of its start may call it, and no browser.

The emulator runs any code that it is sent, as this machine's user, and checks no key. So this ASGI
application stands in front of it. A request is passed on if

- it has no header Origin or Sec-Fetch-Site: a browser sends these, and any site's page could make it do so;
- its Host is the address that it came to: a page's own name may point to this machine (DNS rebinding);
- it was signed recently with the secret key, with all its headers that decide which call it is
  (`signed.py`): a link to one object is valid for no other call.

The head is checked before the body is read. A body that the check needs is read only up to a limit. The
module needs only the standard library, as MiniStack's own Python runs it.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable
from typing import Any

from zigzag_local.signed import Headers, Scope, Signature, headers_of, is_hash, signature_of

type Receive = Callable[[], Awaitable[dict[str, Any]]]
type Send = Callable[[dict[str, Any]], Awaitable[None]]
type Application = Callable[[Scope, Receive, Send], Awaitable[None]]

BROWSERS_HEADERS = {"origin", "sec-fetch-site"}

MAX_BODY_BYTES = 72 * 1_048_576
"""Limit of a body that is read before its sender is known. The largest call that AWS takes is a function's
code of 50 MB, as base64 (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html)."""

MAX_HELD_BYTES = 2 * MAX_BODY_BYTES
"""Limit of all those bodies together."""

SMALL_BYTES = 1_048_576
"""A body up to this size has its place, however many large ones stall."""

JUDGED_SECONDS = 10.0
"""Limit of the time in which such a body has to come."""

OK, FORBIDDEN, TOO_SLOW, TOO_LARGE, BUSY = 200, 403, 408, 413, 503

REFUSED = {
    FORBIDDEN: b'{"__type":"AccessDeniedException","message":"This local AWS answers only callers with the'
    b' key of its start, and no browser: ./zigzag local variables prints what a client needs."}',
    TOO_SLOW: b'{"__type":"RequestTimeout","message":"The body came too slowly to be judged."}',
    TOO_LARGE: b'{"__type":"RequestEntityTooLargeException","message":"The body is too large to be judged."}',
    BUSY: b'{"__type":"ServiceUnavailable","message":"Too many large bodies wait to be judged: try again."}',
}


def guarded(
    application: Application, secret_of: Callable[[str], str | None], now: Callable[[], float] = time.time
) -> Application:
    """Returns the application with the gate in front of it.

    secret_of -- returns the secret key for an access key's id, or None for an unknown id.
    now       -- returns the time in epoch seconds.
    """
    held = _Held()

    async def gate(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await application(scope, receive, send)
        elif scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
        else:
            body = _Body(receive)
            status = await _judged(scope, body, secret_of, now(), held)
            if status == OK:
                await application(scope, body.receive, send)
            else:
                await _refuse(send, status)

    return gate


async def _judged(
    scope: Scope, body: _Body, secret_of: Callable[[str], str | None], now: float, held: _Held
) -> int:
    """Returns OK, or the status of the refusal."""
    headers = headers_of(scope)
    if headers.keys() & BROWSERS_HEADERS or _host(headers) != scope["server"][0]:
        return FORBIDDEN
    signature = signature_of(headers, scope["query_string"].decode("latin-1"))
    if signature is None or not (signature.covers(headers) and signature.is_good_at(now)):
        return FORBIDDEN
    secret = secret_of(signature.key_id)
    if secret is None:
        return FORBIDDEN
    told = signature.told(headers)
    if told is None:
        status = await _read_in_bounds(body, headers, held)
        right = status == OK and signature.is_right(scope, headers, body.hash(), secret)
        return OK if right else max(status, FORBIDDEN)
    right = signature.is_right(scope, headers, told, secret) and await _is_told(told, signature, body)
    return OK if right else FORBIDDEN


async def _read_in_bounds(body: _Body, headers: Headers, held: _Held) -> int:
    """Reads the body. Returns OK, or the status of the refusal if it is too long."""
    said = headers.get("content-length", "")
    if said.isdecimal() and (len(said) > 12 or int(said) > MAX_BODY_BYTES):
        return TOO_LARGE
    read = 0
    try:
        async with asyncio.timeout(JUDGED_SECONDS):
            while (piece := await body.read_on()) is not None:
                read += len(piece)
                held.bytes += len(piece)
                if read > MAX_BODY_BYTES:
                    return TOO_LARGE
                if read > SMALL_BYTES and held.bytes > MAX_HELD_BYTES:
                    return BUSY
        return OK
    except TimeoutError:
        return TOO_SLOW
    finally:
        held.bytes -= read


async def _is_told(told: str, signature: Signature, body: _Body) -> bool:
    """Returns whether the body has the hash in the signed request."""
    if not is_hash(told):
        return signature.is_s3s  # UNSIGNED-PAYLOAD, or a stream with its own signatures
    while await body.read_on() is not None:
        pass
    return body.hash() == told


def _host(headers: Headers) -> str:
    """Returns the Host header without its port, which may differ if a port is forwarded."""
    return headers.get("host", "").rpartition(":")[0]


class _Held:
    """The number of bytes read of bodies whose senders are not known yet."""

    def __init__(self) -> None:
        self.bytes = 0


class _Body:
    """A request's body, which can be read before the application reads it."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._read = bytearray()  # one piece: as many small ones would take a hundred times their bytes
        self._has_read = False
        self._hash = hashlib.sha256()
        self._goes_on = True

    async def read_on(self) -> bytes | None:
        """Returns the next piece, or None if all are read or the client has gone."""
        if not self._goes_on:
            return None
        message = await self._receive()
        self._has_read = True
        self._goes_on = bool(message.get("more_body"))
        piece: bytes = message.get("body", b"")
        self._read += piece
        self._hash.update(piece)
        return piece

    def hash(self) -> str:
        return self._hash.hexdigest()

    async def receive(self) -> dict[str, Any]:
        if not self._has_read:
            return await self._receive()
        self._has_read = False
        read, self._read = bytes(self._read), bytearray()
        return {"type": "http.request", "body": read, "more_body": self._goes_on}


async def _refuse(send: Send, status: int) -> None:
    said = REFUSED[status]
    headers = [(b"content-type", b"application/x-amz-json-1.0"), (b"content-length", b"%d" % len(said))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": said})
