"""`./zigzag` where something is wrong: the cause in a sentence, in any terminal, within thirty seconds."""

from __future__ import annotations

import io
import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    NoRegionError,
    ProfileNotFound,
    UnauthorizedSSOTokenError,
)
from tests.project.docs.pages import ROOT

from tasks import TASKS
from zigzag_cli import options
from zigzag_cli.version import version
from zigzag_cli.within import TooLongError, bounded
from zigzag_operate.causes import cause

ACCOUNT = "123456789012"
"""moto's."""

NO_QUEUE = {"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}}


def refused(code: str, message: str = "no") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "DescribeStacks")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (NoCredentialsError(), "there are no AWS credentials: run `aws configure`"),
        (refused("ExpiredToken"), "have expired: run `aws sso login`"),
        (UnauthorizedSSOTokenError(), "have expired: run `aws sso login`"),
        (refused("InvalidClientTokenId"), "AWS does not accept these credentials (InvalidClientTokenId)"),
        (
            refused("SignatureDoesNotMatch", "Signature expired: 20261130T080000Z is now earlier than …"),
            "this machine's clock is wrong: set it",
        ),
        (refused("AccessDenied", "not you"), "do not allow DescribeStacks: not you"),
        (EndpointConnectionError(endpoint_url="https://x.test"), "there is no connection to https://x.test"),
        (ConnectTimeoutError(endpoint_url="https://x.test"), "no answer came from https://x.test"),
        (NoRegionError(), "--local"),
        (ProfileNotFound(profile="me"), "(me) could not be found: name another with --profile"),
        (refused("Throttling", "slowly"), "Throttling: slowly"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_each_cause_has_a_sentence_of_its_own(error: BotoCoreError | ClientError, words: str) -> None:
    assert words in cause(error)


def test_a_stack_that_is_not_there_is_named_with_its_region(zigzag: Any, account: None) -> None:
    code, out, err = zigzag("status", "--stack", "other")

    assert (code, out) == (1, "")
    assert "there is no stack 'other' in eu-west-1: deploy it" in err


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("CREATE_COMPLETE", "the stack 'zigzag' is none of Zigzag's"),
        ("UPDATE_ROLLBACK_COMPLETE", "the stack 'zigzag' is none of Zigzag's"),
        ("CREATE_IN_PROGRESS", "the stack 'zigzag' is CREATE_IN_PROGRESS: wait for its deployment"),
        ("ROLLBACK_COMPLETE", "delete it (`sam delete`), and deploy it again"),
    ],
)
def test_a_stack_of_something_else_is_told_from_half_a_stack(
    zigzag: Any, account: None, monkeypatch: pytest.MonkeyPatch, status: str, words: str
) -> None:
    boto3.client("cloudformation").create_stack(StackName="zigzag", TemplateBody=json.dumps(NO_QUEUE))
    from moto.cloudformation.models import cloudformation_backends  # slow to load

    stack = next(iter(cloudformation_backends[ACCOUNT]["eu-west-1"].stacks.values()))
    monkeypatch.setattr(stack, "status", status)

    code, _, err = zigzag("status", "--stack", "zigzag")

    assert code == 1
    assert words in err


def test_a_reader_that_has_read_enough_hears_of_no_error(
    zigzag: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Closed(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", Closed())
        code, _, err = zigzag("tasks")

    assert (code, err) == (141, "")


@pytest.fixture
def silent() -> Iterator[str]:
    """Yields an endpoint that takes connections and never answers."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


def test_a_silent_endpoint_is_told_of_and_ends_the_whole_command(
    zigzag: Any, monkeypatch: pytest.MonkeyPatch, silent: str
) -> None:
    monkeypatch.setattr(options, "bounded", partial(bounded, word=0.1, end=1.0))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")

    code, out, err = zigzag("status", "--region", "eu-west-1", "--endpoint-url", silent)

    assert (code, out) == (1, "")
    assert err.splitlines()[0] == "zigzag: waiting for AWS …"
    assert "AWS did not answer within 30 s; what was asked for may have been done" in err


def test_an_alarm_of_the_command_does_not_outlive_it() -> None:
    with bounded(end=0.05):
        pass

    time.sleep(0.1)  # an alarm that is left would end the test


def test_the_end_is_no_exception_that_a_library_could_take_for_its_own() -> None:
    with pytest.raises(TooLongError), bounded(end=0.05), suppress(Exception):
        time.sleep(5)


@pytest.mark.parametrize("program", ["/no/such/program", "/bin/echo no JSON"])
def test_credentials_that_a_profiles_program_does_not_give_are_a_sentence(
    zigzag: Any, account: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, program: str
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "config").write_text(f"[profile a]\ncredential_process = {program}\nregion = eu-west-1\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))

    code, out, err = zigzag("status", "--profile", "a")

    assert (code, out, err.count("\n")) == (1, "", 1)
    assert err.startswith("zigzag: the AWS credentials can't be read: ")


def test_a_control_sequence_in_a_sentence_is_shown_and_not_obeyed(zigzag: Any) -> None:
    _, _, err = zigzag("status", "--profile", "\x1b[2J")

    assert "\\x1b[2J" in err
    assert "\x1b" not in err


def test_a_failure_is_json_where_json_is_asked_for(zigzag: Any, account: None) -> None:
    code, out, err = zigzag("status", "--stack", "other", "--json")

    assert (code, err) == (1, "")
    assert "there is no stack 'other'" in json.loads(out)["error"]


@pytest.mark.parametrize("name", ["-h", "--help"])
def test_help_has_both_names(zigzag: Any, name: str) -> None:
    assert "Usage: ./zigzag send" in zigzag("send", name)[1]


def test_the_version_is_the_one_of_the_checkout(zigzag: Any) -> None:
    assert f'version = "{zigzag("--version")[1].strip()}"' in (ROOT / "pyproject.toml").read_text()


def test_the_version_in_a_project_of_ones_own_is_zigzags(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[project]\nversion = "0.1.0"\n')
    (tmp_path / ".zigzag-version").write_text("# Zigzag 1.2.3: the files below are its own\n")

    assert version(tmp_path) == "1.2.3"


def run_here(*arguments: str, **options: Any) -> subprocess.CompletedProcess[bytes]:
    """Runs the command in a process of its own."""
    environment = {"PYTHONPATH": "src:tools", "PATH": "", "COLUMNS": "60", **options.pop("variables", {})}
    return subprocess.run(
        [sys.executable, "-m", "zigzag_cli", *arguments],
        **{"capture_output": True, "check": False, "cwd": ROOT, "env": environment, "timeout": 60} | options,
    )


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_help_is_shown_in_every_encoding(encoding: str) -> None:
    run = run_here("--help", variables={"PYTHONIOENCODING": encoding})

    assert (run.returncode, run.stderr) == (0, b"")
    assert b"Exit codes" in run.stdout


@pytest.mark.slow
def test_every_name_of_a_task_is_whole_in_60_columns() -> None:
    said = run_here("tasks").stdout.decode()

    assert {line.split()[0] for line in said.splitlines() if not line.startswith(" ")} == set(TASKS)


@pytest.mark.parametrize(
    ("given", "words"),
    [(b'{"name": "J\xfcrgen"}', b"standard input is not UTF-8"), (None, b"standard input is closed")],
    ids=["Latin-1", "closed"],
)
def test_standard_input_that_cannot_be_read_is_3(given: bytes | None, words: bytes) -> None:
    if given is None:
        run = run_here("send", "hello", "-", preexec_fn=partial(__import__("os").close, 0))
    else:
        run = run_here("send", "hello", "-", input=given)

    assert run.returncode == 3
    assert words in run.stderr
    assert b"Traceback" not in run.stderr


def test_a_reader_that_went_away_is_no_traceback() -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "zigzag_cli", "tasks"],
        cwd=ROOT,
        env={"PYTHONPATH": "src:tools", "PATH": ""},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        said = process.stderr.read()

    assert b"Traceback" not in said


@pytest.mark.parametrize("argument", ["--help", "--version"])
def test_a_full_disk_is_a_sentence(argument: str) -> None:
    with open("/dev/full", "wb") as full:
        run = run_here(argument, capture_output=False, stdout=full, stderr=subprocess.PIPE)

    assert run.returncode == 1
    assert run.stderr == b"zigzag: the answer can't be written: [Errno 28] No space left on device\n"
