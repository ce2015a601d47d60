"""The judge of the chaos tests must see what it is there for, or their silence would say nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.e2e.effects import FILE, Effects

Line = tuple[str, str, str, str]
"""An event, with its task, its run, and its process. Each is a second after the line before it."""


def effects_of(folder: Path, *lines: Line) -> Effects:
    keys = ("what", "id", "run", "process")
    said = [{**dict(zip(keys, line, strict=True)), "at": float(at)} for at, line in enumerate(lines)]
    (folder / FILE).write_text("".join(json.dumps(line) + "\n" for line in said))
    return Effects(folder)


@pytest.mark.parametrize("how", ["ended", "failed", "killed"])
def test_a_run_after_the_one_before_it_was_over_overlaps_none(tmp_path: Path, how: str) -> None:
    effects = effects_of(
        tmp_path,
        ("began", "a", "1", "p"),
        ("killed", "", "", "p") if how == "killed" else (how, "a", "1", "p"),
        ("began", "a", "2", "q"),
    )

    assert effects.overlaps() == []


def test_a_run_of_which_no_end_is_known_overlaps_the_next_of_its_task_and_no_others(tmp_path: Path) -> None:
    effects = effects_of(
        tmp_path, ("began", "a", "1", "p"), ("began", "b", "2", "q"), ("began", "a", "3", "r")
    )

    assert [(before.id, after.id) for before, after in effects.overlaps()] == [("a", "a")]
    assert len(effects.under_way()) == 3


def test_an_effect_that_comes_again_without_a_reason_is_found(tmp_path: Path) -> None:
    effects = effects_of(
        tmp_path,
        ("began", "a", "1", "p"),
        ("ended", "a", "1", "p"),
        ("began", "a", "2", "q"),
        ("ended", "a", "2", "q"),
    )

    assert len(effects.unexplained_repeats()) == 1
    assert effects.repeats() == 1


def test_a_kill_between_effect_and_settling_explains_a_repeat(tmp_path: Path) -> None:
    effects = effects_of(
        tmp_path,
        ("began", "a", "1", "p"),
        ("ended", "a", "1", "p"),
        ("killed", "", "", "p"),
        ("began", "a", "2", "q"),
        ("ended", "a", "2", "q"),
    )

    assert effects.unexplained_repeats() == []


def test_a_kill_in_the_next_task_of_the_process_explains_nothing(tmp_path: Path) -> None:
    # Given a process that had settled the first task, since it began another one
    effects = effects_of(
        tmp_path,
        ("began", "a", "1", "p"),
        ("ended", "a", "1", "p"),
        ("began", "b", "2", "p"),
        ("killed", "", "", "p"),
        ("began", "a", "3", "q"),
    )

    assert [before.id for before, _ in effects.unexplained_repeats()] == ["a"]


def test_only_a_task_that_reached_its_effect_has_succeeded(tmp_path: Path) -> None:
    effects = effects_of(
        tmp_path,
        ("began", "a", "1", "p"),
        ("failed", "a", "1", "p"),
        ("began", "b", "2", "p"),
        ("ended", "b", "2", "p"),
    )

    assert effects.succeeded == {"b"}
