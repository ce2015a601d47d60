"""Reads the endpoints of AWS's services and our credentials from the environment's variables.

The variables mean the same as to botocore. A setting that only boto supports is refused, with the reason.
Only variables are read: on Lambda there is no `~/.aws`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from shared.aws.lean.signature import Credentials

if TYPE_CHECKING:
    from shared.aws.transport import Service

SERVICES: tuple[Service, ...] = ("sqs", "lambda", "dynamodb")

_SUFFIXES = {
    **dict.fromkeys(("af", "ap", "ca", "eu", "il", "me", "mx", "sa", "us"), "amazonaws.com"),
    "us-gov": "amazonaws.com",
    "cn": "amazonaws.com.cn",
}
"""The beginning of a region's name to the end of its endpoints' names
(https://docs.aws.amazon.com/general/latest/gr/rande.html)."""

_FILES = (
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_CONFIG_FILE",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_DATA_PATH",
)
"""Variables that name files. The environment's credentials come first, but an endpoint or a CA bundle may be
in a file."""

_SWITCHES = ("AWS_USE_FIPS_ENDPOINT", "AWS_USE_DUALSTACK_ENDPOINT", "AWS_ENDPOINT_DISCOVERY_ENABLED")
_PROXIES = ("http_proxy", "https_proxy")

_PLAIN = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
"""The characters that a URL's path may have between its slashes."""


class NeedsBotoError(Exception):
    """The lean transport does not support this. The text says why, and shows no value."""


class Endpoint(NamedTuple):
    """The address of a service. All its paths begin with `path`, which only a given URL can have."""

    secure: bool
    host: str
    port: int
    path: str = ""

    @property
    def host_header(self) -> str:
        default = 443 if self.secure else 80
        return self.host if self.port == default else f"{self.host}:{self.port}"

    def target(self, path: str) -> str:
        """Returns the request's target for the service's own `path`, joined as botocore does it."""
        return self.path + path if path != "/" else self.path or "/"


class AwsEnvironment(NamedTuple):
    """The environment of calls to AWS.

    ca_bundle -- the path of a file, or None for the machine's.
    """

    credentials: Credentials
    region: str
    ca_bundle: str | None
    endpoints: Mapping[Service, Endpoint]

    def endpoint(self, service: Service) -> Endpoint:
        return self.endpoints[service]


def aws_environment(environ: Mapping[str, str]) -> AwsEnvironment:
    """Returns the environment that the variables describe. They are set by Lambda itself
    (https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html), or are those of all SDKs
    (https://docs.aws.amazon.com/sdkref/latest/guide/environment-variables.html). Raises NeedsBotoError.

    An empty variable counts as not set.
    """
    _refuse_what_only_boto_serves(environ)
    # The first is botocore's. Lambda sets both to the same value.
    region = environ.get("AWS_DEFAULT_REGION") or environ.get("AWS_REGION") or ""
    return AwsEnvironment(
        _credentials(environ),
        region,
        # An empty one means the machine's too: there is no call without a check.
        environ.get("AWS_CA_BUNDLE") or environ.get("REQUESTS_CA_BUNDLE") or None,
        {service: _endpoint(service, region, environ) for service in SERVICES},
    )


def _refuse_what_only_boto_serves(environ: Mapping[str, str]) -> None:
    for name in _FILES:
        if environ.get(name, os.devnull) not in ("", os.devnull):
            raise NeedsBotoError(f"{name} is set: only boto reads files")
    for name in _SWITCHES:
        if _is_true(environ, name):
            raise NeedsBotoError(f"{name} is true: only boto knows those endpoints")
    for name, value in environ.items():
        if name.lower() in _PROXIES and value:
            raise NeedsBotoError(f"{name} is set: only boto goes through a proxy")
    if environ.get("AWS_CREDENTIAL_EXPIRATION"):
        raise NeedsBotoError("AWS_CREDENTIAL_EXPIRATION is set: only boto takes new credentials later")


def _credentials(environ: Mapping[str, str]) -> Credentials:
    """Reads the credentials in botocore's order: an older name of the token comes before the usual one."""
    found = {}
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SECURITY_TOKEN", "AWS_SESSION_TOKEN"):
        found[name] = value = environ.get(name, "")
        if not value and not name.endswith("_TOKEN"):
            raise NeedsBotoError(f"{name} is not set: only boto looks for credentials elsewhere")
        if not (value.isascii() and value.isprintable()) or " " in value:
            raise NeedsBotoError(f"{name} has a character that no header can have")
    key, secret, *tokens = found.values()
    return Credentials(key, secret, next(filter(None, tokens), None))


def _suffix(region: str) -> str:
    """Returns the end of the names of a region's endpoints."""
    beginning, _, place = region.rpartition("-")[0].rpartition("-")
    number = region.rpartition("-")[2]
    if (
        beginning in _SUFFIXES
        and region.isascii()
        and region.islower()
        and place.isalpha()
        and number.isdecimal()
    ):
        return _SUFFIXES[beginning]
    raise NeedsBotoError("AWS_DEFAULT_REGION is not set, or not to a region whose endpoints' names we know")


def _account(environ: Mapping[str, str]) -> str:
    """Returns the account for the name of DynamoDB's endpoint, or "" if it has none
    (https://docs.aws.amazon.com/sdkref/latest/guide/feature-account-endpoints.html)."""
    mode = environ.get("AWS_ACCOUNT_ID_ENDPOINT_MODE", "").lower() or "preferred"
    account = environ.get("AWS_ACCOUNT_ID", "")
    if mode not in ("preferred", "disabled"):
        raise NeedsBotoError("AWS_ACCOUNT_ID_ENDPOINT_MODE is neither `preferred` nor `disabled`")
    if account and not (account.isascii() and account.isdecimal()):
        raise NeedsBotoError("AWS_ACCOUNT_ID is no number")
    return account if mode == "preferred" else ""


def _endpoint(service: Service, region: str, environ: Mapping[str, str]) -> Endpoint:
    """Returns the endpoint by the service's variable, the general one, or the region
    (https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html)."""
    suffix = _suffix(region)
    account = _account(environ)
    if not _is_true(environ, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"):
        for name in (f"AWS_ENDPOINT_URL_{service.upper()}", "AWS_ENDPOINT_URL"):
            if url := environ.get(name):
                return _read(name, url)
    prefix = f"{account}.ddb" if account and service == "dynamodb" else service
    return Endpoint(secure=True, host=f"{prefix}.{region}.{suffix}", port=443)


def _read(name: str, url: str) -> Endpoint:
    """Returns the endpoint of a variable's URL. A query, a user, IPv6 and escapes are left to boto."""
    scheme, _, rest = url.partition("://")
    authority, slash, path = rest.partition("/")
    host, colon, port = authority.lower().partition(":")
    usual = {"https": "443", "http": "80"}.get(scheme.lower(), "")
    port = port if colon else usual
    labels = host.split(".")
    good = (
        url.isascii()
        and all(label.replace("-", "a").isalnum() and label.strip("-") == label for label in labels)
        and port.isdecimal()
        and len(port) < 6
        and 0 < int(port) < 65536
        and all(part.strip(".") and _PLAIN.issuperset(part) for part in path.split("/") if path)
    )
    if not usual or not good:
        raise NeedsBotoError(f"{name} is no plain URL: http or https, a host, perhaps a port and a path")
    return Endpoint(secure=usual == "443", host=host, port=int(port), path=slash + path if path else "")


def _is_true(environ: Mapping[str, str], name: str) -> bool:
    return environ.get(name, "").lower() == "true"
