"""Would the commands that the pages show be taken? Parsed by the very programs, and not carried out.

The end-to-end tests carry out `sam build`, `sam deploy` and `aws sqs`.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from tests.project.docs.pages import PAGES, STARTER, commands
from tests.transports import as_on_lambda
from typer.main import get_command

from zigzag_cli.app import app

SHOWN = sorted(
    {command for page in [*PAGES, STARTER] for command in commands(page.read_text(encoding="utf-8"))}
)


def shown(program: str) -> list[str]:
    return [command for command in SHOWN if command.split()[0] == program]


def test_the_zigzag_command_takes_what_is_shown() -> None:
    zigzag, ended = get_command(app), {}
    for command in shown("./zigzag"):
        words = [word for word in shlex.split(command)[1:] if word != "…"]
        # Wrong commands and options are refused before the help is shown.
        with pytest.raises(SystemExit) as end:
            zigzag.main([*words, "--help"])
        ended[command] = end.value.code

    assert len(ended) > 20
    assert [command for command, code in ended.items() if code] == []


def test_the_aws_command_line_takes_what_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "event.json").write_text('{"Records": []}')
    (tmp_path / "dist").mkdir()
    for name in ("template.json", "WorkerFunction-1.zip"):
        (tmp_path / "dist" / name).write_text("{}")
    monkeypatch.chdir(tmp_path)
    as_on_lambda(monkeypatch)
    for name, value in {"HOME": str(tmp_path), "AWS_MAX_ATTEMPTS": "1", "AWS_DATA_PATH": ""}.items():
        monkeypatch.setenv(name, value)
    from awscli.clidriver import create_clidriver  # the import sets AWS_DATA_PATH, which ends with the test

    # When each is sent to a port where nobody listens
    aws, said = create_clidriver(), {}
    for command in [command for command in shown("aws") if " --" in command]:
        aws.main([*shlex.split(command)[1:], "--endpoint-url", "http://127.0.0.1:1"])
        said[command] = capsys.readouterr().err

    # Then all that is wrong with it is that nobody listens
    assert len(said) > 10
    assert {
        one: words for one, words in said.items() if "Could not connect to the endpoint" not in words
    } == {}


HELP = """
import json, sys
from samcli.cli.main import cli
for words in json.load(sys.stdin):
    try:
        cli([*words, "--help"], "sam", standalone_mode=False)
    except Exception as error:
        print(*words, repr(error), file=sys.stderr)
"""


def test_sam_takes_what_is_shown(tmp_path: Path) -> None:
    words = [shlex.split(command)[1:] for command in shown("sam")]

    # Wrong commands and options are refused before the help is shown.
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", HELP],
        input=json.dumps(words),
        # Its first run in a home tells of its telemetry, unless that is off, and makes a file there.
        env={**os.environ, "HOME": str(tmp_path), "SAM_CLI_TELEMETRY": "0"},
        capture_output=True,
        text=True,
    )

    helped = done.stdout.count("\nUsage: sam ")
    assert done.stderr == ""
    assert helped == len(words) > 10
