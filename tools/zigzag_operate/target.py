"""The stack that is operated: one in an AWS account, or the local one."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path
from time import time
from typing import Any, NamedTuple, cast
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from zigzag_local import clients, state
from zigzag_local.errors import LocalAwsError
from zigzag_local.stack import CONFIG, name_of, place_of
from zigzag_operate.causes import OF_A_PROFILE, cause
from zigzag_operate.errors import OperateError

PROJECT = Path(__file__).resolve().parents[2]

_SECONDS = 10
_PATIENCE = Config(connect_timeout=_SECONDS, read_timeout=_SECONDS, retries={"max_attempts": 2})
"""Seconds of one call."""

ONCE = _PATIENCE.merge(Config(retries={"total_max_attempts": 1}))
"""Makes each call once, also after a failure."""


class Stack(NamedTuple):
    """A stack's outputs and parameters, by name.

    id       -- its ARN, which has its region and its account.
    state    -- CloudFormation's word, such as UPDATE_COMPLETE.
    created  -- when it was made, and `at`, when it was read, both in epoch seconds by AWS's clock.
    deployed -- when its last deployment began.
    """

    outputs: dict[str, str]
    parameters: dict[str, str]
    id: str = ""
    state: str = ""
    created: float = 0.0
    at: float = 0.0
    deployed: float = 0.0

    def arn_of_function(self, name: str) -> str:
        _, partition, _, region, account, *_ = self.id.split(":")
        return f"arn:{partition}:lambda:{region}:{account}:function:{name}"


@dataclass(frozen=True, slots=True)
class Target:
    """A deployed stack: its name, and the session and options of its clients."""

    stack: str
    session: boto3.Session
    options: Mapping[str, Any]

    def client(self, service: str, patience: Config = _PATIENCE) -> Any:
        """Returns a boto3 client for `service`. Raises OperateError, for example without a region."""
        try:
            return cast(Any, self.session).client(service, **{"config": patience, **self.options})
        except (BotoCoreError, ValueError, *OF_A_PROFILE) as error:
            raise OperateError(cause(error)) from error

    def where(self) -> str:
        """Returns the stack, its region and account, and the endpoint if that is not Amazon's, as a person
        must know them who deletes something there. Raises OperateError."""
        region, account = self.stack_as_it_is().id.split(":")[3:5]
        endpoint = str(self.client("sqs").meta.endpoint_url)
        at = "" if _is_amazons(endpoint) else f", at {endpoint}"
        return f"{self.stack} in {region}, account {account}{at}"

    def outputs(self) -> dict[str, str]:
        """Returns the stack's outputs, by name. Raises OperateError."""
        return self.stack_as_it_is().outputs

    def stack_as_it_is(self) -> Stack:
        """Reads the stack from CloudFormation. Raises OperateError if it does not exist, or has no queue."""
        try:
            answer = self.client("cloudformation").describe_stacks(StackName=self.stack)
        except ClientError as error:
            if "does not exist" in str(error):
                raise OperateError(
                    f"there is no stack {self.stack!r} in {self.session.region_name}: deploy it (`sam build "
                    "&& sam deploy`), or name another with --stack, --profile or --region"
                ) from error
            raise OperateError(cause(error)) from error
        except (BotoCoreError, *OF_A_PROFILE) as error:
            raise OperateError(cause(error)) from error
        found = answer["Stacks"][0]
        outputs = {one["OutputKey"]: one["OutputValue"] for one in found.get("Outputs", [])}
        if not {"QueueUrl", "DeadLetterQueueUrl"} <= outputs.keys():
            raise OperateError(_no_queue(self.stack, found["StackStatus"]))
        parameters = {one["ParameterKey"]: one["ParameterValue"] for one in found.get("Parameters", [])}
        made = found["CreationTime"]
        times = made.timestamp(), date_of(answer), found.get("LastUpdatedTime", made).timestamp()
        return Stack(outputs, parameters, found["StackId"], found["StackStatus"], *times)


def date_of(answer: Mapping[str, Any]) -> float:
    """Returns AWS's time of an answer to the second, in epoch seconds; without its Date, this machine's."""
    try:
        return parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"]).timestamp()
    except (KeyError, TypeError, ValueError):
        return time()


def _is_amazons(endpoint: str) -> bool:
    return (urlsplit(endpoint).hostname or "").endswith((".amazonaws.com", ".amazonaws.com.cn"))


def _no_queue(stack: str, status: str) -> str:
    if status in ("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"):
        return (
            f"the stack {stack!r} is none of Zigzag's: it has no output QueueUrl. Name another with --stack"
        )
    if status in ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED"):  # AWS takes no second deployment to it
        return (
            f"the stack {stack!r} is {status}, its first deployment has failed: look at its events in "
            "CloudFormation, delete it (`sam delete`), and deploy it again"
        )
    return (
        f"the stack {stack!r} is {status}: wait for its deployment, or look at its events in "
        "CloudFormation and deploy it again"
    )


def find(
    stack: str | None = None,
    *,
    local: bool = False,
    profile: str | None = None,
    region: str | None = None,
    endpoint_url: str | None = None,
) -> Target:
    """Returns the stack of that name; without a name, samconfig.toml's. It is not called yet.

    local           -- the one of `make up`; the other options don't matter then.
    profile, region -- an AWS profile and a region, if not those of samconfig.toml or the environment.
    endpoint_url    -- another AWS, such as http://127.0.0.1:4566.

    Raises OperateError if there is no such profile, no local AWS, or no name in samconfig.toml.
    """
    try:
        if local:
            options = clients.client_options(state.running(PROJECT).environment())
            return Target(stack or name_of(PROJECT, CONFIG), clients.session(), dict(options))
        place = place_of_samconfig(endpoint_url=endpoint_url, profile=profile, region=region)
        session = boto3.Session(
            profile_name=profile or place.get("profile"), region_name=region or place.get("region")
        )
        name = stack or name_of(PROJECT, "default")
    except LocalAwsError as error:
        raise OperateError(str(error)) from error
    except BotoCoreError as error:
        raise OperateError(cause(error)) from error
    return Target(name, session, {"endpoint_url": endpoint_url} if endpoint_url else {})


def place_of_samconfig(
    *,
    local: bool = False,
    endpoint_url: str | None = None,
    profile: str | None = None,
    region: str | None = None,
) -> dict[str, str]:
    """Returns the profile and region to which `sam deploy` deploys by samconfig.toml, whatever the shell has.
    Another AWS than Amazon's has neither, and who gives both needs no samconfig.toml."""
    if local or endpoint_url or os.environ.get("AWS_ENDPOINT_URL") or (profile and region):
        return {}
    return place_of(PROJECT, "default")
