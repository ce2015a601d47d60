"""The local AWS answers callers with the key of its start, and nobody through a browser.

It runs what it is sent as this machine's user: a page that could reach it could do what the user can.
"""

from __future__ import annotations

import base64
import http.client
import io
import json
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials

from zigzag_local import state
from zigzag_local.clients import client_options, session
from zigzag_local.emulator import Emulator
from zigzag_local.running import LocalAws

FUNCTIONS = "/2015-03-31/functions"
ROLE = "arn:aws:iam::000000000000:role/any"


@pytest.fixture(scope="module")
def aws() -> Iterator[LocalAws]:
    with Emulator() as aws:
        yield aws


def client(aws: LocalAws, service: str) -> Any:
    return session().client(service, **client_options(aws.environment()))  # type: ignore[call-overload]


def call(
    aws: LocalAws, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None
) -> http.client.HTTPResponse:
    """Returns an answer to exactly these headers, without its body."""
    with closing(http.client.HTTPConnection(urlsplit(aws.endpoint).netloc)) as connection:
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        for name, value in {"Host": urlsplit(aws.endpoint).netloc, **(headers or {})}.items():
            connection.putheader(name, value)
        connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        return connection.getresponse()


def signed(aws: LocalAws, method: str, path: str, *, key: str | None = None) -> dict[str, str]:
    """Returns the headers of a call that is signed, with the local AWS's own key or another one."""
    host = urlsplit(aws.endpoint).netloc
    request = AWSRequest(method, f"http://{host}{path}", headers={"Host": host})
    given = aws.variables()
    secret = given["AWS_SECRET_ACCESS_KEY"] if key is None else key
    SigV4Auth(Credentials(given["AWS_ACCESS_KEY_ID"], secret), "lambda", "us-east-1").add_auth(request)
    return dict(request.headers.items())


def packaged(code: str) -> bytes:
    """Returns a function's package: the module run.py, which has the handler `it`."""
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as files:
        files.writestr("run.py", code)
    return package.getvalue()


def a_function(name: str, writes: Path) -> bytes:
    """Returns a CreateFunction call whose function writes that file."""
    code = packaged(f"def it(event, context):\n    open({str(writes)!r}, 'w').close()\n")
    called = {"FunctionName": name, "Runtime": "python3.13", "Role": ROLE, "Handler": "run.it"}
    return json.dumps({**called, "Code": {"ZipFile": base64.b64encode(code).decode()}}).encode()


def attack(aws: LocalAws, writes: Path, headers: Mapping[str, str]) -> list[int]:
    """Sends CreateFunction and Invoke, as somebody without the key does. Returns the statuses."""
    created = call(aws, "POST", FUNCTIONS, a_function("theirs", writes), headers)
    invoked = call(aws, "POST", f"{FUNCTIONS}/theirs/invocations", b"{}", headers)
    return [created.status, invoked.status]


def netloc(aws: LocalAws, host: str) -> str:
    return f"{host}:{urlsplit(aws.endpoint).port}"


# ---- Those who have no key ----


def test_a_web_page_can_run_no_code(aws: LocalAws, tmp_path: Path) -> None:
    # Given what a browser sends for `fetch(…, {mode: "no-cors", method: "POST"})`
    of_a_page = {
        "Origin": "https://evil.example",
        "Sec-Fetch-Site": "cross-site",
        "Content-Type": "text/plain",
    }

    assert attack(aws, tmp_path / "written", of_a_page) == [403, 403]
    assert not (tmp_path / "written").exists()


def test_a_page_whose_name_leads_to_this_machine_can_run_no_code(aws: LocalAws, tmp_path: Path) -> None:
    # Given a page's own name, which its DNS server has pointed to 127.0.0.1: no other site is involved
    rebound = {"Host": netloc(aws, "evil.example"), "Sec-Fetch-Site": "same-origin"}

    assert attack(aws, tmp_path / "written", rebound) == [403, 403]
    assert not (tmp_path / "written").exists()


def test_another_user_of_the_machine_can_run_no_code(aws: LocalAws, tmp_path: Path) -> None:
    assert attack(aws, tmp_path / "written", {}) == [403, 403]
    assert not (tmp_path / "written").exists()


@pytest.mark.parametrize("path", ["/_ministack/health", "/_ministack/ready", "/_localstack/health", "/"])
def test_nothing_is_told_without_the_key(aws: LocalAws, path: str) -> None:
    assert call(aws, "GET", path).status == 403


def test_each_start_has_another_key(aws: LocalAws) -> None:
    with Emulator() as other:
        theirs = other.variables()["AWS_SECRET_ACCESS_KEY"]

    assert theirs != aws.variables()["AWS_SECRET_ACCESS_KEY"]
    assert call(aws, "GET", FUNCTIONS, headers=signed(aws, "GET", FUNCTIONS, key=theirs)).status == 403


def test_a_browser_may_not_even_ask_what_it_may(aws: LocalAws) -> None:
    # Given the question that comes before a call with a signature
    asked = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}

    answer = call(aws, "OPTIONS", FUNCTIONS, headers=asked)

    assert answer.status == 403
    assert [name for name, _ in answer.getheaders() if name.lower().startswith("access-control")] == []


# ---- Those who have it ----


def test_who_has_the_key_is_served(aws: LocalAws) -> None:
    assert call(aws, "GET", FUNCTIONS, headers=signed(aws, "GET", FUNCTIONS)).status == 200


def test_a_function_reaches_it_with_what_it_was_started_with(aws: LocalAws) -> None:
    functions = client(aws, "lambda")
    code = packaged("import boto3\ndef it(event, context):\n    return boto3.client('sqs').list_queues()")
    functions.create_function(
        FunctionName="ours", Runtime="python3.13", Role=ROLE, Handler="run.it", Code={"ZipFile": code}
    )

    answer = json.load(functions.invoke(FunctionName="ours")["Payload"])

    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 200


def test_objects_of_any_name_are_stored_and_read_also_by_a_signed_url(aws: LocalAws) -> None:
    options = {**client_options(aws.environment()), "config": Config(signature_version="s3v4")}
    s3 = session().client("s3", **options)  # type: ignore[call-overload]
    s3.create_bucket(Bucket="things")
    key = "a b/ü//../+&=?%41.txt"

    s3.put_object(Bucket="things", Key=key, Body=b"x" * 100_000)

    url = urlsplit(s3.generate_presigned_url("get_object", Params={"Bucket": "things", "Key": key}))
    assert s3.get_object(Bucket="things", Key=key)["Body"].read() == b"x" * 100_000
    assert call(aws, "GET", f"{url.path}?{url.query}").status == 200
    assert call(aws, "GET", f"{url.path}?{url.query}0").status == 403


# ---- The key ----


def test_the_key_is_for_its_owners_eyes_only(aws: LocalAws, tmp_path: Path) -> None:
    state.save(tmp_path, aws)

    file = tmp_path / state.FILE
    assert file.stat().st_mode & 0o777 == 0o600
    assert state.load(tmp_path) == aws
    assert aws.variables()["AWS_SECRET_ACCESS_KEY"] not in repr(aws)
