"""Do the pages about failing tasks, and what follows a task, show what happens? Their tasks run in the
sandbox, whose log says that."""

from __future__ import annotations

import json
import logging
import re
import shlex
from typing import Any

import pytest
from tests.project.docs.pages import blocks, read

from shared.log import JsonFormatter
from zigzag import Task
from zigzag_local.readable import readable
from zigzag_testing import Sandbox

PAGES = ("retry", "ignore", "notify", "repair-by-another-task", "a-person-decides", "chain")
FILE, TABLE = "# src/tasks/", "# src/tasks/__init__.py, "


def run(code: str) -> dict[str, Any]:
    """Returns the names that a block defines."""
    names: dict[str, Any] = {"__name__": "page"}
    exec(compile(code, "page", "exec", dont_inherit=True), names)  # noqa: S102 -- our own page
    return names


def tasks_of(page: str) -> dict[str, Task[Any, Any, Any]]:
    """Returns the tasks of the page's file, by the names of its lines of the table."""
    code = [block.text for block in blocks(page, "python")]
    (file,) = (one for one in code if one.startswith(FILE) and not one.startswith(TABLE))
    (lines,) = (one.partition("\n")[2] for one in code if one.startswith(TABLE))
    module = file.partition("\n")[0].removeprefix(FILE).removesuffix(".py")
    table: dict[str, str] = run(f"TABLE = {{{lines}}}")["TABLE"]
    assert set(table.values()) == {f"tasks.{module}"}
    found = {name: one for name, one in run(file).items() if isinstance(one, Task)}
    assert found.keys() == table.keys()
    return found


@pytest.mark.parametrize("name", PAGES)
def test_the_page_shows_what_is_logged(name: str, caplog: pytest.LogCaptureFixture) -> None:
    page = read(f"docs/patterns/{name}.md")
    console, *_ = blocks(page, "console")
    send, _, *shown = console.text.splitlines()
    assert shown[0] == "$ make logs"
    _, _, task, payload, *option = shlex.split(send.removeprefix("$ "))
    given = json.loads(payload)

    tasks = tasks_of(page)
    with caplog.at_level(logging.INFO), Sandbox(tasks) as sandbox:
        body = {"task": task, "payload": given, **({"id": option[1]} if option else {})}
        sandbox.send_message(json.dumps(body))
        sandbox.run()

    logged = "\n".join(readable(JsonFormatter().format(record)) for record in caplog.records)
    for line in shown[1:]:
        parts = [re.escape(part) for part in line.split("…") if part]
        assert re.search(".*".join(parts), logged), f"{line} is not in:\n{logged}"
    assert len(sandbox.notices.sent) == (name == "notify")


@pytest.mark.parametrize("name", PAGES)
def test_its_other_code_runs(name: str) -> None:
    for block in blocks(read(f"docs/patterns/{name}.md"), "python"):
        if not block.text.startswith(FILE):
            run(block.text)


def test_the_page_about_replies_shows_the_reply() -> None:
    (console,) = blocks(read("docs/patterns/reply.md"), "console")
    body, printed = re.findall(r"^.*?(\{.*\})\'?$", console.text, re.MULTILINE)

    with Sandbox(tasks_of(read("docs/patterns/reply.md")), reply_to=["answers"]) as sandbox:
        sandbox.send_message(body)
        sandbox.run()

    (reply,) = sandbox.replies
    shown = json.loads(printed)
    assert {name: getattr(reply, name) for name in shown if name != "id"} | {"id": "…"} == shown
