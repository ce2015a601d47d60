"""Reads the signature of a request, and checks that the key's owner made it.

AWS Signature Version 4, in a header or in the URL, as every SDK writes it:
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html

No request makes this code raise. It needs only the standard library, as MiniStack's own Python runs it.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from calendar import timegm
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from time import strptime
from typing import Any
from urllib.parse import quote, unquote

type Headers = Mapping[str, str]
type Scope = Mapping[str, Any]

SKEW_SECONDS = 900
"""Most difference between a request's time and ours, as at AWS."""

MAX_SECONDS = 7 * 86_400
"""Longest time that a URL may be valid, as at AWS:
https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html"""

_IN_HEADER = re.compile(
    r"AWS4-HMAC-SHA256\s+Credential=([^,\s]+),\s*SignedHeaders=([^,\s]+),\s*Signature=([0-9a-f]{64})"
)
_HASH = re.compile(r"[0-9a-f]{64}")
_CALLS = ("application/x-amz-json", "application/x-www-form-urlencoded")
"""Content types of bodies that are calls."""


@dataclass(frozen=True)
class Signature:
    """The signature of a request.

    credential -- the access key's id, day, region, service and "aws4_request", with slashes between them.
    names      -- names of the signed headers.
    query      -- the URL's signed parameters, percent-encoded.
    expires    -- for a signature in the URL: its seconds of validity; None for one in a header.
    """

    credential: str
    names: list[str]
    value: str
    time: str
    query: list[tuple[str, str]]
    expires: str | None = None

    @property
    def key_id(self) -> str:
        return self.credential.partition("/")[0]

    @property
    def scope(self) -> str:
        return self.credential.partition("/")[2]

    @property
    def is_s3s(self) -> bool:
        return self.scope.endswith("/s3/aws4_request")

    def covers(self, headers: Headers) -> bool:
        """Returns whether it covers all headers that decide which call it is."""
        said = {name for name in headers if name.startswith("x-amz-")}
        if self.expires is not None and "x-amz-target" in said:
            return False
        kind = headers.get("content-type")
        if kind is not None and not (self.is_s3s and self.expires is not None and not _is_call(kind)):
            said.add("content-type")
        return {"host", *said} <= set(self.names)

    def is_good_at(self, now: float) -> bool:
        """Returns whether it is valid at `now`, in epoch seconds, and its scope is of the same day."""
        day, *rest = self.scope.split("/")
        signed = _seconds(self.time)
        if signed is None or len(rest) != 3 or rest[2] != "aws4_request" or day != self.time[:8]:
            return False
        if self.expires is None:
            return abs(now - signed) <= SKEW_SECONDS
        if not re.fullmatch(r"[0-9]{1,6}", self.expires) or int(self.expires) > MAX_SECONDS:
            return False
        return signed - SKEW_SECONDS <= now <= signed + int(self.expires)

    def told(self, headers: Headers) -> str | None:
        """Returns the body's hash as the request gives it, or UNSIGNED-PAYLOAD, which only S3 accepts.
        Returns None if the body has to be read."""
        said = headers.get("x-amz-content-sha256")
        if said is not None:
            return said
        return "UNSIGNED-PAYLOAD" if self.is_s3s and self.expires is not None else None

    def is_right(self, scope: Scope, headers: Headers, hashed: str, secret: str) -> bool:
        """Returns whether a caller with this secret key signed it, with a body of that hash."""
        path = scope["raw_path"].decode("latin-1")
        if not self.is_s3s:
            path = quote(path, safe="/~")  # once more; only S3's is not
        query = "&".join(f"{name}={value}" for name, value in self.query)
        lines = [f"{name}:{headers.get(name, '')}" for name in self.names]
        request = "\n".join([scope["method"], path, query, *lines, "", ";".join(self.names), hashed])
        digest = hashlib.sha256(request.encode()).hexdigest()
        to_sign = "\n".join(["AWS4-HMAC-SHA256", self.time, self.scope, digest])
        key = f"AWS4{secret}".encode()
        for part in self.scope.split("/"):
            key = hmac.digest(key, part.encode(), "sha256")
        right = hmac.digest(key, to_sign.encode(), "sha256").hex()
        return hmac.compare_digest(right.encode(), self.value.encode())


def is_hash(told: str) -> bool:
    return _HASH.fullmatch(told) is not None


def headers_of(scope: Scope) -> dict[str, str]:
    """Returns each header's value. Values of a repeated header are joined by a comma, as they are signed."""
    together: dict[str, list[str]] = {}
    for name, value in scope["headers"]:
        together.setdefault(name.decode("latin-1").lower(), []).append(" ".join(_text(value).split()))
    return {name: ",".join(values) for name, values in together.items()}


def signature_of(headers: Headers, query: str) -> Signature | None:
    """Returns the signature in the header or in the URL, or None if neither has a complete one."""
    parameters = sorted(_parameters(query))
    found = _IN_HEADER.fullmatch(headers.get("authorization", ""))
    if found:
        credential, names, value = found.groups()
        return Signature(credential, names.split(";"), value, headers.get("x-amz-date", ""), parameters)
    said = {name: unquote(value) for name, value in parameters}
    if "authorization" in headers or said.get("X-Amz-Algorithm") != "AWS4-HMAC-SHA256":
        return None
    credential, names, value, time, expires = (
        said.get(f"X-Amz-{name}", "")
        for name in ("Credential", "SignedHeaders", "Signature", "Date", "Expires")
    )
    signed = [(name, value) for name, value in parameters if name != "X-Amz-Signature"]
    return Signature(credential, names.split(";"), value, time, signed, expires)


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


def _parameters(query: str) -> Iterator[tuple[str, str]]:
    for parameter in filter(None, query.split("&")):
        name, _, value = parameter.partition("=")
        yield quote(unquote(name), safe="-_.~"), quote(unquote(value), safe="-_.~")


def _is_call(content_type: str) -> bool:
    return content_type.strip().lower().startswith(_CALLS)


def _seconds(time: str) -> int | None:
    """Returns the epoch seconds of a time in SigV4's form, or None."""
    try:
        return timegm(strptime(time, "%Y%m%dT%H%M%SZ")) if re.fullmatch(r"[0-9]{8}T[0-9]{6}Z", time) else None
    except ValueError:
        return None
