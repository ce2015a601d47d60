"""Tasks and values are typed: plain `mypy --strict` accepts the right use and rejects a wrong one."""

from __future__ import annotations

from pathlib import Path

import pytest
from mypy import api

ROOT = Path(__file__).parents[2]

SNIPPET = """
from pydantic import BaseModel
from zigzag import Backoff, Context, Task, task

class Person(BaseModel):
    name: str

@task(attempts=3)
def greet(person: Person, context: Context) -> None: ...

@task
async def later(payload: dict[str, int]) -> None: ...

{line}
"""


def checked(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """What mypy says of the snippet with `line`; empty if it is well."""
    (tmp_path / "snippet.py").write_text(SNIPPET.format(line=line))
    monkeypatch.setenv("MYPYPATH", str(ROOT / "src"))
    monkeypatch.chdir(tmp_path)
    cache = ROOT / ".mypy_cache" / "snippets"
    out, err, status = api.run(
        ["--strict", "--config-file=", "--follow-imports=silent", f"--cache-dir={cache}", "snippet.py"]
    )
    assert not err
    return out if status else ""


def test_a_right_payload_passes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = """
message_id: str = greet.send(Person(name="ann"), id="order-7", delay_seconds=5)
later.send({"a": 1}, group="customer-7", deduplication_id="order-7")
greet(Person(name="ann"), Context())
"""
    assert checked(lines, tmp_path, monkeypatch) == ""


@pytest.mark.parametrize("decorator", ["@task", "@task()", "@task(attempts=3)"])
def test_a_task_has_the_types_of_its_function(
    decorator: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = f"""
from typing import assert_type

{decorator}
def count(payload: dict[str, int]) -> int:
    return len(payload)

{decorator}
def wave(person: Person, context: Context) -> str:
    return person.name

assert_type(count, Task[dict[str, int], [], int])
assert_type(wave(Person(name="ann"), context=Context()), str)
"""
    assert checked(lines, tmp_path, monkeypatch) == ""


@pytest.mark.parametrize(
    ("line", "says"),
    [
        pytest.param('greet.send({"name": "ann"})', '"send" of "Task" has incompatible type', id="a dict"),
        pytest.param("greet.send(5)", '"send" of "Task" has incompatible type "int"', id="a number"),
        pytest.param('later.send({"a": "text"})', "has incompatible type", id="a wrong dict"),
        pytest.param('later.send({"a": 1}, group=7)', 'Argument "group" to "send"', id="a group of no text"),
        pytest.param("later.send()", 'Missing positional argument "payload"', id="nothing"),
        pytest.param(
            'Context().id = "order-7"', 'Cannot assign to final attribute "id"', id="a changed context"
        ),
        pytest.param(
            '@task("wave")\ndef wave(payload: dict[str, int]) -> None: ...', "overload", id="a task's name"
        ),
        pytest.param("@task(5)\ndef wave(payload: dict[str, int]) -> None: ...", "overload", id="a number"),
        pytest.param("@task\ndef nothing() -> None: ...", 'Argument 1 to "task"', id="a task of nothing"),
        pytest.param("first, longest = Backoff()", '"Backoff" object is not iterable', id="a tuple's use"),
        pytest.param(
            'greet(Person(name="ann"))',
            'Missing positional argument "context"',
            id="a call without its context",
        ),
    ],
)
def test_a_wrong_use_is_rejected(
    line: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert says in checked(line, tmp_path, monkeypatch)
