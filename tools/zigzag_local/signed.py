"""What does a request say of its own signature, and is it the one that the key's owner would have made?

AWS Signature Version 4, in a header or in the URL, as every SDK writes it:
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html

Whatever a request holds, nothing here raises. Standard library only: MiniStack's own Python runs it.
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
"""How far a request's time may be from ours, as at AWS."""

LONGEST_SECONDS = 7 * 86_400
"""How long a URL may be good, as at AWS:
https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html"""

_IN_HEADER = re.compile(
    r"AWS4-HMAC-SHA256\s+Credential=([^,\s]+),\s*SignedHeaders=([^,\s]+),\s*Signature=([0-9a-f]{64})"
)
_HASH = re.compile(r"[0-9a-f]{64}")
_CALLS = ("application/x-amz-json", "application/x-www-form-urlencoded")
"""Content types by which a body is a call."""


@dataclass(frozen=True)
class Signature:
    """What a request says of its own signature.

    credential -- the access key's id, day, region, service and "aws4_request", with slashes between them.
    names      -- the headers that are signed.
    query      -- the URL's parameters that are signed, percent-encoded.
    expires    -- of one in the URL, how many seconds it says to be good; None if it is in a header.
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
        """Whether it holds of all that says which call it is: with a header more, it would be another one."""
        said = {name for name in headers if name.startswith("x-amz-")}
        if self.expires is not None and "x-amz-target" in said:
            return False
        kind = headers.get("content-type")
        if kind is not None and not (self.is_s3s and self.expires is not None and not _is_call(kind)):
            said.add("content-type")
        return {"host", *said} <= set(self.names)

    def is_good_at(self, now: float) -> bool:
        """Whether it is of this time, in epoch seconds, and its scope of the same day."""
        day, *rest = self.scope.split("/")
        signed = _seconds(self.time)
        if signed is None or len(rest) != 3 or rest[2] != "aws4_request" or day != self.time[:8]:
            return False
        if self.expires is None:
            return abs(now - signed) <= SKEW_SECONDS
        if not re.fullmatch(r"[0-9]{1,6}", self.expires) or int(self.expires) > LONGEST_SECONDS:
            return False
        return signed - SKEW_SECONDS <= now <= signed + int(self.expires)

    def told(self, headers: Headers) -> str | None:
        """What is signed of the body without looking at it: a hash, or that it is not signed, which only S3
        takes. None if it has to be read."""
        said = headers.get("x-amz-content-sha256")
        if said is not None:
            return said
        return "UNSIGNED-PAYLOAD" if self.is_s3s and self.expires is not None else None

    def is_right(self, scope: Scope, headers: Headers, hashed: str, secret: str) -> bool:
        """Whether a caller with this secret key would have sent it, with a body of that hash."""
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
    """Each header's value; those of one that comes often joined by a comma, as they are signed."""
    together: dict[str, list[str]] = {}
    for name, value in scope["headers"]:
        together.setdefault(name.decode("latin-1").lower(), []).append(" ".join(_text(value).split()))
    return {name: ",".join(values) for name, values in together.items()}


def signature_of(headers: Headers, query: str) -> Signature | None:
    """What stands in the header, or in the URL; None if neither has a signature that is whole."""
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
    """The epoch seconds of a time as SigV4 writes it."""
    try:
        return timegm(strptime(time, "%Y%m%dT%H%M%SZ")) if re.fullmatch(r"[0-9]{8}T[0-9]{6}Z", time) else None
    except ValueError:
        return None
