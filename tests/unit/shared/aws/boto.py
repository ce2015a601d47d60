"""What boto does with given environment variables: to compare with, and without sending anything."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import boto3
import botocore.session
import pytest
from botocore.awsrequest import AWSPreparedRequest
from botocore.config import Config
from botocore.loaders import Loader

ONCE = Config(retries={"total_max_attempts": 1, "mode": "standard"})
ITS_OWN = ("AWS_", "BOTO", "REQUESTS_CA_BUNDLE", "_X_AMZN_")

_LOADER = Loader()
"""It keeps what it reads: descriptions of services are large."""


class SentError(Exception):
    """In place of sending it."""

    def __init__(self, request: AWSPreparedRequest) -> None:
        super().__init__()
        self.request = request


class Boto:
    """boto3 in an environment that is nothing but the variables, and has no files of a person's."""

    def __init__(self, patch: pytest.MonkeyPatch, home: Path) -> None:
        self._patch = patch
        self._home = home

    def session(self, variables: dict[str, str]) -> boto3.Session:
        for name in os.environ:
            if name.startswith(ITS_OWN) or name.lower().endswith("_proxy"):
                self._patch.delenv(name)
        for name, value in {"HOME": str(self._home), **variables}.items():
            self._patch.setenv(name, value)
        session = botocore.session.Session()
        session.register_component("data_loader", _LOADER)
        return boto3.Session(botocore_session=session)


def client(session: boto3.Session, service: str) -> Any:
    return session.client(service, config=ONCE)  # type: ignore[call-overload]


def request(client: Any, operation: str, **parameters: Any) -> AWSPreparedRequest:
    """What that client would send; its headers are texts."""

    def stop(request: AWSPreparedRequest, **_: Any) -> None:
        raise SentError(request)

    client.meta.events.register_first("before-send", stop)
    with pytest.raises(SentError) as caught:
        getattr(client, operation)(**parameters)
    sent = caught.value.request
    for name, value in sent.headers.items():
        sent.headers[name] = value.decode() if isinstance(value, bytes) else value
    return sent
