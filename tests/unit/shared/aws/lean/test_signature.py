"""Signatures: those of botocore and those that AWS published, to the last character."""

from __future__ import annotations

import calendar
import datetime
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import botocore.auth
import pytest
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotoCredentials
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.unit.shared.aws.boto import Boto
from tests.unit.shared.aws.lean.sigv4_vectors import VECTORS, Vector

from shared.aws.lean.signature import Credentials, Signer, quoted

CI = settings(derandomize=True, database=None, deadline=None, max_examples=150)

REGION = "eu-central-1"
PLAIN = Credentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
WITH_TOKEN = Credentials(PLAIN.access_key_id, PLAIN.secret_access_key, "IQoJb3JpZ2luX2VjE//=")

VISIBLE = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=100)
"""Of what keys and tokens are made."""

CREDENTIALS = st.builds(Credentials, VISIBLE, VISIBLE, st.none() | VISIBLE)
REGIONS = st.sampled_from(["us-east-1", "eu-central-1", "cn-north-1", "us-gov-west-1"])
SERVICES = st.sampled_from(["sqs", "lambda", "dynamodb"])
METHODS = st.sampled_from(["POST", "GET", "PUT", "post"])

FUNCTIONS = st.text(max_size=40) | st.builds(
    "arn:aws:lambda:{}:123456789012:function:{}{}".format,
    REGIONS,
    st.text("abcXYZ019-_", min_size=1),
    st.sampled_from(["", ":$LATEST", ":live", ":42", ":größer"]),
)
SEGMENTS = st.sampled_from(["", ".", "..", "a", "base", "~", "$x", "a:b", "%2F"])
PATHS = st.builds("/2015-03-31/functions/{}/invocations".format, FUNCTIONS.map(quoted)) | st.lists(
    SEGMENTS
).map(lambda segments: "/" + "/".join(segments))

NAMES = st.sampled_from(
    [
        *("content-type", "Content-Type", "x-amz-target", "X-Amz-Invocation-Type", "x-amz-date", "accept"),
        *("x-amz-security-token", "X-Amz-Security-Token", "authorization", "X-Amzn-Trace-Id", "x-amz-d", "z"),
        *("amz-sdk-invocation-id", "amz-sdk-request", *botocore.auth.SIGNED_HEADERS_BLACKLIST),
    ]
)
VALUES = st.text("aZ09 \t\u00a0\u2003,;:=/\"'é😀") | st.text(st.characters(exclude_categories=["C"]))
HEADERS = st.dictionaries(NAMES, VALUES)
BODIES = st.binary() | st.text().map(str.encode)
TIMES = st.datetimes(datetime.datetime(1970, 1, 1), datetime.datetime(2199, 12, 31))


def authorization_of_botocore(
    signer: tuple[Credentials, str, str],
    request: tuple[str, str, str, Mapping[str, str], bytes],
    moment: datetime.datetime,
) -> dict[str, str]:
    """What botocore's signer adds to the same request at that time."""
    credentials, region, service = signer
    method, host, path, headers, body = request
    signed = AWSRequest(method=method, url=f"https://{host}{path}", headers=dict(headers), data=body)
    auth = botocore.auth.SigV4Auth(
        BotoCredentials(credentials.access_key_id, credentials.secret_access_key, credentials.session_token),
        service,
        region,
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(botocore.auth, "get_current_datetime", lambda: moment)
        auth.add_auth(signed)
    names = ["x-amz-date", *(["x-amz-security-token"] if credentials.session_token else []), "authorization"]
    return {name: signed.headers[name] for name in names}


def epoch(moment: datetime.datetime) -> float:
    return calendar.timegm(moment.timetuple()) + moment.microsecond / 1e6


@CI
@given(CREDENTIALS, REGIONS, SERVICES, METHODS, PATHS, HEADERS, BODIES, TIMES)
def test_a_signature_is_botocores(
    credentials: Credentials,
    region: str,
    service: str,
    method: str,
    path: str,
    headers: dict[str, str],
    body: bytes,
    moment: datetime.datetime,
) -> None:
    host = f"{service}.{region}.amazonaws.com"
    request = (method, host, path, headers, body)

    added = Signer(credentials, region, service).headers(*request, epoch(moment))

    assert added == authorization_of_botocore((credentials, region, service), request, moment)


@pytest.mark.parametrize("length", [1, 60, 61, 64, 200])
def test_a_secret_may_be_longer_than_a_block_of_the_hash(length: int) -> None:
    credentials = Credentials("AKIDEXAMPLE", "s" * length)
    request = ("POST", "sqs.test", "/", {"accept": "*/*"}, b"")
    moment = datetime.datetime(2026, 1, 1)

    added = Signer(credentials, REGION, "sqs").headers(*request, epoch(moment))

    assert added == authorization_of_botocore((credentials, REGION, "sqs"), request, moment)


@settings(CI, max_examples=40)
@given(st.lists(TIMES, min_size=2, max_size=5), st.lists(BODIES, min_size=5, max_size=5))
def test_a_signer_signs_as_a_new_one_would_whatever_it_has_signed_before(
    moments: list[datetime.datetime], bodies: list[bytes]
) -> None:
    signer = Signer(WITH_TOKEN, REGION, "sqs")

    for moment, body in zip(moments, bodies, strict=False):
        request = ("POST", "sqs.test", "/", {"x-amz-target": "AmazonSQS.ReceiveMessage"}, body)
        added = signer.headers(*request, epoch(moment))
        assert added == authorization_of_botocore((WITH_TOKEN, REGION, "sqs"), request, moment)


@CI
@given(st.text() | FUNCTIONS)
@example("arn:aws:lambda:eu-central-1:123456789012:function:worker:live")
def test_a_segment_of_a_path_is_escaped_as_botocore_escapes_it(segment: str) -> None:
    assert quoted(segment) == botocore.utils.percent_encode(segment)


ADDED_LATER = {"content-length", "amz-sdk-invocation-id", "amz-sdk-request"}
"""By botocore, to what is signed already."""

FUNCTION_ARN = "arn:aws:lambda:eu-central-1:123456789012:function:worker"


@pytest.mark.parametrize("credentials", [PLAIN, WITH_TOKEN], ids=["keys", "keys and token"])
@pytest.mark.parametrize(
    ("service", "operation", "parameters"),
    [
        (
            "lambda",
            "invoke",
            {"FunctionName": "worker", "InvocationType": "Event", "Payload": b'{"a": "\xc3\xa4"}'},
        ),
        (
            "lambda",
            "invoke",
            {"FunctionName": f"{FUNCTION_ARN}:live", "InvocationType": "Event", "Payload": b""},
        ),
        ("lambda", "invoke", {"FunctionName": "worker:$LATEST"}),
        ("sqs", "receive_message", {"QueueUrl": "https://sqs.test/1/tasks", "WaitTimeSeconds": 1}),
        ("dynamodb", "get_item", {"TableName": "records", "Key": {"key": {"S": "grün"}}}),
    ],
)
def test_what_a_client_of_boto_sends_has_the_signature_that_we_give_it(
    boto: Boto, credentials: Credentials, service: str, operation: str, parameters: Any
) -> None:
    variables = {
        "AWS_ACCESS_KEY_ID": credentials.access_key_id,
        "AWS_SECRET_ACCESS_KEY": credentials.secret_access_key,
        "AWS_SESSION_TOKEN": credentials.session_token or "",
        "AWS_DEFAULT_REGION": REGION,
        # Within Lambda each call has a header for X-Ray, which is not signed.
        "AWS_LAMBDA_FUNCTION_NAME": "consumer",
        "_X_AMZN_TRACE_ID": "Root=1-5759e988-bd862e3fe1be46a994272793",
    }

    sent = boto.sends(variables, service, operation, **parameters)

    headers = {name: value for name, value in sent.headers.items() if name.lower() not in ADDED_LATER}
    url = urlsplit(sent.url)
    moment = calendar.timegm(time.strptime(headers["X-Amz-Date"], "%Y%m%dT%H%M%SZ"))
    signer = Signer(credentials, REGION, service)
    body = sent.body or b""
    assert isinstance(body, bytes)
    added = signer.headers(sent.method, url.netloc, url.path, headers, body, moment)
    assert added["authorization"] == headers["Authorization"]
    assert added.get("x-amz-security-token") == headers.get("X-Amz-Security-Token")
    assert "x-amzn-trace-id" in (name.lower() for name in headers)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector.name)
def test_a_signature_is_the_one_that_aws_published(vector: Vector) -> None:
    credentials = Credentials(vector.access_key_id, vector.secret_access_key, vector.session_token)
    signer = Signer(credentials, vector.region, vector.service)
    moment = calendar.timegm(time.strptime(vector.time, "%Y%m%dT%H%M%SZ"))

    added = signer.headers(vector.method, vector.host, vector.path, vector.headers, vector.body, moment)

    scope = f"{vector.time[:8]}/{vector.region}/{vector.service}/aws4_request"
    assert added["x-amz-date"] == vector.time
    assert added["authorization"] == (
        f"AWS4-HMAC-SHA256 Credential={vector.access_key_id}/{scope}, "
        f"SignedHeaders={vector.signed}, Signature={vector.signature}"
    )


def signature(added: Mapping[str, str]) -> str:
    return added["authorization"].rpartition("Signature=")[2]


def sign(signer: Signer, moment: float, **changed: Any) -> dict[str, str]:
    request = {"method": "POST", "host": "sqs.test", "path": "/", "headers": {}, "body": b"{}", **changed}
    return signer.headers(**request, now=moment)


MIDNIGHT = 1_767_225_600  # 2026-01-01T00:00:00Z


def test_from_midnight_utc_on_the_key_of_the_new_day_signs() -> None:
    signer = Signer(PLAIN, REGION, "sqs")

    before, after = sign(signer, MIDNIGHT - 0.001), sign(signer, MIDNIGHT)

    assert "/20251231/" in before["authorization"]
    assert "/20260101/" in after["authorization"]
    assert after == sign(Signer(PLAIN, REGION, "sqs"), MIDNIGHT)


def test_a_token_is_sent_and_signed() -> None:
    without, with_token = (sign(Signer(who, REGION, "sqs"), MIDNIGHT) for who in (PLAIN, WITH_TOKEN))

    assert "x-amz-security-token" not in without
    assert with_token["x-amz-security-token"] == WITH_TOKEN.session_token
    assert "SignedHeaders=host;x-amz-date," in without["authorization"]
    assert "SignedHeaders=host;x-amz-date;x-amz-security-token," in with_token["authorization"]


@pytest.mark.parametrize(
    "changed",
    [
        {"method": "GET"},
        {"host": "sqs.test:4566"},
        {"path": "/base"},
        {"headers": {"x-amz-target": "AmazonSQS.SendMessage"}},
        {"body": b"{} "},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_everything_is_signed(changed: dict[str, Any]) -> None:
    signer = Signer(PLAIN, REGION, "sqs")

    assert signature(sign(signer, MIDNIGHT, **changed)) != signature(sign(signer, MIDNIGHT))


@pytest.mark.parametrize("show", [repr, str, "{}".format], ids=["repr", "str", "format"])
def test_no_secret_is_shown(show: Callable[[Any], str]) -> None:
    shown = show(WITH_TOKEN) + show(Signer(WITH_TOKEN, REGION, "sqs"))

    assert WITH_TOKEN.access_key_id in shown
    assert WITH_TOKEN.secret_access_key not in shown
    assert str(WITH_TOKEN.session_token) not in shown
