"""Whatever goes wrong at whatever call, nothing is left of a run: by its tag and by its names."""

from __future__ import annotations

import copy
import io
import signal
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.unit.zigzag_verify.playing import (
    LISTED_ON_SECONDS,
    MAKE_SECONDS,
    PLACE,
    TAKE_SECONDS,
    Killed,
    PlayedAws,
    Session,
    packages,
)

from zigzag_verify import __main__ as main
from zigzag_verify.clock import Clock
from zigzag_verify.door import Door
from zigzag_verify.errors import VerifyError
from zigzag_verify.journal import Journal
from zigzag_verify.names import TAG
from zigzag_verify.plan import READ_SECONDS, TRY_SECONDS
from zigzag_verify.policy import TRIES, document, needed
from zigzag_verify.run import Course, Outcome, Say
from zigzag_verify.stacks import Made
from zigzag_verify.staged import UNDER_WAY_SECONDS
from zigzag_verify.sweep import PASS_SECONDS
from zigzag_verify.trials import KEPT, NOT_IN_TIME
from zigzag_verify.tries import tries

RUN = "0123abcd"
SHORTLY_SECONDS = 12


def course(aws: PlayedAws, folder: Path, *, tried: bool = False) -> Course:
    """Returns a run's way, with the trials if they are asked for: nothing comes of what they send."""
    door = Door(Session(aws))  # type: ignore[arg-type]
    door.look_around()
    return Course(
        door,
        Journal(folder),
        aws.clock,  # type: ignore[arg-type]
        say=lambda said: None,
        build=lambda bucket: packages(),
        tries=shortly if tried else lambda *_: {},
    )


def shortly(door: Door, made: Mapping[str, Made], clock: Clock, until: float, say: Say) -> dict[str, Any]:
    return tries(door, made, clock, clock.now() + SHORTLY_SECONDS, say)


def played(lacks: str | None = None) -> PlayedAws:
    policy = copy.deepcopy(document(PLACE))
    for statement in policy["Statement"]:
        actions = [statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"]
        statement["Action"] = [one for one in actions if one != lacks]
    return PlayedAws(policy)


def verify(aws: PlayedAws, folder: Path, *, tried: bool = False) -> Outcome | None:
    """Runs it until it ends, or cannot begin, or is killed."""
    with suppress(VerifyError, Killed, KeyboardInterrupt):
        return course(aws, folder, tried=tried).verify(RUN)
    return None


def sweep(aws: PlayedAws, folder: Path) -> None:
    """Is `--sweep` of a new process."""
    aws.killed, aws.fault = False, lambda number, action: None
    again = course(aws, folder)
    noted, others = again.runs()
    again.sweep([*noted, *others])


@pytest.fixture(scope="module", params=["without trials", pytest.param("with", marks=pytest.mark.nightly)])
def tried(request: pytest.FixtureRequest) -> bool:
    return bool(request.param == "with")


@pytest.fixture(scope="module")
def steps(tmp_path_factory: pytest.TempPathFactory, tried: bool) -> dict[int, str]:
    """The first and the last call of each action, of a run that goes well; of trials, what only they call."""
    aws, bare = played(), played()
    verify(aws, tmp_path_factory.mktemp("journal"), tried=tried)
    verify(bare, tmp_path_factory.mktemp("another"))
    asked = aws.asked
    actions = {*asked} - {*bare.asked} if tried else {*asked}
    firsts = {asked.index(action) + 1: action for action in sorted(actions)}
    return firsts | {len(asked) - asked[::-1].index(action): action for action in sorted(actions)}


def test_a_run_that_goes_well_leaves_nothing_and_forgets_itself(tmp_path: Path) -> None:
    aws = played()

    outcome = verify(aws, tmp_path)

    assert outcome is not None
    assert (outcome.stopped, outcome.swept.left) == (None, [])
    assert aws.left() == []
    assert [*tmp_path.iterdir()] == []
    assert outcome.swept.taken["table"] == 8  # they outlive their stacks
    assert outcome.seconds < MAKE_SECONDS + TAKE_SECONDS + LISTED_ON_SECONDS, "queues wait for stacks"


NIGHTLY = [pytest.param(one, marks=pytest.mark.nightly) for one in ("refused", "throttled", "hung")]


@pytest.mark.slow
@pytest.mark.parametrize("fault", [*NIGHTLY, "half", "interrupted"])
def test_a_fault_at_any_call_leaves_nothing(
    tmp_path: Path, steps: dict[int, str], tried: bool, fault: str
) -> None:
    left = {}
    for at, action in steps.items():
        aws = played()
        aws.fault = lambda number, action, at=at: fault if number == at else None  # type: ignore[misc]
        outcome = verify(aws, tmp_path, tried=tried)
        if outcome is None or outcome.swept.left:
            sweep(aws, tmp_path)
        if aws.left() or [*tmp_path.iterdir()]:
            left[f"{at} {action}"] = aws.left()

    assert left == {}


@pytest.mark.slow
@pytest.mark.parametrize("fault", [pytest.param("killed", marks=pytest.mark.nightly), "killed after"])
def test_a_killed_process_leaves_what_a_sweep_finds(
    tmp_path: Path, steps: dict[int, str], tried: bool, fault: str
) -> None:
    left = {}
    for at, action in steps.items():
        aws = played()
        aws.fault = lambda number, action, at=at: fault if number == at else None  # type: ignore[misc]
        verify(aws, tmp_path, tried=tried)
        sweep(aws, tmp_path)
        if aws.left() or [*tmp_path.iterdir()]:
            left[f"{at} {action}"] = aws.left()

    assert left == {}


def test_a_closed_terminal_keeps_nothing_from_being_taken_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Closed(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    def hang_up(number: int, action: str) -> str | None:
        made.append(len(aws.stacks) == 4)
        if made.count(True) == 1 and made[-1]:
            monkeypatch.setattr(sys, "stdout", Closed())
            return "interrupted"
        if made.count(True) == 4:
            signal.raise_signal(signal.SIGHUP)
        return None

    made, aws = list[bool](), played()
    aws.fault = hang_up
    before = [(one, signal.getsignal(one)) for one in main.ENDS]
    signal.signal(signal.SIGHUP, main._interrupt)
    try:
        outcome = replace(course(aws, tmp_path), say=main._say, held=main._held).verify(RUN)
    finally:
        for one, handler in before:
            signal.signal(one, handler)

    assert (outcome.stopped, outcome.swept.left) == ("interrupted", [])
    assert aws.left() == []


def test_a_sweep_finds_a_killed_run_without_its_journal_by_tag_and_name(tmp_path: Path) -> None:
    aws = played()
    aws.fault = lambda number, action: "killed" if len(aws.stacks) == 4 else None
    verify(aws, tmp_path)
    assert len(aws.left()) > 40

    sweep(aws, tmp_path / "another machine")

    assert aws.left() == []


@pytest.mark.slow
@pytest.mark.nightly
@pytest.mark.parametrize("action", sorted(needed() - {*TRIES.split()}))
def test_without_a_permission_nothing_is_left_and_no_sweep_is_needed(tmp_path: Path, action: str) -> None:
    aws = played(lacks=action)

    outcome = verify(aws, tmp_path)

    assert aws.left() == []
    assert outcome is None or action in UNSEEN or outcome.stopped, "the policy has more than is needed"


UNSEEN = {"cloudformation:DescribeStackEvents"}
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


def test_a_service_that_hangs_makes_no_run_longer(tmp_path: Path) -> None:
    def hangs(number: int, action: str) -> str | None:
        if action != "dynamodb:Scan" or aws.clock.at < began + 0.6 * TRY_SECONDS:
            return None
        aws.clock.at += hung_seconds
        return "hung"

    aws, hung_seconds = played(), 80
    began, aws.fault = aws.clock.at, hangs

    outcome = replace(course(aws, tmp_path), tries=tries).verify(RUN)

    assert (outcome.stopped, outcome.swept.left) == (None, [])
    assert {one["state"] for one in outcome.found["verdicts"]["fifo-lean"].values()} == {KEPT, NOT_IN_TIME}
    assert outcome.seconds < READ_SECONDS + hung_seconds + TAKE_SECONDS + 2 * PASS_SECONDS


def test_nothing_is_sent_while_a_poll_of_before_the_pause_may_bring_it(tmp_path: Path) -> None:
    class Timed(PlayedAws):
        def _dynamodb_UpdateItem(self, params: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802
            paused.append(self.clock.at)
            return {}

        def _sqs_SendMessage(self, params: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802
            if "Scratch" not in params["QueueUrl"]:
                sent.append(self.clock.at)
            return {"MessageId": "1"}

    paused, sent = list[float](), list[float]()

    verify(Timed(document(PLACE)), tmp_path, tried=True)

    assert sent[0] - paused[3] >= UNDER_WAY_SECONDS


def test_what_only_the_tag_finds_in_another_service_is_left(tmp_path: Path) -> None:
    aws = played()
    aws.things["sns", "a-topic"] = {TAG: RUN}

    outcome = verify(aws, tmp_path)

    assert outcome is not None
    assert outcome.swept.left == ["by the tag: arn:aws:sns:eu-west-1:123456789012:a-topic"]


def test_nothing_of_anybody_else_is_touched(tmp_path: Path) -> None:
    aws = played()
    own: Mapping[tuple[str, str], dict[str, Any]] = {
        ("queue", "zigzag-TaskQueue-1"): {},
        ("queue", "zigzag-verify-mine"): {},
        ("table", "zigzag-verify"): {},
        ("bucket", "zigzag-verify-ffffffff"): {},
        ("bucket", "zigzag-verify-20261129-backups"): {},  # a date may look like a run
        ("queue", "zigzag-verify-20261129-orders"): {},
    }
    aws.things.update(own)

    verify(aws, tmp_path)
    sweep(aws, tmp_path)

    assert {*own} == {*aws.things}


def test_a_strangers_data_under_a_runs_prefix_outlives_its_sweep(tmp_path: Path) -> None:
    aws = played()
    aws.fault = lambda number, action: "killed" if len(aws.stacks) == 4 else None
    verify(aws, tmp_path)
    stranger = {(kind, f"zigzag-verify-{RUN}-backups") for kind in ("bucket", "queue", "table", "log group")}
    aws.things.update({one: {} for one in stranger})

    sweep(aws, tmp_path)

    assert {*aws.things} == stranger
    assert [*tmp_path.iterdir()] == []


def test_a_stack_of_that_name_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    aws = played()
    aws.things["queue", f"zigzag-verify-{RUN}-mine"] = {}

    with pytest.raises(VerifyError, match=r"there is a queue .* already, which is not verify's"):
        course(aws, tmp_path).verify(RUN)

    assert len(aws.things) == 1
