"""Signs a request by AWS Signature Version 4, in the Authorization header.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html

For requests that differ only in time and body, the other parts are prepared once. A signing key is valid for
a day.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from hashlib import sha256
from time import gmtime, strftime
from typing import NamedTuple

_KEPT = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
"""The bytes that percent-encoding does not change."""

_UNSIGNED = {
    *("authorization", "baggage", "connection", "expect", "keep-alive", "proxy-authenticate"),
    *("proxy-authorization", "te", "traceparent", "tracestate", "trailer", "transfer-encoding"),
    *("upgrade", "user-agent", "x-amzn-trace-id"),
}
"""Headers that may change on the way to AWS, so they are not signed. botocore leaves out the same ones."""


class Credentials(NamedTuple):
    """A caller's credentials. Their repr shows no secret."""

    access_key_id: str
    secret_access_key: str
    session_token: str | None = None

    def __repr__(self) -> str:
        return f"Credentials({self.access_key_id!r})"


class Signer:
    """Signs requests for one service in one region. Threads may share it."""

    def __init__(self, credentials: Credentials, region: str, service: str) -> None:
        self._credentials = credentials
        self._region_and_service = f"{region}/{service}"
        # Both are replaced, never changed: a thread that reads an old one makes its own.
        self._day = _Day("", self._region_and_service, credentials)
        self._second = _Second(0, "", self._day)

    def headers(
        self, method: str, host: str, path: str, headers: Mapping[str, str], body: bytes, now: float
    ) -> dict[str, str]:
        """Returns the headers to add: x-amz-date, x-amz-security-token if there is one, and authorization.

        host    -- the Host header's value.
        path    -- the path as it is sent: percent-encoded once, without a query.
        headers -- all headers that are sent, except host and content-length. No `date`.
        now     -- epoch seconds.
        """
        at = self._second
        if at.second != int(now):
            at = self._second = self._begun(int(now))
        token = self._credentials.session_token
        before, after, signed = _frame(method, host, path, tuple(headers.items()), token)
        request = f"{before}{at.time}{after}{sha256(body).hexdigest()}"
        signature = at.key.digest(f"{at.to_sign}{sha256(request.encode()).hexdigest()}".encode()).hex()
        added = {"x-amz-date": at.time}
        if token:
            added["x-amz-security-token"] = token
        added["authorization"] = f"{at.credential}, SignedHeaders={signed}, Signature={signature}"
        return added

    def _begun(self, second: int) -> _Second:
        moment = strftime("%Y%m%dT%H%M%SZ", gmtime(second))
        day = self._day
        if day.date != moment[:8]:
            day = self._day = _Day(moment[:8], self._region_and_service, self._credentials)
        return _Second(second, moment, day)


class _Day:
    """The signing key of a day, in UTC, and its scope."""

    __slots__ = ("credential", "date", "key", "scope")

    def __init__(self, date: str, region_and_service: str, credentials: Credentials) -> None:
        self.date = date
        self.scope = f"{date}/{region_and_service}/aws4_request"
        self.credential = f"AWS4-HMAC-SHA256 Credential={credentials.access_key_id}/{self.scope}"
        key = f"AWS4{credentials.secret_access_key}".encode()
        for part in self.scope.split("/"):
            key = _Hmac(key).digest(part.encode())
        self.key = _Hmac(key)


class _Second:
    """The parts that all signatures of one second share."""

    __slots__ = ("credential", "key", "second", "time", "to_sign")

    def __init__(self, second: int, time: str, day: _Day) -> None:
        self.second = second
        self.time = time
        self.to_sign = f"AWS4-HMAC-SHA256\n{time}\n{day.scope}\n"
        self.credential = day.credential
        self.key = day.key


class _Hmac:
    """HMAC-SHA256 (https://www.rfc-editor.org/rfc/rfc2104) of many texts with one key.

    The key is hashed once. That makes it two or three times as fast as `hmac`, and saves the import.
    """

    __slots__ = ("_inner", "_outer")

    def __init__(self, key: bytes) -> None:
        block = (key if len(key) <= 64 else sha256(key).digest()).ljust(64, b"\0")
        self._inner = sha256(bytes(byte ^ 0x36 for byte in block))
        self._outer = sha256(bytes(byte ^ 0x5C for byte in block))

    def digest(self, text: bytes) -> bytes:
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(text)
        outer.update(inner.digest())
        return outer.digest()


@lru_cache(maxsize=64)
def quoted(segment: str) -> str:
    """Returns one segment of a path, percent-encoded, such as a function's name or ARN."""
    return "".join(chr(byte) if byte in _KEPT else f"%{byte:02X}" for byte in segment.encode())


@lru_cache(maxsize=64)
def _frame(
    method: str, host: str, path: str, headers: tuple[tuple[str, str], ...], token: str | None
) -> tuple[str, str, str]:
    """Returns a canonical request before its time, and before its body's hash; and the signed headers."""
    values: dict[str, list[str]] = {}
    for name, value in headers:
        if name.lower() not in _UNSIGNED:
            values.setdefault(name.lower(), []).append(" ".join(value.split()))
    values |= {"host": [host], "x-amz-date": []}
    if token:
        values["x-amz-security-token"] = [token]
    names = sorted(values)
    lines = [f"{name}:{','.join(values[name])}" for name in names]
    behind = names.index("x-amz-date") + 1
    signed = ";".join(names)
    before = "\n".join([method.upper(), _canonical(path), "", *lines[:behind]])
    return before, "\n".join(["", *lines[behind:], "", signed, ""]), signed


def _canonical(path: str) -> str:
    """Returns the path without `.`, `..` and empty segments, percent-encoded once more (only S3's is not)."""
    kept: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            del kept[-1:]
        elif segment not in ("", "."):
            kept.append(quoted(segment))
    return "/" + "/".join(kept) + ("/" if kept and path.endswith("/") else "")
