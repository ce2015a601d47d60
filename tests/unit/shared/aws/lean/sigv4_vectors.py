"""Requests whose signatures AWS has published.

Most are of its Signature Version 4 Test Suite (Copyright 2019 Amazon.com, Apache License 2.0):
https://github.com/awslabs/aws-c-auth/tree/v0.3.15/tests/aws-sig-v4-test-suite

Of that suite are left out: all whose name says `query`, because nothing that we sign has one, and
`post-sts-header-after`, whose token is added after the signature: to the signature it is `post-vanilla`.
Where a header comes more than once, its values are joined by commas here, which is the same to HTTP.
`path` is unescaped in the suite; it is escaped once for its signature.

Two are examples in AWS's documentation:
https://docs.aws.amazon.com/amazonglacier/latest/dev/amazon-glacier-signing-requests.html, and IAM's of
the General Reference (signature-version-4). Its examples for S3 are left out: S3's rules are its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

TOKEN = (
    "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfp"
    "SPfIeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQ"
    "DYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+s"
    "cqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA=="
)


@dataclass(frozen=True)
class Vector:
    """A request, and the names and the value of its signature."""

    name: str
    method: str
    path: str
    signed: str
    signature: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    session_token: str | None = None
    host: str = "example.amazonaws.com"
    service: str = "service"
    time: str = "20150830T123600Z"
    access_key_id: str = "AKIDEXAMPLE"
    secret_access_key: str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
    region: str = "us-east-1"


VECTORS = [
    Vector(
        "get-header-key-duplicate",
        "GET",
        "/",
        "host;my-header1;x-amz-date",
        "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea",
        headers={"My-Header1": "value2,value2,value1"},
    ),
    Vector(
        "get-header-value-multiline",
        "GET",
        "/",
        "host;my-header1;x-amz-date",
        "cfd34249e4b1c8d6b91ef74165d41a32e5fab3306300901bb65a51a73575eefd",
        headers={"My-Header1": "value1\n  value2\n     value3"},
    ),
    Vector(
        "get-header-value-order",
        "GET",
        "/",
        "host;my-header1;x-amz-date",
        "08c7e5a9acfcfeb3ab6b2185e75ce8b1deb5e634ec47601a50643f830c755c01",
        headers={"My-Header1": "value4,value1,value3,value2"},
    ),
    Vector(
        "get-header-value-trim",
        "GET",
        "/",
        "host;my-header1;my-header2;x-amz-date",
        "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
        headers={"My-Header1": " value1", "My-Header2": ' "a   b   c"'},
    ),
    Vector(
        "get-unreserved",
        "GET",
        "/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
        "host;x-amz-date",
        "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f",
    ),
    Vector(
        "get-utf8",
        "GET",
        "/ሴ",
        "host;x-amz-date",
        "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85",
    ),
    Vector(
        "get-vanilla-with-session-token",
        "GET",
        "/",
        "host;x-amz-date;x-amz-security-token",
        "07ec1639c89043aa0e3e2de82b96708f198cceab042d4a97044c66dd9f74e7f8",
        session_token="6e86291e8372ff2a2260956d9b8aae1d763fbf315fa00fa31553b73ebf194267",
    ),
    Vector(
        "get-vanilla",
        "GET",
        "/",
        "host;x-amz-date",
        "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
    ),
    Vector(
        "get-relative-relative",
        "GET",
        "/example1/example2/../..",
        "host;x-amz-date",
        "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
    ),
    Vector(
        "get-relative",
        "GET",
        "/example/..",
        "host;x-amz-date",
        "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
    ),
    Vector(
        "get-slash-dot-slash",
        "GET",
        "/./",
        "host;x-amz-date",
        "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
    ),
    Vector(
        "get-slash-pointless-dot",
        "GET",
        "/./example",
        "host;x-amz-date",
        "ef75d96142cf21edca26f06005da7988e4f8dc83a165a80865db7089db637ec5",
    ),
    Vector(
        "get-slash",
        "GET",
        "//",
        "host;x-amz-date",
        "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
    ),
    Vector(
        "get-slashes",
        "GET",
        "//example//",
        "host;x-amz-date",
        "9a624bd73a37c9a373b5312afbebe7a714a789de108f0bdfe846570885f57e84",
    ),
    Vector(
        "get-space",
        "GET",
        "/example space/",
        "host;x-amz-date",
        "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741",
    ),
    Vector(
        "get-special-character",
        "GET",
        "/example/$delete",
        "host;x-amz-date",
        "a853c9b21b528b19643d00910d35b83a10c366a10833ceefb45edd6c80e40f27",
    ),
    Vector(
        "post-header-key-case",
        "POST",
        "/",
        "host;x-amz-date",
        "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
    ),
    Vector(
        "post-header-key-sort",
        "POST",
        "/",
        "host;my-header1;x-amz-date",
        "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c",
        headers={"My-Header1": "value1"},
    ),
    Vector(
        "post-header-value-case",
        "POST",
        "/",
        "host;my-header1;x-amz-date",
        "cdbc9802e29d2942e5e10b5bccfdd67c5f22c7c4e8ae67b53629efa58b974b7d",
        headers={"My-Header1": "VALUE1"},
    ),
    Vector(
        "post-sts-header-before",
        "POST",
        "/",
        "host;x-amz-date;x-amz-security-token",
        "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead",
        session_token=TOKEN,
    ),
    Vector(
        "post-vanilla",
        "POST",
        "/",
        "host;x-amz-date",
        "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
    ),
    Vector(
        "post-x-www-form-urlencoded-parameters",
        "POST",
        "/",
        "content-type;host;x-amz-date",
        "1a72ec8f64bd914b0e42e42607c7fbce7fb2c7465f63e3092b3b0d39fa77a6fe",
        headers={"Content-Type": "application/x-www-form-urlencoded; charset=utf8"},
        body=b"Param1=value1",
    ),
    Vector(
        "post-x-www-form-urlencoded",
        "POST",
        "/",
        "content-type;host;x-amz-date",
        "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
        headers={"Content-Type": "application/x-www-form-urlencoded"},
        body=b"Param1=value1",
    ),
    Vector(
        "the documentation's, for Glacier",
        "PUT",
        "/-/vaults/examplevault",
        "host;x-amz-date;x-amz-glacier-version",
        "3ce5b2f2fffac9262b4da9256f8d086b4aaf42eba5f111c21681a65a127b7c2a",
        headers={"x-amz-glacier-version": "2012-06-01"},
        host="glacier.us-east-1.amazonaws.com",
        service="glacier",
        time="20120525T002453Z",
        access_key_id="AKIAIOSFODNN7EXAMPLE",
        secret_access_key="wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    ),
    Vector(
        "the documentation's, for IAM",
        "POST",
        "/",
        "content-type;host;x-amz-date",
        "ced6826de92d2bdeed8f846f0bf508e8559e98e4b0199114b84c54174deb456c",
        headers={"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"},
        body=b"Action=ListUsers&Version=2010-05-08",
        host="iam.amazonaws.com",
        service="iam",
        time="20110909T233600Z",
    ),
]
