"""Builds the project and deploys it to the local AWS.

It uses the real `sam build` and `sam deploy --config-env local`, and never overwrites what the user builds
for AWS.
"""

import os
import shlex
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

CONFIG = "local"  # the local stack's part of samconfig.toml
BUILD_DIR = Path(".aws-sam") / "local" / "build"  # in the project; what `make up` deploys
POLL_SECONDS = 0.5  # between sam's questions whether the stack is ready; 5 s on AWS

_PROGRAMS = Path(sys.executable).parent  # this environment's programs: sam, and python3.13 for its builder


def local_parameters(project: Path) -> dict[str, str]:
    """Returns the local stack's parameters: those of samconfig.toml, built for this machine.

    Raises LocalAwsError if this machine can't run it, or samconfig.toml can't be read.
    """
    return {**parameters(project, CONFIG), "Architecture": machine.lambda_architecture()}


def parameters(project: Path, config: str) -> dict[str, str]:
    """Returns the parameters in samconfig.toml's environment `config`: "default" or "local".

    Raises LocalAwsError if samconfig.toml can't be read.
    """
    listed, part = [], ""
    for name, settings in _parts(project, config).items():
        if "parameter_overrides" in settings:
            listed, part = settings["parameter_overrides"], f"{config}.{name}"
    named: dict[str, str] = {}
    for text in listed if isinstance(listed, list) else [listed]:
        named |= pairs(text, part)
    return named


def pairs(text: object, part: str) -> dict[str, str]:
    """Returns the parameters of a text such as `Queue2=urgent:6 Schedule='rate(5 minutes)'`."""
    try:
        return dict(
            one.removeprefix("ParameterKey=").replace(",ParameterValue=", "=", 1).split("=", 1)
            for one in shlex.split(str(text))
        )
    except ValueError as error:
        raise LocalAwsError(
            f"samconfig.toml's parameter_overrides of [{part}.parameters] is wrong at {text!r}: "
            "write Name=value, with a space between two, and a value with spaces in quotes."
        ) from error


def build(
    project: Path,
    environment: Mapping[str, str],
    build_dir: Path,
    log: Path | None = None,
    *,
    config: str = CONFIG,
    overrides: Mapping[str, str] | None = None,
) -> None:
    """Runs `sam build` of the project into `build_dir`.

    project     -- the folder of template.yaml and samconfig.toml.
    environment -- that of LocalAws.environment(), or any.
    build_dir   -- the folder for the built template and packages. sam's cache and notes go next to it, so it
                   needs a parent of its own.
    log         -- the file for sam's output; None shows it.
    config      -- samconfig.toml's environment.
    overrides   -- parameters in place of those there; None = the local stack's.

    Raises LocalAwsError if sam is missing or the build fails.
    """
    beside = build_dir.resolve().parent
    beside.mkdir(parents=True, exist_ok=True)
    to = ["--template-file", str(project.resolve() / "template.yaml")]
    to += ["--build-dir", str(build_dir.resolve()), "--cache-dir", str(beside / "cache")]
    # Run in that folder: sam keeps some of its cache in the current one, even with --cache-dir.
    named = local_parameters(project) if overrides is None else overrides
    _sam("build", [*_config(project, config), *to, *_overrides(named)], beside, environment, log)


def deploy(
    project: Path,
    environment: Mapping[str, str],
    build_dir: Path,
    log: Path | None = None,
) -> None:
    """Runs `sam deploy` of the folder that build() filled. The parameters are those of build().

    Raises LocalAwsError if sam is missing or the deployment fails.
    """
    what = ["--template-file", str(build_dir.resolve() / "template.yaml"), "--no-progressbar"]
    options = [*_config(project, CONFIG), *what, *_overrides(local_parameters(project))]
    _sam("deploy", options, project, environment, log)


def name_of(project: Path, config: str) -> str:
    """Returns the stack's name in samconfig.toml's environment `config`: "default" or "local".

    Raises LocalAwsError if samconfig.toml can't be read, or names none.
    """
    name = _settings(project, config).get("stack_name")
    if not isinstance(name, str):
        raise LocalAwsError(f"samconfig.toml names no stack: add stack_name to [{config}.global.parameters].")
    return name


def place_of(project: Path, config: str) -> dict[str, str]:
    """Returns the profile and the region in samconfig.toml's environment `config`, as far as they are there.

    Raises LocalAwsError if samconfig.toml can't be read.
    """
    there = (project / "samconfig.toml").exists() and config in _read(project)
    settings = _settings(project, config) if there else {}
    return {name: str(settings[name]) for name in ("profile", "region") if settings.get(name)}


def outputs(project: Path, environment: Mapping[str, str]) -> dict[str, str]:
    """Returns the deployed stack's outputs, by name.

    Raises LocalAwsError if it is not deployed, or the local AWS does not answer.
    """
    cloudformation = session().client("cloudformation", **client_options(environment))
    try:
        stacks = cloudformation.describe_stacks(StackName=name_of(project, CONFIG))
    except (BotoCoreError, ClientError) as error:
        raise LocalAwsError(f"Nothing is deployed locally ({error}): run `make up`.") from error
    return {one["OutputKey"]: one["OutputValue"] for one in stacks["Stacks"][0].get("Outputs", [])}


def _settings(project: Path, config: str) -> dict[str, Any]:
    """Returns what `sam deploy` takes from an environment in samconfig.toml."""
    return {name: value for part in _parts(project, config).values() for name, value in part.items()}


def _parts(project: Path, config: str) -> dict[str, dict[str, Any]]:
    """Returns the parameters for every command, and those of deploy, where `sam deploy --guided` writes what
    it was told. One of the two may be missing; the second wins."""
    try:
        parts = _read(project)[config]
        there = [part for part in ("global", "deploy") if "parameters" in parts.get(part, {})]
        found = {part: {**parts[part]["parameters"]} for part in there}
    except (AttributeError, KeyError, TypeError):
        found = {}
    if not found:
        raise LocalAwsError(
            f"samconfig.toml lacks the part [{config}.global.parameters]: write it into "
            f"{project / 'samconfig.toml'}."
        )
    return found


def _read(project: Path) -> dict[str, Any]:
    file = project / "samconfig.toml"
    try:
        with file.open("rb") as opened:
            return tomllib.load(opened)
    except (OSError, ValueError) as error:  # of tomllib, or no UTF-8
        twice = ": a key is there twice, such as parameter_overrides" if "overwrite" in str(error) else ""
        raise LocalAwsError(f"samconfig.toml can't be read: {error}{twice}. Correct {file}.") from error


def _config(project: Path, config: str) -> list[str]:
    """Returns the options. The file is named: sam looks for it next to the template, which may be the built
    one."""
    return ["--config-env", config, "--config-file", str(project.resolve() / "samconfig.toml")]


def _overrides(parameters: Mapping[str, str]) -> list[str]:
    """Returns the option, with quotes: without them, sam ends a value at its first space."""
    named = {name: value.replace('"', '\\"') for name, value in parameters.items()}
    return ["--parameter-overrides", *(f'{name}="{value}"' for name, value in named.items())] if named else []


def _sam(
    verb: str,
    arguments: Sequence[str],
    folder: Path,
    environment: Mapping[str, str],
    log: Path | None,
) -> None:
    sam = _PROGRAMS / "sam"
    if not sam.is_file():
        raise LocalAwsError(f"aws-sam-cli is not installed, {sam} is missing: run `make setup`.")
    with tempfile.TemporaryDirectory(prefix="zigzag-sam-") as scratch:  # sam leaves folders in TMPDIR
        command = [str(sam), verb, *arguments]
        status, said = _run(command, folder, _sam_environment(environment, scratch), log)
    if status != 0:
        said = said or " (above)"
        raise LocalAwsError(f"`sam {verb}` ended with {status}: correct what it names. It said:{said}")


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
    """Runs a command in a folder. Returns its status, and the last lines of the log, if there is one."""
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
