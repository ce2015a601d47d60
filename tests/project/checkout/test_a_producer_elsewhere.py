"""The package of `make producer`, in an application that has a `shared` and a `tasks` of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path
from typing import Any

import pytest
from tests.http_endpoint import HttpEndpoint
from tests.project.docs.pages import ROOT
from tests.projects import run

from shared.aws.checksums import md5_of_body
from zigzag_project import parts, producer
from zigzag_project.new import new

APPLICATION = """
import json, sys
import shared, tasks
from pydantic import BaseModel
from zigzag import remote, SendError

class Greeting(BaseModel):
    name: str

hello = remote("hello", Greeting)
first = hello.send(Greeting(name="a"), id="first")
rest = hello.send_many(Greeting(name=name) for name in "bcd").finish()
ours = sorted(name for name in sys.modules if name.partition(".")[0] in ("shared", "tasks", "worker"))
print(json.dumps([first, rest, shared.IS, tasks.IS, ours]))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    done = run(ROOT, "make", "--no-print-directory", "producer", f"DIST={folder}", f"PYTHON={sys.executable}")
    assert (done.returncode, done.stderr) == (0, "")
    return Path(done.stdout.strip())


def answer(body: bytes) -> bytes:
    """Answers a send, or a batch of them, as SQS does."""
    asked = json.loads(body)
    entries = asked.get("Entries", [asked])
    taken = [
        {"MessageId": "m", "MD5OfMessageBody": md5_of_body(one["MessageBody"]), "Id": one.get("Id", "")}
        for one in entries
    ]
    said = json.dumps({"Successful": taken} if "Entries" in asked else taken[0]).encode()
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-amz-json-1.0\r\nContent-Length: %d\r\n\r\n"
    return head % len(said) + said


@pytest.mark.slow
def test_it_is_installed_and_sends_and_leaves_the_applications_own_packages_alone(
    wheel: Path, tmp_path: Path
) -> None:
    venv.create(tmp_path / "venv", with_pip=False)
    python = tmp_path / "venv" / "bin" / "python"
    install = [sys.executable, "-m", "pip", "--python", python, "install", "--no-index", "--no-deps", wheel]
    subprocess.run([*map(str, install)], check=True, capture_output=True)
    (site,) = (tmp_path / "venv").glob("lib/python*/site-packages")
    others = [one for one in sys.path if one.endswith("site-packages")] or [sysconfig.get_path("purelib")]
    (site / "others.pth").write_text("\n".join(others))  # boto3 and pydantic, which pip would have brought
    for name in ("shared", "tasks"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(f"IS = 'the application, {name}'")
    (tmp_path / "application.py").write_text(APPLICATION)

    with HttpEndpoint(answer) as endpoint:
        done = subprocess.run(
            [python, "application.py"],
            cwd=tmp_path,
            env={**variables(endpoint), "PATH": os.environ["PATH"]},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        bodies = sent(endpoint)

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [
        "m",
        3,
        "the application, shared",
        "the application, tasks",
        ["shared", "tasks"],
    ]
    assert [one["payload"]["name"] for one in bodies] == ["a", "b", "c", "d"]


def variables(endpoint: HttpEndpoint) -> dict[str, str]:
    return {
        "AWS_ENDPOINT_URL": endpoint.url,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "ZIGZAG_QUEUE_URL": f"{endpoint.url}/000000000000/tasks",
    }


def sent(endpoint: HttpEndpoint) -> list[dict[str, Any]]:
    """Returns the bodies of all messages."""
    asked = [json.loads(request) for request in endpoint.requests]
    return [json.loads(one["MessageBody"]) for call in asked for one in call.get("Entries", [call])]


def test_the_same_tree_makes_the_same_package_also_in_a_project_of_ones_own(
    wheel: Path, tmp_path: Path
) -> None:
    new(tmp_path / "own")

    made = producer.make(tmp_path / "dist", tmp_path / "own")

    assert made.name == wheel.name == f"zigzag_queue-{parts.version()}-py3-none-any.whl"
    assert made.read_bytes() == wheel.read_bytes()


def test_a_form_of_import_that_it_cant_move_is_refused(tmp_path: Path) -> None:
    (tmp_path / "src" / "zigzag").mkdir(parents=True)
    (tmp_path / "src" / "zigzag" / "send.py").write_text("import shared.queues\n")
    (tmp_path / "pyproject.toml").write_text('[project]\nversion = "1"\n')

    with pytest.raises(producer.ProjectError, match=r"send.py:1 imports shared: write `from shared"):
        producer.make(tmp_path, tmp_path)
