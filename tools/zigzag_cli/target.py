"""The stack that a command works on: that of --stack in an AWS account, or the local one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, cast

import boto3
from botocore.exceptions import BotoCoreError, ClientError, NoRegionError

from zigzag_cli.failure import Failure
from zigzag_local import clients, state
from zigzag_local.running import LocalAws
from zigzag_local.stack import CONFIG, name_of

PROJECT = Path(__file__).resolve().parents[2]


class Stack(NamedTuple):
    """A stack's outputs and parameters, by name."""

    outputs: dict[str, str]
    parameters: dict[str, str]


@dataclass(frozen=True, slots=True)
class Target:
    """A deployed stack: its name, and the session and options of its clients."""

    stack: str
    session: boto3.Session
    options: Mapping[str, Any]

    def client(self, service: str) -> Any:
        """Returns a boto3 client for `service`. Raises Failure, for example without a region."""
        try:
            return cast(Any, self.session).client(service, **self.options)
        except NoRegionError as error:
            raise Failure("no AWS region is set: name one with --region, or AWS_DEFAULT_REGION") from error
        except (BotoCoreError, ValueError) as error:
            raise Failure(f"AWS can't be called: {error}") from error

    def outputs(self) -> dict[str, str]:
        """Returns the stack's outputs, by name. Raises Failure."""
        return self.stack_as_it_is().outputs

    def stack_as_it_is(self) -> Stack:
        """Returns CloudFormation's outputs and parameters of the stack. Raises Failure."""
        try:
            stacks = self.client("cloudformation").describe_stacks(StackName=self.stack)
        except (BotoCoreError, ClientError) as error:
            raise Failure(
                f"no outputs of the stack {self.stack!r}: {error}. Deploy it (`sam build && sam deploy`), "
                "or name another with --stack, --profile, --region; `--local` is the one of `make up`."
            ) from error
        stack = stacks["Stacks"][0]
        return Stack(
            {one["OutputKey"]: one["OutputValue"] for one in stack.get("Outputs", [])},
            {one["ParameterKey"]: one["ParameterValue"] for one in stack.get("Parameters", [])},
        )


def running() -> LocalAws:
    """Returns the local AWS of `make up`. Raises Failure if there is none."""
    aws = state.load(PROJECT)
    if aws is None:
        raise Failure("no local AWS is running: start one with `make up`")
    return aws


def choose(
    *, stack: str | None, local: bool, profile: str | None, region: str | None, endpoint_url: str | None
) -> Target:
    """Returns the stack that the options name; without a name, samconfig.toml's.

    Raises Failure if there is no such profile or no local AWS, LocalAwsError if samconfig.toml names no
    stack.
    """
    if local:
        options = clients.client_options(running().environment())
        return Target(stack or name_of(PROJECT, CONFIG), clients.session(), dict(options))
    try:
        session = boto3.Session(profile_name=profile, region_name=region)
    except BotoCoreError as error:
        raise Failure(f"AWS can't be called: {error}") from error
    stack = stack or name_of(PROJECT, "default")
    return Target(stack, session, {"endpoint_url": endpoint_url} if endpoint_url else {})
