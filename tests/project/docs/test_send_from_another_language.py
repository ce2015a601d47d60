"""docs/patterns/send-from-another-language.md: each language's example sends what the schema describes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Iterator
from pathlib import Path

import boto3
import pytest
from jsonschema import Draft202012Validator
from tests.project.docs.pages import ROOT, blocks, read
from tests.transports import as_on_lambda, moto_over_http

from zigzag_operate.schema import schema

PAGE = read("docs/patterns/send-from-another-language.md")
PEERS = json.loads((ROOT / "benchmarks" / "peers" / "package.json").read_text(encoding="utf-8"))
SDK = "@aws-sdk/client-sqs"
INSTALL = ("npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error")

type Run = Callable[..., dict[str, object]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Yields a function that runs a command with a queue, and returns the body that is on the queue then."""
    with moto_over_http() as url:
        as_on_lambda(monkeypatch, url)
        sqs = boto3.client("sqs")
        queue = sqs.create_queue(QueueName="tasks")["QueueUrl"]

        def run(*command: str, folder: Path = ROOT) -> dict[str, object]:
            names = {"QUEUE_URL": queue, "ZIGZAG_QUEUE_URL": queue}
            done = subprocess.run(
                command,
                env={**os.environ, **names},
                cwd=folder,
                capture_output=True,
                text=True,
                check=False,
                timeout=120,
            )
            assert done.returncode == 0, done.stderr
            (message,) = sqs.receive_message(QueueUrl=queue)["Messages"]
            body: dict[str, object] = json.loads(message["Body"])
            return body

        yield run


def check(body: dict[str, object], sender: str) -> None:
    Draft202012Validator(schema("hello")).validate(body)
    assert body["payload"] == {"name": sender}
    assert str(body["id"]).startswith("greeting-")


def test_the_aws_cli(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", os.pathsep.join((sysconfig.get_path("scripts"), os.environ["PATH"])))
    lines = (
        line.removeprefix("$ ")
        for block in blocks(PAGE, "console")
        for line in block.text.replace("\\\n", " ").splitlines()
        if line.startswith("$ aws ")
    )
    (command,) = lines

    # `aws sqs` has hosts of its own, which AWS_ENDPOINT_URL does not change.
    check(run("sh", "-c", f'{command} --endpoint-url "$AWS_ENDPOINT_URL"'), "CLI")


def test_boto3(run: Run) -> None:
    (script,) = blocks(PAGE, "python")

    check(run(sys.executable, "-c", script.text), "boto3")


@pytest.mark.slow
def test_node(run: Run, tmp_path: Path) -> None:
    node = shutil.which("node")
    if node is None or shutil.which("npm") is None:
        pytest.skip("node and npm are not installed")
    installed = subprocess.run(
        [*INSTALL, f"{SDK}@{PEERS['dependencies'][SDK]}"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    if installed.returncode != 0:
        pytest.skip(f"npm can't install {SDK}: {installed.stderr[-300:]}")
    (script,) = blocks(PAGE, "js")
    (tmp_path / "send.mjs").write_text(script.text, encoding="utf-8")

    check(run(node, "send.mjs", folder=tmp_path), "Node")
