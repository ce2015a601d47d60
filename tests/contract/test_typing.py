"""Tasks and values are typed: plain `mypy --strict` accepts the right use and rejects a wrong one."""

from __future__ import annotations

from pathlib import Path
from textwrap import indent

import pytest
from mypy import api

ROOT = Path(__file__).parents[2]

GIVEN = """
from typing import assert_type
from pydantic import BaseModel
from zigzag import Backoff, Context, Task, task

class Person(BaseModel):
    name: str

@task(attempts=3)
def greet(person: Person, context: Context) -> None: ...

@task
async def later(payload: dict[str, int]) -> None: ...
"""

TYPES = """
{decorator}
def count(payload: dict[str, int]) -> int:
    return len(payload)

{decorator}
def wave(person: Person, context: Context) -> str:
    return person.name

assert_type(count, Task[dict[str, int], [], int])
assert_type(wave(Person(name="ann"), context=Context()), str)
"""

RIGHT = {
    "a send": 'message_id: str = greet.send(Person(name="ann"), id="order-7", delay_seconds=5)',
    "a send in a group": 'later.send({"a": 1}, group="customer-7", deduplication_id="order-7")',
    "a call": 'greet(Person(name="ann"), Context())',
    "@task": TYPES.format(decorator="@task"),
    "@task()": TYPES.format(decorator="@task()"),
    "@task(attempts=3)": TYPES.format(decorator="@task(attempts=3)"),
}
WRONG = {
    "a dict": ('greet.send({"name": "ann"})', '"send" of "Handle" has incompatible type'),
    "a wrong dict": ('later.send({"a": "text"})', "has incompatible type"),
    "a group of no text": ('later.send({"a": 1}, group=7)', 'Argument "group" to "send"'),
    "nothing": ("later.send()", 'Missing positional argument "payload"'),
    "a changed context": ('Context().id = "order-7"', 'Cannot assign to final attribute "id"'),
    "a task's name": ('@task("wave")\ndef wave(payload: dict[str, int]) -> None: ...', "overload"),
    "a number": ("@task(5)\ndef wave(payload: dict[str, int]) -> None: ...", "overload"),
    "a task of nothing": ("@task\ndef nothing() -> None: ...", 'Argument 1 to "task"'),
    "a tuple's use": ("first, longest = Backoff()", '"Backoff" object is not iterable'),
    "no context": ('greet(Person(name="ann"))', 'Missing positional argument "context"'),
}


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Returns mypy's words on each use, all in one run. A good use has none."""
    folder = tmp_path_factory.mktemp("typing")
    written, uses = GIVEN, list(RIGHT.items()) + [(name, use) for name, (use, _) in WRONG.items()]
    first_lines = []
    for number, (_, use) in enumerate(uses):
        written += f"\ndef use_{number}() -> None:\n"
        first_lines.append(written.count("\n") + 1)
        written += indent(use, "    ") + "\n"
    (folder / "snippet.py").write_text(written)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MYPYPATH", str(ROOT / "src"))
        patch.chdir(folder)
        cache = ROOT / ".mypy_cache" / "snippets"
        options = ["--strict", "--config-file=", "--follow-imports=silent", f"--cache-dir={cache}"]
        out, err, _ = api.run([*options, "snippet.py"])
    assert not err
    lines: dict[str, str] = {name: "" for name, _ in uses}
    for line in out.splitlines():
        if line.startswith("snippet.py:"):
            at = int(line.split(":")[1])
            name, _ = uses[max(n for n, first in enumerate(first_lines) if first <= at)]
            lines[name] += f"{line}\n"
    return lines


@pytest.mark.parametrize("use", RIGHT)
def test_a_right_use_passes(use: str, said: dict[str, str]) -> None:
    assert said[use] == ""


@pytest.mark.parametrize("use", WRONG)
def test_a_wrong_use_is_rejected(use: str, said: dict[str, str]) -> None:
    assert WRONG[use][1] in said[use]
