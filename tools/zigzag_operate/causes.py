"""Says in one sentence why AWS can't be called, and what to do about it."""

from __future__ import annotations

from json import JSONDecodeError
from typing import Any

from botocore.exceptions import (
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ProfileNotFound,
    ReadTimeoutError,
    SSOTokenLoadError,
    TokenRetrievalError,
    UnauthorizedSSOTokenError,
)

SET_UP = "run `aws configure` or `aws sso login`, or name a profile with --profile"
NOT_HERE = "is the network there, and the region right?"

_EXPIRED = {"ExpiredToken", "ExpiredTokenException", "RequestExpired"}
_UNKNOWN = {
    "AuthFailure",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidSecurity",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
}
FORBIDDEN = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"}
"""Codes of a permission that is missing."""

_OTHER_TIME = ("Signature expired", "Signature not yet current", "difference between the request time")
"""Of the words with which a service refuses a call that was signed at another time than its own."""

_GONE = {"404", "NoSuchKey", "NotFound", "ResourceNotFoundException"}


OF_A_PROFILE = (EOFError, JSONDecodeError, LookupError, OSError, TypeError)
"""Errors that are none of boto3's own: of a profile's program that is gone or prints no JSON, of a prompt
without a terminal."""


def is_gone(error: Exception) -> bool:
    """Returns whether it says that there is no such object, schedule, log group or record."""
    return isinstance(error, ClientError) and error.response["Error"].get("Code") in _GONE


def cause(error: Exception) -> str:
    """Returns the sentence: the cause first, and then what a person can do, if anything helps."""
    match error:
        case NoCredentialsError() | PartialCredentialsError():
            return f"there are no AWS credentials: {SET_UP}"
        case ProfileNotFound():
            return f"{_text(error)}: name another with --profile"
        case UnauthorizedSSOTokenError() | SSOTokenLoadError() | TokenRetrievalError():
            return "the AWS credentials have expired: run `aws sso login`"
        case NoRegionError():
            return "no AWS region is set: name one with --region or AWS_DEFAULT_REGION, or use --local"
        case ConnectTimeoutError() | ReadTimeoutError():
            return f"no answer came from {_endpoint(error)}: {NOT_HERE}"
        case EndpointConnectionError():
            return f"there is no connection to {_endpoint(error)}: {NOT_HERE}"
        case ClientError():
            return _refused(error)
        case _ if isinstance(error, OF_A_PROFILE):
            said = f"the AWS credentials can't be read: {type(error).__name__}: {_text(error)}"
            return f"{said}. Look at the profile, or name another with --profile"
    return f"AWS can't be called: {_text(error)}"


def _refused(error: ClientError) -> str:
    said = error.response["Error"]
    code, message = str(said.get("Code")), str(said.get("Message"))
    if code in _EXPIRED:
        return "the AWS credentials have expired: run `aws sso login`, or set new ones"
    if any(words in message for words in _OTHER_TIME):
        return f"this machine's clock is wrong: set it, in WSL2 by `sudo hwclock -s`. AWS said: {message}"
    if code in _UNKNOWN:
        return f"AWS does not accept these credentials ({code}): {SET_UP}"
    if code in FORBIDDEN:
        return f"the AWS credentials do not allow {error.operation_name}: {message}"
    return f"{code}: {message}"


def _endpoint(error: Any) -> str:
    return str(error.kwargs.get("endpoint_url", "AWS"))


def _text(error: Exception) -> str:
    return str(error).rstrip(".")
