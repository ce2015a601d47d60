"""Finds the stack that a command works on: that of --stack in an AWS account, or the local one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import Annotated, Any, NamedTuple, cast, get_type_hints

import boto3
import typer
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from zigzag_cli.causes import cause
from zigzag_cli.failure import Failure
from zigzag_cli.within import bounded
from zigzag_local import clients, state
from zigzag_local.running import LocalAws
from zigzag_local.stack import CONFIG, name_of

PROJECT = Path(__file__).resolve().parents[2]

_SECONDS = 10
_PATIENCE = Config(connect_timeout=_SECONDS, read_timeout=_SECONDS, retries={"max_attempts": 2})
"""Seconds of one call. `within.py` limits the whole command."""

_PANEL = "Which stack"
_WHICH = {
    "stack": Annotated[
        str | None, typer.Option(help="The stack's name, if not samconfig.toml's.", rich_help_panel=_PANEL)
    ],
    "local": Annotated[bool, typer.Option("--local", help="The one of `make up`.", rich_help_panel=_PANEL)],
    "profile": Annotated[str | None, typer.Option(help="AWS profile.", rich_help_panel=_PANEL)],
    "region": Annotated[str | None, typer.Option(help="AWS region.", rich_help_panel=_PANEL)],
    "endpoint_url": Annotated[
        str | None,
        typer.Option(help="Another AWS, such as http://127.0.0.1:4566.", rich_help_panel=_PANEL),
    ],
}


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
            return cast(Any, self.session).client(service, **{"config": _PATIENCE, **self.options})
        except (BotoCoreError, ValueError) as error:
            raise Failure(cause(error)) from error

    def outputs(self) -> dict[str, str]:
        """Returns the stack's outputs, by name. Raises Failure."""
        return self.stack_as_it_is().outputs

    def stack_as_it_is(self) -> Stack:
        """Reads the stack from CloudFormation. Raises Failure if it does not exist, or has no queue."""
        try:
            found = self.client("cloudformation").describe_stacks(StackName=self.stack)["Stacks"][0]
        except ClientError as error:
            if "does not exist" in str(error):
                raise Failure(
                    f"there is no stack {self.stack!r} in {self.session.region_name}: deploy it (`sam build "
                    "&& sam deploy`), or name another with --stack, --profile or --region"
                ) from error
            raise Failure(cause(error)) from error
        except BotoCoreError as error:
            raise Failure(cause(error)) from error
        outputs = {one["OutputKey"]: one["OutputValue"] for one in found.get("Outputs", [])}
        if not {"QueueUrl", "DeadLetterQueueUrl"} <= outputs.keys():
            raise Failure(_no_queue(self.stack, found["StackStatus"]))
        parameters = {one["ParameterKey"]: one["ParameterValue"] for one in found.get("Parameters", [])}
        return Stack(outputs, parameters)


def _no_queue(stack: str, status: str) -> str:
    if status in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
        return (
            f"the stack {stack!r} is none of Zigzag's: it has no output QueueUrl. Name another with --stack"
        )
    return (
        f"the stack {stack!r} is {status}: wait for its deployment, or look at its events in "
        "CloudFormation and deploy it again"
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
        raise Failure(cause(error)) from error
    stack = stack or name_of(PROJECT, "default")
    return Target(stack, session, {"endpoint_url": endpoint_url} if endpoint_url else {})


def with_target(command: Callable[..., None]) -> Callable[..., None]:
    """Gives a command the options that name a stack, in place of its parameter `target`."""
    hints = get_type_hints(command, include_extras=True)
    own = [
        one.replace(annotation=hints[name], kind=Parameter.KEYWORD_ONLY)
        for name, one in signature(command).parameters.items()
        if name != "target"
    ]
    which = [
        Parameter(name, Parameter.KEYWORD_ONLY, default=False if name == "local" else None, annotation=hint)
        for name, hint in _WHICH.items()
    ]

    @wraps(command)
    def with_options(**given: Any) -> None:
        chosen = {name: given.pop(name) for name in _WHICH}
        with bounded():
            command(target=choose(**chosen), **given)

    shown = [*own, *which]
    with_options.__signature__ = Signature(shown)  # type: ignore[attr-defined]
    with_options.__annotations__ = {one.name: one.annotation for one in shown}
    return with_options
