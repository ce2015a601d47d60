"""Addresses and credentials are those that boto takes from the same variables, or there is a refusal."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import botocore.session
import pytest
from botocore.auth import _host_from_url  # type: ignore[attr-defined]
from botocore.awsrequest import AWSPreparedRequest
from botocore.config import Config
from botocore.endpoint_provider import EndpointProvider
from botocore.loaders import Loader

from shared.aws.lean.endpoint import SERVICES, AwsEnvironment, Endpoint, NeedsBotoError, aws_environment
from shared.aws.transport import Service

KEYS = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI"}
REGION = {"AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "eu-west-1"}
LAMBDA = {**KEYS, **REGION, "AWS_SESSION_TOKEN": "IQoJb3J"}
"""The variables of a function on Lambda."""

type Sessions = Callable[[dict[str, str]], boto3.Session]

CALLS: dict[Service, tuple[str, str, dict[str, Any]]] = {
    "sqs": ("receive_message", "/", {"QueueUrl": "https://sqs.test/1/tasks"}),
    "lambda": ("invoke", "/2015-03-31/functions/worker/invocations", {"FunctionName": "worker"}),
    "dynamodb": ("get_item", "/", {"TableName": "records", "Key": {"key": {"S": "1"}}}),
}
"""A call to each service, and the path of its own that it asks for."""

_LOADER = Loader()
"""It keeps what it reads: descriptions of services are large."""

_PARTITIONS = _LOADER.load_data("partitions")


def regions_of(partition: str) -> list[str]:
    [found] = [each for each in _PARTITIONS["partitions"] if each["id"] == partition]
    return [region for region in found["regions"] if not region.endswith("-global")]


OURS = [region for name in ("aws", "aws-cn", "aws-us-gov") for region in regions_of(name)]
OTHERS = [region for each in _PARTITIONS["partitions"] for region in each["regions"] if region not in OURS]


@pytest.fixture(scope="module")
def rules() -> dict[str, EndpointProvider]:
    """Reads botocore's own rules for the addresses of services."""
    return {
        service: EndpointProvider(_LOADER.load_service_model(service, "endpoint-rule-set-1"), _PARTITIONS)
        for service in SERVICES
    }


def url(endpoint: Endpoint) -> str:
    return f"{'https' if endpoint.secure else 'http'}://{endpoint.host_header}"


def test_in_every_region_a_service_is_where_botocores_rules_say(rules: dict[str, EndpointProvider]) -> None:
    for region in OURS:
        found = aws_environment({**KEYS, "AWS_DEFAULT_REGION": region})
        for service in SERVICES:
            resolved = rules[service].resolve_endpoint(Region=region, UseFIPS=False, UseDualStack=False)
            assert url(found.endpoint(service)) == resolved.url


ACCOUNT = {"AWS_ACCOUNT_ID": "123456789012"}
AT = "http://127.0.0.1:4566"
NOTHING = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}

SERVED = {
    "Lambda's own variables": {},
    "the token by its older name": {"AWS_SECURITY_TOKEN": "older"},
    "the general region differs": {"AWS_REGION": "us-east-2"},
    "an endpoint for each": {
        "AWS_ENDPOINT_URL": AT,
        "AWS_ENDPOINT_URL_SQS": "https://sqs.example:8443",
        "AWS_ENDPOINT_URL_LAMBDA": "https://lambda.example/",
        "AWS_ENDPOINT_URL_DYNAMODB": "http://dynamodb.example:80",
    },
    "an empty endpoint before another": {"AWS_ENDPOINT_URL_SQS": "", "AWS_ENDPOINT_URL": "http://a.example"},
    "the other's port": {"AWS_ENDPOINT_URL": "http://b.example:443"},
    "capitals": {"AWS_ENDPOINT_URL": "HTTPS://A.Example:443/Base"},
    "a path": {"AWS_ENDPOINT_URL": "https://gateway.example/base/two"},
    "endpoints that are ignored": {
        "AWS_ENDPOINT_URL": AT,
        "AWS_ENDPOINT_URL_SQS": AT,
        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "TRUE",
    },
    "not ignored": {"AWS_ENDPOINT_URL": AT, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "1"},
    "a bundle of requests": {"REQUESTS_CA_BUNDLE": "/requests.pem"},
    "both bundles": {"AWS_CA_BUNDLE": "/bundle.pem", "REQUESTS_CA_BUNDLE": "/requests.pem"},
    "FIPS that is off": {"AWS_USE_FIPS_ENDPOINT": "false"},
    "dual stack that is off": {"AWS_USE_DUALSTACK_ENDPOINT": "1"},
    "discovery if need be": {"AWS_ENDPOINT_DISCOVERY_ENABLED": "auto"},
    "an account": ACCOUNT,
    "one that is not to be used": {**ACCOUNT, "AWS_ACCOUNT_ID_ENDPOINT_MODE": "Disabled"},
    "an account, and an endpoint": {**ACCOUNT, "AWS_ENDPOINT_URL": AT},
    "other sources of credentials": {
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1:1/",
        "AWS_WEB_IDENTITY_TOKEN_FILE": "/token",
        "AWS_CREDENTIAL_FILE": "/credentials",
    },
    "files that hold nothing": NOTHING,
    "proxies that botocore does not use": {"ALL_PROXY": "http://proxy.example:1", "https_proxy": ""},
    "another way to sign": {"AWS_AUTH_SCHEME_PREFERENCE": "sigv4a,httpBearerAuth"},
}


ITS_OWN = ("AWS_", "BOTO", "REQUESTS_CA_BUNDLE", "_X_AMZN_")
ONCE = Config(retries={"total_max_attempts": 1, "mode": "standard"})


class SentError(Exception):
    """In place of sending it."""

    def __init__(self, request: AWSPreparedRequest) -> None:
        super().__init__()
        self.request = request


@pytest.fixture
def boto(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Sessions:
    """Makes boto3 sessions in an environment of nothing but the variables, with no files of a person."""

    def session(variables: dict[str, str]) -> boto3.Session:
        for name in os.environ:
            if name.startswith(ITS_OWN) or name.lower().endswith("_proxy"):
                monkeypatch.delenv(name)
        for name, value in {"HOME": str(tmp_path), **variables}.items():
            monkeypatch.setenv(name, value)
        session = botocore.session.Session()
        session.register_component("data_loader", _LOADER)
        return boto3.Session(botocore_session=session)

    return session


def as_boto_does(session: boto3.Session, service: Service) -> tuple[Any, ...]:
    """Returns boto's address, credentials and region of a call, its trusted authorities and its proxy."""

    def stop(request: AWSPreparedRequest, **_: Any) -> None:
        raise SentError(request)

    client: Any = session.client(service, config=ONCE)
    client.meta.events.register_first("before-send", stop)
    operation, _, parameters = CALLS[service]
    with pytest.raises(SentError) as caught:
        getattr(client, operation)(**parameters)
    sent = caught.value.request
    to = urlsplit(sent.url)
    port = to.port or {"https": 443, "http": 80}[to.scheme]
    signed, token = (text_of(sent.headers.get(name)) for name in ("Authorization", "X-Amz-Security-Token"))
    [(who, region)] = re.findall(rf"Credential=([^/]+)/\d+/([^/]+)/{service}/", str(signed))
    http = client._endpoint.http_session  # the only place with its authorities and its proxy
    through = http._proxy_config.proxy_url_for(sent.url)
    where = (to.scheme, to.hostname, port, _host_from_url(sent.url), to.path)
    return *where, who, token, region, http._verify, through


def text_of(value: Any) -> str | None:
    return value.decode() if isinstance(value, bytes) else value


def as_we_do(found: AwsEnvironment, service: Service) -> tuple[Any, ...]:
    who, to = found.credentials, found.endpoint(service)
    scheme = "https" if to.secure else "http"
    where = (scheme, to.host, to.port, to.host_header, to.target(CALLS[service][1]))
    return *where, who.access_key_id, who.session_token, found.region, found.ca_bundle or True, None


@pytest.mark.parametrize("variables", SERVED.values(), ids=SERVED)
def test_the_variables_mean_what_they_mean_to_boto(boto: Sessions, variables: dict[str, str]) -> None:
    variables = LAMBDA | variables
    session = boto(variables)

    found = aws_environment(variables)

    for service in SERVICES:
        assert as_we_do(found, service) == as_boto_does(session, service)


def test_the_secret_is_taken_too() -> None:
    assert aws_environment(LAMBDA).credentials.secret_access_key == KEYS["AWS_SECRET_ACCESS_KEY"]


PROXY = "http://proxy.example:3128"

ONLY_BOTO = {
    "a profile": {"AWS_PROFILE": "work", "AWS_CONFIG_FILE": "{file}"},
    "a profile, by its older name": {"AWS_DEFAULT_PROFILE": "work", "AWS_CONFIG_FILE": "{file}"},
    "a file": {"AWS_CONFIG_FILE": "{file}"},
    "a file of credentials": {"AWS_SHARED_CREDENTIALS_FILE": "{file}"},
    "FIPS": {"AWS_USE_FIPS_ENDPOINT": "True"},
    "dual stack": {"AWS_USE_DUALSTACK_ENDPOINT": "true"},
    "a proxy": {"HTTPS_PROXY": PROXY},
    "a proxy in small letters": {"https_proxy": PROXY},
}
FILE = """
[default]
endpoint_url = http://from-a-file.example
[profile work]
endpoint_url = http://from-a-profile.example
"""


@pytest.mark.parametrize("variables", ONLY_BOTO.values(), ids=ONLY_BOTO)
def test_a_variable_that_only_boto_obeys_is_left_to_it(
    boto: Sessions, tmp_path: Path, variables: dict[str, str]
) -> None:
    file = tmp_path / "file"
    file.write_text(FILE)
    asked = {name: value.format(file=file) for name, value in variables.items()}
    [named, *_] = variables

    assert as_boto_does(boto(LAMBDA | asked), "sqs") != as_we_do(aws_environment(LAMBDA), "sqs")
    with pytest.raises(NeedsBotoError, match=f"^{named} is (set|true): only boto"):
        aws_environment(LAMBDA | asked)


REFUSED = {
    "no key": {"AWS_ACCESS_KEY_ID": ""},
    "a key that would end a header": {"AWS_ACCESS_KEY_ID": "AKID\r\nx: y"},
    "a token that would end a header": {"AWS_SESSION_TOKEN": "token\n"},
    "an older token that no header can have": {"AWS_SECURITY_TOKEN": "tök"},
    "keys that change": {"AWS_CREDENTIAL_EXPIRATION": "2030-01-01T00:00:00Z"},
    "another description of the services": {"AWS_DATA_PATH": "/models"},
    "a proxy for http": {"http_proxy": PROXY},
    "discovery": {"AWS_ENDPOINT_DISCOVERY_ENABLED": "true"},
    "only endpoints of accounts": {"AWS_ACCOUNT_ID_ENDPOINT_MODE": "required"},
    "an account that is none": {"AWS_ACCOUNT_ID": "a/b"},
    "no region": {"AWS_DEFAULT_REGION": "", "AWS_REGION": ""},
    "a region that would lead elsewhere": {"AWS_DEFAULT_REGION": "us-east.example/-1"},
}


@pytest.mark.parametrize("variables", REFUSED.values(), ids=REFUSED)
def test_a_refusal_names_the_variable_and_shows_no_value(variables: dict[str, str]) -> None:
    [named, *_] = variables

    with pytest.raises(NeedsBotoError, match=f"^{named} ") as caught:
        aws_environment(LAMBDA | variables)

    for value in (LAMBDA | variables).values():
        assert not value or value in ("true", "required") or value not in str(caught.value)


def test_a_region_whose_names_are_not_known_is_left_to_boto() -> None:
    odd = ["fips-us-east-1", "us-east-1-fips", "local", "eu-central", "us-east-one", "us-East-1"]
    for region in [*OTHERS, *odd]:
        with pytest.raises(NeedsBotoError, match="AWS_DEFAULT_REGION"):
            aws_environment(LAMBDA | {"AWS_DEFAULT_REGION": region})


def test_lambdas_own_variable_names_the_region_if_no_other_does() -> None:
    assert aws_environment({**KEYS, "AWS_REGION": "eu-west-1"}).region == "eu-west-1"


def test_an_empty_bundle_is_the_usual_one() -> None:
    """boto refuses to work, or checked nothing at all in older versions."""
    assert aws_environment(LAMBDA | {"AWS_CA_BUNDLE": "", "REQUESTS_CA_BUNDLE": ""}).ca_bundle is None


NO_PLAIN_URLS = {
    "no scheme": "sqs.example:443",
    "another scheme": "ftp://sqs.example:443",
    "half a scheme": "https:/sqs.example",
    "no host": "https://:443",
    "an empty label": "https://sqs..example",
    "a dash at its edge": "https://-sqs.example",
    "an underscore": "https://sqs_1.example",
    "a point at its end": "https://sqs.example.",
    "IPv6": "https://[::1]:4566",
    "no ASCII": "https://sqs.exämple",
    "a user": "https://me:secret@sqs.example",
    "a query": "https://sqs.example/?a=b",
    "a fragment": "https://sqs.example#a",
    "an empty port": "https://sqs.example:",
    "a port of words": "https://sqs.example:x",
    "port 0": "https://sqs.example:0",
    "a port too high": "https://sqs.example:65536",
    "a port without end": f"https://a:{'9' * 5000}",
    "a digit that is none": "https://sqs.example:²",
    "a space": "https://sqs.example/a b",
    "a line's end": "https://sqs.example\n",
    "a space before it": " https://sqs.example",
    "an escape": "https://sqs.example/%2F",
    "a path of dots": "https://sqs.example/..",
}


@pytest.mark.parametrize("url", NO_PLAIN_URLS.values(), ids=NO_PLAIN_URLS)
def test_a_url_that_is_more_than_a_host_a_port_and_a_path_is_left_to_boto(url: str) -> None:
    with pytest.raises(NeedsBotoError, match=r"^AWS_ENDPOINT_URL_SQS is no plain URL") as caught:
        aws_environment(LAMBDA | {"AWS_ENDPOINT_URL_SQS": url})

    assert "secret" not in str(caught.value)


def test_the_environment_shows_no_secret() -> None:
    shown = repr(aws_environment(LAMBDA))

    assert KEYS["AWS_SECRET_ACCESS_KEY"] not in shown
    assert LAMBDA["AWS_SESSION_TOKEN"] not in shown
