"""The scripts of `./zigzag completion`: what a shell completes, and what a press of Tab imports."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.project.docs.pages import ROOT
from typer.main import get_command

from zigzag_cli import completing
from zigzag_cli.app import app

TASKS = ["hello", "send_welcome_mail", "crawl_page", "push_news"]
COMPLETED: list[tuple[list[str], list[str]]] = [
    (["st"], ["status"]),
    (["status", "--w"], ["--watch"]),
    (["send", "h"], ["hello"]),
    (["send", "hello", "h"], []),
    (["send", "send", "--i"], ["--id", "--id-field"]),
    (["logs", "--task", ""], TASKS),
    (["logs", "--since", ""], []),
    (["dead-letters", "re"], ["redrive"]),
    (["dead-letters", "--l"], ["--limit", "--local"]),
    (["dead-letters", "show", "--pa"], ["--payload"]),
    (["local", "lo"], ["logs"]),
    (["completion", ""], ["bash", "zsh", "fish", "--help"]),
]
NEEDLESS = {"boto3", "botocore", "rich", "typer", "pydantic", "zigzag_operate", "tasks"}


def script(zigzag: Any, shell: str) -> str:
    code, out, err = zigzag("completion", shell)
    assert (code, err) == (0, "")
    return str(out)


def test_bash_completes_and_a_press_of_tab_imports_nothing_slow(zigzag: Any, tmp_path: Path) -> None:
    (tmp_path / "script").write_text(script(zigzag, "bash"))
    command = tmp_path / "zigzag"
    python = f'PYTHONPATH=src:tools exec {shlex.quote(sys.executable)} -X importtime -m zigzag_cli "$@"'
    command.write_text(f"#!/bin/sh\ncd {shlex.quote(str(ROOT))} && {python} 2>> {tmp_path}/imported\n")
    command.chmod(0o755)
    tries = [f"tried {shlex.join([str(command), *words])}" for words, _ in COMPLETED]
    tab = 'COMP_WORDS=("$@"); COMP_CWORD=$(($#-1)); COMPREPLY=(); _zigzag; echo "${COMPREPLY[*]}"'

    ran = subprocess.run(
        ["bash", "-c", "\n".join([f". {tmp_path}/script", f"tried() {{ {tab}; }}", *tries])],
        capture_output=True,
        text=True,
        check=True,
    )

    found = dict(zip([shlex.join(words) for words, _ in COMPLETED], ran.stdout.splitlines(), strict=True))
    assert found == {shlex.join(words): " ".join(said) for words, said in COMPLETED}
    imported = set(re.findall(r"\| +([\w.]+)$", (tmp_path / "imported").read_text(), re.MULTILINE))
    assert {"zigzag_cli", "zigzag_cli.completing"} <= imported
    assert {name for name in imported if name.partition(".")[0] in NEEDLESS} == set()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_script_has_every_command_and_option(zigzag: Any, shell: str) -> None:
    said, missing, todo = script(zigzag, shell), [], [get_command(app)]
    while todo:
        command: Any = todo.pop()
        below = getattr(command, "commands", {})
        todo += below.values()
        options = [name for one in command.params for name in one.opts if name.startswith("--")]
        named = [f"-l {name[2:]} " for name in options] if shell == "fish" else options
        missing += [name for name in [*below, *named] if name not in said]

    assert missing == []


@pytest.mark.parametrize("table", ["TASKS = {", 'TASKS = {**more, "a b$(x)": "c", 1: "d"}', None])
def test_a_table_that_cant_be_read_completes_no_task(
    table: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(completing, "_TABLE", tmp_path / "tasks.py")
    if table is not None:
        (tmp_path / "tasks.py").write_text(table)

    assert completing.tasks() == []


def test_another_shell_is_2(zigzag: Any) -> None:
    assert zigzag("completion", "tcsh")[0] == 2
