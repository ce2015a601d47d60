"""Whatever goes wrong at whatever call, nothing is left of a run: by its tag and by its names."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from tests.unit.zigzag_verify.playing import PLACE, Killed, PlayedAws, Session, packages

from zigzag_verify.door import Door
from zigzag_verify.errors import VerifyError
from zigzag_verify.journal import Journal
from zigzag_verify.policy import document, needed
from zigzag_verify.run import Course, Outcome

RUN = "0123abcd"
TO_THE_LAST = ("half", "interrupted", "killed after")


def course(aws: PlayedAws, folder: Path) -> Course:
    door = Door(Session(aws))  # type: ignore[arg-type]
    door.look_around()
    return Course(
        door,
        Journal(folder),
        aws.clock,  # type: ignore[arg-type]
        say=lambda said: None,
        build=lambda bucket: packages(),
        tries=lambda *_: {},
    )


def played(lacks: str | None = None) -> PlayedAws:
    policy = copy.deepcopy(document(PLACE))
    for statement in policy["Statement"]:
        actions = [statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"]
        statement["Action"] = [one for one in actions if one != lacks]
    return PlayedAws(policy)


def verify(aws: PlayedAws, folder: Path) -> Outcome | None:
    """Runs it until it ends, or cannot begin, or is killed."""
    with suppress(VerifyError, Killed, KeyboardInterrupt):
        return course(aws, folder).verify(RUN)
    return None


def sweep(aws: PlayedAws, folder: Path) -> None:
    """Is `--sweep` of a new process."""
    aws.killed, aws.fault = False, lambda number, action: None
    again = course(aws, folder)
    noted, others = again.runs()
    again.sweep([*noted, *others])


@pytest.fixture(scope="module")
def calls(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The calls of a run in which nothing goes wrong."""
    aws = played()
    verify(aws, tmp_path_factory.mktemp("journal"))
    return aws.asked


def steps(calls: list[str], fault: str) -> Iterator[int]:
    """Yields the numbers of the first call of each action, and of the last one."""
    for action in sorted(set(calls)):
        last = len(calls) - calls[::-1].index(action)
        yield from sorted({calls.index(action) + 1, *([last] if fault in TO_THE_LAST else [])})


def test_a_run_that_goes_well_leaves_nothing_and_forgets_itself(tmp_path: Path) -> None:
    aws = played()

    outcome = verify(aws, tmp_path)

    assert outcome is not None
    assert (outcome.stopped, outcome.swept.left) == (None, [])
    assert aws.left() == []
    assert [*tmp_path.iterdir()] == []
    assert outcome.swept.taken["table"] == 4  # those of records outlive their stacks


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["refused", "throttled", "hung", "half", "interrupted"])
def test_a_fault_at_any_call_leaves_nothing(tmp_path: Path, calls: list[str], fault: str) -> None:
    left = {}
    for at in steps(calls, fault):
        aws = played()
        aws.fault = lambda number, action, at=at: fault if number == at else None  # type: ignore[misc]
        outcome = verify(aws, tmp_path)
        if outcome is None or outcome.swept.left:
            sweep(aws, tmp_path)
        if aws.left() or [*tmp_path.iterdir()]:
            left[f"{at} {calls[at - 1]}"] = aws.left()

    assert left == {}


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["killed", "killed after"])
def test_a_killed_process_leaves_what_a_sweep_finds(tmp_path: Path, calls: list[str], fault: str) -> None:
    left = {}
    for at in steps(calls, fault):
        aws = played()
        aws.fault = lambda number, action, at=at: fault if number == at else None  # type: ignore[misc]
        verify(aws, tmp_path)
        sweep(aws, tmp_path)
        if aws.left() or [*tmp_path.iterdir()]:
            left[f"{at} {calls[at - 1]}"] = aws.left()

    assert left == {}


def test_a_sweep_finds_a_killed_run_without_its_journal_by_tag_and_name(tmp_path: Path) -> None:
    aws = played()
    aws.fault = lambda number, action: "killed" if action == "cloudformation:DescribeStackEvents" else None
    aws.fault = lambda number, action: "killed" if len(aws.stacks) == 4 else None
    verify(aws, tmp_path)
    assert len(aws.left()) > 40

    sweep(aws, tmp_path / "another machine")

    assert aws.left() == []


@pytest.mark.slow
@pytest.mark.parametrize("action", sorted(needed()))
def test_without_a_permission_nothing_is_left_and_no_sweep_is_needed(tmp_path: Path, action: str) -> None:
    aws = played(lacks=action)

    outcome = verify(aws, tmp_path)

    assert aws.left() == []
    assert outcome is None or action in UNSEEN or outcome.stopped, "the policy has more than is needed"


UNSEEN: set[str] = {"cloudformation:DescribeStackEvents"}
"""Is called only if a stack fails."""


def test_a_permission_that_is_gone_for_good_in_the_middle_is_said_and_a_later_sweep_takes_all(
    tmp_path: Path,
) -> None:
    aws = played()
    aws.fault = lambda number, action: "refused" if len(aws.stacks) == 4 else None

    outcome = verify(aws, tmp_path)

    assert outcome is not None
    assert outcome.stopped
    assert outcome.swept.left
    assert [one.name for one in tmp_path.iterdir()] == [f"{RUN}.jsonl"]
    sweep(aws, tmp_path)
    assert aws.left() == []


def test_nothing_of_anybody_else_is_touched(tmp_path: Path) -> None:
    aws = played()
    own: Mapping[tuple[str, str], dict[str, Any]] = {
        ("queue", "zigzag-TaskQueue-1"): {},
        ("queue", "zigzag-verify-mine"): {},
        ("table", "zigzag-verify"): {},
        ("bucket", "zigzag-verify-ffffffff"): {},
    }
    aws.things.update(own)

    verify(aws, tmp_path)
    sweep(aws, tmp_path)

    assert {*own} == {*aws.things}


def test_a_stack_of_that_name_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    aws = played()
    aws.things["queue", f"zigzag-verify-{RUN}-mine"] = {}

    with pytest.raises(VerifyError, match=r"there is a queue .* already, which is not verify's"):
        course(aws, tmp_path).verify(RUN)

    assert len(aws.things) == 1
