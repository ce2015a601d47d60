"""`zigzag local`: a local AWS for development, and the demo. `make up`, `make down`, … call it."""

from __future__ import annotations

import json
import os
import shlex
import sys
from contextlib import suppress
from typing import Annotated

import typer
from rich.console import Console

from shared.queues import is_fifo
from zigzag_cli.outputs import exported
from zigzag_cli.plain import plain
from zigzag_local import docker_bridge, logs, sam_local, stack, state
from zigzag_local.emulator import LOOPBACK, Emulator
from zigzag_local.readable import readable
from zigzag_local.running import LocalAws
from zigzag_local.steps import deploy_in_steps, step
from zigzag_operate import OperateError, find, outputs
from zigzag_operate.target import PROJECT

AWS = PROJECT / ".venv" / "bin" / "aws"
SAM_LOCAL = PROJECT / ".zigzag-local" / "sam-local.json"

app = typer.Typer(help="A local AWS on this machine: no account, no Docker.", no_args_is_help=True)


@app.command()
def up(
    containers: Annotated[
        bool, typer.Option("--containers", help="Listen on Docker's bridge as well, for `sam local invoke`.")
    ] = False,
) -> None:
    """Starts a local AWS that stays, and deploys to it."""
    console = plain()
    bridge = _bridge() if containers else None
    aws = state.load(PROJECT)
    if aws is None:
        with step(console, "a local AWS"):
            aws = Emulator(host=bridge or LOOPBACK, outlive=True).start()
        state.save(PROJECT, aws)
    elif containers and not SAM_LOCAL.exists():
        raise OperateError("the local AWS that is running does not listen for containers: `make down` first")
    _deploy(aws)
    told = stack.outputs(PROJECT, aws.environment())
    if bridge is not None:
        parameters = sam_local.variables(aws, told, bridge)
        SAM_LOCAL.write_text(json.dumps({"Parameters": parameters}, indent=2) + "\n")
        console.print(f"For `sam local invoke`: --env-vars {SAM_LOCAL.relative_to(PROJECT)}", soft_wrap=True)
    console.print(f"\nThe local AWS runs at {aws.endpoint}. Try, then look at `make logs`:", soft_wrap=True)
    group = " --group first" if is_fifo(told["QueueUrl"]) else ""
    hello = f"""  ./zigzag send --local{group} hello '{{"name": "world"}}'"""
    console.print(hello, soft_wrap=True, highlight=False)
    console.print("For any SDK and `aws`, and with the stack's outputs as variables:")
    console.print("""  eval "$(./zigzag local variables)\"""", soft_wrap=True, highlight=False)
    console.print(f"  {told['SendCommand']}", soft_wrap=True, highlight=False)


@app.command()
def deploy() -> None:
    """Builds and deploys again, after a change."""
    _deploy(state.running(PROJECT))


@app.command()
def variables() -> None:
    """Prints what a shell needs, for any SDK and `aws` as well: eval "$(./zigzag local variables)"."""
    aws = state.running(PROJECT)
    environment = aws.environment()
    if others := [name for name in os.environ if name.startswith("AWS_") and name not in environment]:
        print("unset", *others)  # such as a profile of the account's
    print(exported({name: environment[name] for name in (*aws.variables(), "NO_PROXY", "no_proxy")}))
    # `aws` of version 1 has its own host for SQS in us-east-1, which AWS_ENDPOINT_URL does not change.
    print(f'aws() {{ {shlex.quote(str(AWS))} --endpoint-url="$AWS_ENDPOINT_URL" "$@"; }}')
    try:
        print(exported(outputs.variables(find(local=True).stack_as_it_is())))
    except OperateError as error:
        print(f"zigzag: there are no variables of the stack's outputs: {error}", file=sys.stderr)


@app.command("logs")
def follow_logs() -> None:
    """Follows what both functions log. An invocation's lines come when it ends."""
    aws = state.running(PROJECT)
    told = stack.outputs(PROJECT, aws.environment())
    groups = {"consumer": told["ConsumerLogGroupName"], "worker": told["WorkerLogGroupName"]}
    with suppress(KeyboardInterrupt):  # the usual end
        for line in logs.follow(aws.environment(), groups):
            if not line.text.startswith(logs.LAMBDAS_OWN):
                moment = line.time.astimezone().strftime("%H:%M:%S")
                print(f"{moment} {line.function:8} {readable(line.text)}", flush=True)


@app.command()
def down() -> None:
    """Ends the local AWS, and removes all its data."""
    aws = state.load(PROJECT)
    SAM_LOCAL.unlink(missing_ok=True)
    if aws is not None:
        aws.stop()
    state.clear(PROJECT)
    print("The local AWS is down." if aws is not None else "No local AWS was running.")


@app.command()
def demo() -> None:
    """Shows the whole queue at work, and counts the result of each message."""
    try:
        from zigzag_local.demo.run import run  # loaded here: it needs the example tasks
    except ImportError as error:
        raise OperateError(
            f"the demo sends to the example tasks, and one is gone: {error}; use `make up`"
        ) from error
    if not run(PROJECT, Console()):
        sys.exit(1)


def _deploy(aws: LocalAws) -> None:
    """Builds and deploys. Shows sam's output if that fails."""
    deploy_in_steps(PROJECT, aws.environment(), PROJECT / stack.BUILD_DIR, aws.directory / "sam.log", plain())


def _bridge() -> str:
    address = docker_bridge.address()
    if address is None:
        raise OperateError("there is no bridge of Docker's on this machine: start Docker's engine first")
    return address
