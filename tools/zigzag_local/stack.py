"""How does the project get onto the local AWS?

By the real `sam build` and `sam deploy --config-env local`, beside, never over, what the user
builds for AWS.
"""

import os
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from zigzag_local import machine
from zigzag_local.clients import client_options, session
from zigzag_local.errors import LocalAwsError, last_lines

CONFIG = "local"  # the part of samconfig.toml that is the local stack's
BUILD_DIR = Path(".aws-sam") / "local" / "build"  # in the project; what `make up` deploys
POLL_SECONDS = 0.5  # how often sam asks whether the stack is there; on AWS 5 s

_PROGRAMS = Path(sys.executable).parent  # of this environment: sam, and python3.13 for its builder


def local_parameters(project: Path) -> dict[str, str]:
    """The local stack's parameters: those of samconfig.toml, built for this machine.

    Raises:
        LocalAwsError: this machine cannot run it, or samconfig.toml cannot be read.
    """
    listed = _settings(project).get("parameter_overrides", [])
    named = dict(one.split("=", 1) for one in listed)
    return {**named, "Architecture": machine.lambda_architecture()}


def build(
    project: Path,
    environment: Mapping[str, str],
    build_dir: Path,
    log: Path | None = None,
) -> None:
    """Run `sam build` of the project into `build_dir`.

    Args:
        project: the folder of template.yaml and samconfig.toml.
        environment: LocalAws.environment().
        build_dir: for the built template and packages; sam's cache and notes go beside it, so it
            needs a parent of its own.
        log: the file that takes sam's output; None shows it.

    Raises:
        LocalAwsError: sam is missing or the build failed.
    """
    beside = build_dir.resolve().parent
    beside.mkdir(parents=True, exist_ok=True)
    to = ["--template-file", str(project.resolve() / "template.yaml")]
    to += ["--build-dir", str(build_dir.resolve()), "--cache-dir", str(beside / "cache")]
    # From there: sam keeps some of its cache in the current folder, whatever --cache-dir says.
    _sam("build", [*to, *_overrides(project)], project, beside, environment, log)


def deploy(
    project: Path,
    environment: Mapping[str, str],
    build_dir: Path,
    log: Path | None = None,
) -> None:
    """Run `sam deploy` of what build() made. Arguments as build()'s.

    Raises:
        LocalAwsError: sam is missing or the deployment failed.
    """
    what = ["--template-file", str(build_dir.resolve() / "template.yaml"), "--no-progressbar"]
    _sam("deploy", [*what, *_overrides(project)], project, project, environment, log)


def name_of(project: Path, config: str) -> str:
    """The stack's name in samconfig.toml's environment `config`: "default" or "local".

    Raises:
        LocalAwsError: samconfig.toml cannot be read, or names none.
    """
    name = _settings(project, config).get("stack_name")
    if not isinstance(name, str):
        raise LocalAwsError(f"samconfig.toml names no stack: add stack_name to [{config}.global.parameters].")
    return name


def outputs(project: Path, environment: Mapping[str, str]) -> dict[str, str]:
    """The deployed stack's outputs, by name.

    Raises:
        LocalAwsError: it is not deployed, or the local AWS does not answer.
    """
    cloudformation = session().client("cloudformation", **client_options(environment))
    try:
        stacks = cloudformation.describe_stacks(StackName=name_of(project, CONFIG))
    except (BotoCoreError, ClientError) as error:
        raise LocalAwsError(f"Nothing is deployed locally ({error}): run `make up`.") from error
    return {one["OutputKey"]: one["OutputValue"] for one in stacks["Stacks"][0].get("Outputs", [])}


def _settings(project: Path, config: str = CONFIG) -> dict[str, Any]:
    """What an environment of samconfig.toml says of its stack for every command."""
    file = project / "samconfig.toml"
    try:
        with file.open("rb") as opened:
            settings: dict[str, Any] = tomllib.load(opened)[config]["global"]["parameters"]
    except (OSError, tomllib.TOMLDecodeError, KeyError) as error:
        raise LocalAwsError(
            f"{file} has no readable part [{config}.global.parameters] ({error!r}): "
            "restore it from the project."
        ) from error
    return settings


def _overrides(project: Path) -> list[str]:
    pairs = (f"{name}={value}" for name, value in local_parameters(project).items())
    return ["--parameter-overrides", *pairs]


def _sam(
    verb: str,
    arguments: Sequence[str],
    project: Path,
    folder: Path,
    environment: Mapping[str, str],
    log: Path | None,
) -> None:
    sam = _PROGRAMS / "sam"
    if not sam.is_file():
        raise LocalAwsError(f"aws-sam-cli is not installed, {sam} is missing: run `make setup`.")
    # By name: sam looks for it beside the template, which for a deployment is the built one.
    config = ["--config-env", CONFIG, "--config-file", str(project.resolve() / "samconfig.toml")]
    with tempfile.TemporaryDirectory(prefix="zigzag-sam-") as scratch:  # sam leaves folders there
        command = [str(sam), verb, *config, *arguments]
        status, said = _run(command, folder, _sam_environment(environment, scratch), log)
    if status != 0:
        said = said or " (above)"
        raise LocalAwsError(f"`sam {verb}` ended with {status}: mend what it names. It said:{said}")


def _sam_environment(environment: Mapping[str, str], scratch: str) -> dict[str, str]:
    return {
        **environment,
        "TMPDIR": scratch,
        "PATH": os.pathsep.join((str(_PROGRAMS), environment.get("PATH", os.defpath))),
        "SAM_CLI_TELEMETRY": "0",
        "SAM_CLI_POLL_DELAY": str(POLL_SECONDS),
    }


def _run(
    command: Sequence[str], folder: Path, environment: Mapping[str, str], log: Path | None
) -> tuple[int, str]:
    """Run a command in a folder; return its status, and the last lines of the log if any."""
    if log is None:
        shown = subprocess.run(command, cwd=folder, env=environment, check=False)
        return shown.returncode, ""
    with log.open("wb") as out:
        logged = subprocess.run(
            command,
            cwd=folder,
            env=environment,
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    return logged.returncode, last_lines(log.read_text(errors="replace"))
