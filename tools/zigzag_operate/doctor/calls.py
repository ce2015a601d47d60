"""Calls that only read: each has an answer, or says which permission it needs."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from zigzag_operate.causes import cause
from zigzag_operate.doctor.facts import Unknown
from zigzag_operate.target import Target

FAILURES = (BotoCoreError, ClientError)

_DENIED = ("AccessDenied", "AuthorizationError", "UnauthorizedOperation", "NotAuthorized")
_GONE = ("NotFound", "NonExistent", "NoSuch", "DoesNotExist")

_ACTIONS = {
    "Invoke": "InvokeFunction",
    "GetPublicAccessBlock": "GetBucketPublicAccessBlock",
    "GetBucketLifecycleConfiguration": "GetLifecycleConfiguration",
}
"""The permissions whose names are not those of their calls
(https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html)."""


class Calls:
    """The calls of one look, each client made once.

    partition -- that of the stack's ARNs.
    """

    def __init__(self, target: Target, partition: str) -> None:
        self._target = target
        self.partition = partition
        self._clients: dict[str, Any] = {}

    def prepare(self, *services: str) -> None:
        """Makes the clients: boto3 makes them in one thread only."""
        for service in services:
            self._clients[service] = self._target.client(service)

    def ask(self, service: str, operation: str, **asked: Any) -> Any:
        """Returns the answer. Raises one of FAILURES, which `lacks` explains."""
        try:
            return getattr(self._clients[service], operation)(**asked)
        except ClientError as error:
            error.response["Error"]["Service"] = service  # type: ignore[typeddict-unknown-key]
            raise

    def or_unknown(self, service: str, operation: str, **asked: Any) -> Any:
        """Returns the answer, Unknown, or an empty one if it is not there."""
        try:
            return self.ask(service, operation, **asked)
        except FAILURES as error:
            return lacks(error) or {}


def lacks(error: BotoCoreError | ClientError) -> Unknown | None:
    """Returns what a call needed, or None if what it asked for is not there."""
    if not isinstance(error, ClientError):
        return Unknown(f"an answer: {cause(error)}")
    said: Any = error.response["Error"]
    code = str(said.get("Code"))
    if any(word in code for word in _GONE):
        return None
    if any(word in code for word in _DENIED):
        name = error.operation_name
        return Unknown(f"{said.get('Service')}:{_ACTIONS.get(name, name)}")
    return Unknown(f"an answer to {error.operation_name}: {cause(error)}")
