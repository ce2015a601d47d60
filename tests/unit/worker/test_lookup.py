"""Lookup: which function is a task's name?"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from worker.lookup import BrokenTaskError, NoSuchTaskError, find
from zigzag import task

WAVE = "from zigzag import task\n@task()\ndef wave(payload: dict) -> None: ..."


@task()
def greet(payload: dict[str, Any]) -> None:
    pass


@pytest.fixture
def write_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Makes a module of the code given. Returns its name."""
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    names = []

    def write(name: str, code: str) -> str:
        (tmp_path / f"{name}.py").write_text(code)
        names.append(name)
        return name

    yield write
    for name in names:
        sys.modules.pop(name, None)


def test_only_the_module_of_the_task_asked_for_is_imported(write_module: Any) -> None:
    table = {"greet": greet, "heavy": write_module("tasks_heavy", "raise MemoryError")}

    assert find("greet", table) is greet
    assert "tasks_heavy" not in sys.modules


@pytest.mark.parametrize(
    ("table", "names"), [({"wave": greet, "greet": greet}, "greet, wave"), ({}, "none")], ids=["two", "none"]
)
def test_an_unknown_task_is_refused_with_those_that_there_are(table: dict[str, Any], names: str) -> None:
    with pytest.raises(NoSuchTaskError) as caught:
        find("gret", table)

    assert str(caught.value) == f"no task is called 'gret'; there are: {names}"


def test_an_endless_name_is_cut() -> None:
    with pytest.raises(NoSuchTaskError) as caught:
        find("x" * 1_000_000, {})

    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("code", "says"),
    [
        pytest.param("1 / 0", "ZeroDivisionError: division by zero", id="an error"),
        pytest.param("raise SystemExit('bye')", "SystemExit: bye", id="it leaves"),
        pytest.param(
            "class Mute(Exception):\n    def __str__(self): raise SystemExit\nraise Mute",
            "Mute: ",
            id="its error can't be told",
        ),
    ],
)
def test_a_module_that_cant_be_imported_is_broken_for_its_task(
    write_module: Any, code: str, says: str
) -> None:
    module = write_module("tasks_broken", code)

    with pytest.raises(BrokenTaskError) as caught:
        find("wave", {"wave": module})

    assert str(caught.value).startswith(f"tasks_broken can't be imported: {says}")
    assert caught.value.__cause__ is not None


@pytest.mark.parametrize(
    "code", [pytest.param("", id="missing"), pytest.param("def wave(p: dict): ...", id="not under @task")]
)
def test_a_module_without_the_task_is_broken_for_it(write_module: Any, code: str) -> None:
    module = write_module("tasks_empty", code)

    with pytest.raises(BrokenTaskError, match="tasks_empty has no function wave under @task"):
        find("wave", {"wave": module})


def test_a_module_that_was_repaired_is_found_at_the_next_try(write_module: Any) -> None:
    table = {"wave": write_module("tasks_mended", "1 / 0")}
    with pytest.raises(BrokenTaskError):
        find("wave", table)

    write_module("tasks_mended", WAVE)

    assert find("wave", table) is sys.modules["tasks_mended"].wave
