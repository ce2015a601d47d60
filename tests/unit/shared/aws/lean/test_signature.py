"""Signatures: those of botocore, to the last character."""

from __future__ import annotations

import calendar
import datetime
from collections.abc import Callable, Mapping
from typing import Any

import botocore.auth
import pytest
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotoCredentials
from hypothesis import example, given, settings
from hypothesis import strategies as st

from shared.aws.lean.signature import Credentials, Signer, quoted

CI = settings(derandomize=True, database=None, deadline=None, max_examples=60)

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
    """Returns the headers that botocore's signer adds to the same request at that time."""
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


@pytest.mark.parametrize("length", [60, 61])
def test_a_secret_may_be_longer_than_a_block_of_the_hash(length: int) -> None:
    credentials = Credentials("AKIDEXAMPLE", "s" * length)
    request = ("POST", "sqs.test", "/", {"accept": "*/*"}, b"")
    moment = datetime.datetime(2026, 1, 1)

    added = Signer(credentials, REGION, "sqs").headers(*request, epoch(moment))

    assert added == authorization_of_botocore((credentials, REGION, "sqs"), request, moment)


@settings(CI, max_examples=20)
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


@pytest.mark.parametrize("show", [repr, str, "{}".format], ids=["repr", "str", "format"])
def test_no_secret_is_shown(show: Callable[[Any], str]) -> None:
    shown = show(WITH_TOKEN) + show(Signer(WITH_TOKEN, REGION, "sqs"))

    assert WITH_TOKEN.access_key_id in shown
    assert WITH_TOKEN.secret_access_key not in shown
    assert str(WITH_TOKEN.session_token) not in shown
