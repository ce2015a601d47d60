"""The audit names a broken promise: lines of a sound world are altered, in one way each."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
from tests.promises.hostile.limited import LimitedWorld
from tests.promises.hostile.world import HostileWorld

from shared.lease import LEASE_SECONDS
from shared.ports.gates import AT_ONCE as MOST_AT_ONCE
from shared.ports.gates import BURST, EVERY, Rate
from zigzag_cli.audit import _words
from zigzag_operate.audit import Judge, Known, Report, audit_of_files
from zigzag_operate.audit.judge import HELD_SECONDS
from zigzag_operate.audit.report import (
    EVENT_DOUBLED,
    KILLED,
    LEASE_LOST,
    LOST,
    NO_LINE,
    NOT_DELETED,
    OVER_AT_ONCE,
    OVER_CAP,
    OVER_RATE,
    OVERLAPPING,
    RECORD_LOST,
    REDRIVEN,
    REPEATED,
    SENT_TWICE,
    SQS_TWICE,
    UNTRIED,
)

HOURS = 5 * 3600.0
CAP = 30
RATE, AT_ONCE = Rate(5, 1), 2

type Line = dict[str, Any]
type Lines = list[tuple[float, Line]]


def of_a_world() -> Lines:
    """Returns the lines of tasks that succeed, fail at first, fail for good, take long, and come twice."""
    world = HostileWorld({}, worker_timeout_seconds=900, in_flight_cap=CAP)
    for name in ("plain", "once", "by_key"):
        for does in ({}, {"fails": 1}, {"fails": 99}, {"rejects": 1}, {"seconds": 400}):
            world.send(name, **does)
    world.send("once", times=2)
    world.settle_down()
    world.sandbox.redrive()
    world.settle_down()
    world.close()
    return world.lines.written


def of_a_limit(**limit: Any) -> Lines:
    world = LimitedWorld({}, messages=200 if "rate" in limit else 0, worker_timeout_seconds=900, **limit)
    for _ in range(0 if "rate" in limit else 40):
        world.send("plain", seconds=100)
    world.settle_down()
    world.close()
    return world.lines.written


@pytest.fixture(scope="module")
def recorded() -> dict[str, Lines]:
    worlds = {"world": of_a_world(), "rate": of_a_limit(rate=RATE), "at once": of_a_limit(at_once=AT_ONCE)}
    for at, said in (line for lines in worlds.values() for line in lines):
        if said.get("attempt"):  # as in a line that comes late
            said.setdefault("started", at - said["seconds"])
    return worlds


def audited(lines: Lines, on_queues: int | None = 0) -> Report:
    ordered = sorted(lines, key=lambda line: line[0])
    judge = Judge(ordered[0][0] - 100, Known(on_queues=on_queues))
    for at, said in ordered:
        judge.line(at, said)
    return judge.end(ordered[-1][0] + HELD_SECONDS)


# ---- How lines are found, and altered ----


def of(lines: Lines, **fields: Any) -> list[Line]:
    """Returns the lines with these values."""
    found = [said for _, said in lines if all(said.get(name) == value for name, value in fields.items())]
    assert found, f"no line has {fields}"
    return found


def without(lines: Lines, *gone: Line) -> None:
    lines[:] = [line for line in lines if all(line[1] is not one for one in gone)]


def of_the_message(lines: Lines, line: Line) -> list[Line]:
    return of(lines, message_id=line["message_id"])


def first(lines: Lines, task: str, outcome: str = "succeeded", attempt: int = 1, **fields: Any) -> Line:
    return of(lines, task=task, outcome=outcome, attempt=attempt, **fields)[0]


def again(lines: Lines, line: Line, later: float, **fields: Any) -> None:
    """Adds a line like that one, so much later."""
    started = line["started"] + later
    copy = {**line, "started": started, "receives": line["receives"] + 1, **fields}
    lines.append((started + copy["seconds"], copy))


def never_comes_back(lines: Lines) -> None:
    without(lines, *of_the_message(lines, first(lines, "plain", "retry later"))[1:])


def has_no_line(lines: Lines) -> None:
    without(lines, *of_the_message(lines, first(lines, "plain")))


def is_only(outcome: str, **fields: Any) -> Callable[[Lines], None]:
    def alter(lines: Lines) -> None:
        first(lines, "plain").update(outcome=outcome, **fields)

    return alter


def one_more_is_received(lines: Lines) -> None:
    ticks = [said for at, said in lines if said["message"] == "tick" and said["received"]]
    ticks[-1]["received"] += 1


def runs_again(task: str, later: float, **fields: Any) -> Callable[[Lines], None]:
    """Has a long task run again so long after its start, in which it is still running, or is not."""

    def alter(lines: Lines) -> None:
        again(lines, first(lines, task, seconds=400.0), later, **fields)

    return alter


def of_the_first(alter: Callable[[Lines], None], **fields: Any) -> Callable[[Lines], None]:
    """Has the line that a second run was made from say this, too."""

    def alter_both(lines: Lines) -> None:
        alter(lines)
        of(lines, message_id=lines[-1][1]["message_id"])[0].update(fields)

    return alter_both


def a_second_message_runs(later: float) -> Callable[[Lines], None]:
    def alter(lines: Lines) -> None:
        done = of(lines, task="once", outcome="already done")[0]
        (ran,) = of(lines, id=done["id"], outcome="succeeded")
        without(lines, done)
        ran |= {"seconds": 60.0}
        again(lines, ran, later, message_id=done["message_id"], receives=done["receives"])

    return alter


def was_released(lines: Lines) -> None:
    """Turns the attempts before a letter into deliveries that were not started."""
    letter = first(lines, "plain", "dead-letter", 3)
    for one in of_the_message(lines, letter)[:-1]:
        one |= {"outcome": "released", "attempt": 0}


def has_a_letter(reason: str, **fields: Any) -> Callable[[Lines], None]:
    def alter(lines: Lines) -> None:
        first(lines, "plain").update(outcome="dead-letter", reason=reason, **fields)

    return alter


def starts_come(faster: float) -> Callable[[Lines], None]:
    """Brings the starts nearer to each other, so many times."""

    def alter(lines: Lines) -> None:
        starts = of(lines, message="delivery")
        begins = starts[0]["started"]
        for one in starts:
            one["started"] = begins + (one["started"] - begins) / faster

    return alter


def one_starts_early(lines: Lines) -> None:
    one = of(lines, message="delivery")[30]
    one["started"], one["seconds"] = one["started"] - 50, one["seconds"] + 50


def of_another_queue(alter: Callable[[Lines], None]) -> Callable[[Lines], None]:
    def alter_and_name(lines: Lines) -> None:
        alter(lines)
        for said in (said for _, said in lines):
            if said["message"] == "tick":
                said["limits"] = {"urgent": said["limits"]["default"]}
            else:
                said["queue"] = "urgent"

    return alter_and_name


def after_hours_without_a_limit(alter: Callable[[Lines], None]) -> Callable[[Lines], None]:
    def alter_and_add(lines: Lines) -> None:
        alter(lines)
        one, began = of(lines, message="delivery")[0], min(at for at, _ in lines)
        for number in range(24):
            ended = began - 500 - 300 * number
            run = {"message_id": f"m-{number}", "id": f"i-{number}", "started": ended - 900, "seconds": 900}
            lines.append((ended, one | run))

    return alter_and_add


def a_tick_is_greedy(lines: Lines) -> None:
    tick = next(said for _, said in lines if said.get("received", 0) > 1)
    tick["cap"] = tick["received"] - 1


BREACHES: dict[str, tuple[str, str, Callable[[Lines], None]]] = {
    "a postponed message never comes back": (LOST, "world", never_comes_back),
    "a message has no line at all": (LOST, "world", has_no_line),
    "a released message never comes back": (LOST, "world", is_only("released", retry_seconds=30)),
    "a message that was left alone never comes": (LOST, "world", is_only("left alone", settled=False)),
    "a letter was not stored": (LOST, "world", is_only("dead-letter", settled=False, reason="rejected: no")),
    "more is received than ends": (LOST, "world", one_more_is_received),
    "a plain task beside itself, its lease held": (OVERLAPPING, "world", runs_again("plain", 200)),
    "an idempotent task beside itself": (OVERLAPPING, "world", runs_again("once", 60)),
    "the same by a key of its own": (OVERLAPPING, "world", runs_again("by_key", 60)),
    "two messages of one id at once": (OVERLAPPING, "world", a_second_message_runs(30)),
    "two messages of one id in turn": (REPEATED, "world", a_second_message_runs(100)),
    "an idempotent task after its completion": (REPEATED, "world", runs_again("once", 500)),
    "the same by a key of its own, once more": (REPEATED, "world", runs_again("by_key", 500)),
    "the same hours later": (REPEATED, "world", runs_again("once", HOURS, redriven=True, message_id="m")),
    "a letter after deliveries without a start": (UNTRIED, "world", was_released),
    "a letter with fewer receives than attempts": (
        UNTRIED,
        "world",
        has_a_letter("failed after 5 attempts: ValueError: broken"),
    ),
    "a letter for starts that were none": (
        UNTRIED,
        "world",
        has_a_letter("started 21 times, and the end of the last is not recorded", receives=2, attempt=0),
    ),
    "a rejected task that did not start": (UNTRIED, "world", has_a_letter("rejected: no", attempt=0)),
    "twice the rate": (OVER_RATE, "rate", starts_come(2)),
    "a fifth more than the rate, for long": (OVER_RATE, "rate", starts_come(1.2)),
    "one more at once than may": (OVER_AT_ONCE, "at once", one_starts_early),
    "the same of another queue": (OVER_AT_ONCE, "at once", of_another_queue(one_starts_early)),
    "the same, of hours later": (OVER_AT_ONCE, "at once", after_hours_without_a_limit(one_starts_early)),
    "a tick that receives more than the cap": (OVER_CAP, "world", a_tick_is_greedy),
}


@pytest.mark.parametrize("breach", BREACHES)
def test_a_planted_breach_is_named(breach: str, recorded: dict[str, Lines]) -> None:
    kind, of_which, alter = BREACHES[breach]
    lines = deepcopy(recorded[of_which])

    alter(lines)

    assert {one.kind for one in audited(lines).findings} == {kind}


@pytest.mark.parametrize("which", ["world", "rate", "at once"])
def test_the_lines_as_they_were_have_no_finding(which: str, recorded: dict[str, Lines]) -> None:
    report = audited(recorded[which])

    assert (report.findings, report.unknown) == ([], [])
    assert report.deliveries > 10


def is_killed(lines: Lines) -> None:
    first(lines, "plain", attempt=2).update(attempt=3, receives=3)


CAUSES: dict[str, Callable[[Lines], None]] = {
    LEASE_LOST: of_the_first(runs_again("plain", 200), lost="lease"),
    EVENT_DOUBLED: runs_again("plain", 200, receives=1),
    SQS_TWICE: runs_again("plain", LEASE_SECONDS - 1),
    NOT_DELETED: of_the_first(runs_again("plain", 500), settled=False),
    RECORD_LOST: of_the_first(runs_again("once", 200), lost="record"),
    KILLED: is_killed,
    NO_LINE: lambda lines: first(lines, "plain", attempt=2).update(receives=3),
    REDRIVEN: runs_again("plain", HOURS, message_id="m", redriven=True, receives=1),
    SENT_TWICE: runs_again("plain", 30, message_id="m", receives=1),
}


@pytest.mark.parametrize("cause", CAUSES)
def test_a_possible_duplicate_has_its_cause_and_is_no_finding(cause: str, recorded: dict[str, Lines]) -> None:
    lines = deepcopy(recorded["world"])

    CAUSES[cause](lines)

    report = audited(lines)
    assert (report.findings, report.causes) == ([], {cause: 1})


def test_a_delivery_that_waits_in_its_batch_may_start_after_the_next_one(recorded: dict[str, Lines]) -> None:
    lines = deepcopy(recorded["world"])

    of_the_first(runs_again("plain", 200, receives=1), receives=2)(lines)

    report = audited(lines)
    assert (report.findings, report.causes) == ([], {SQS_TWICE: 1})


def test_a_message_that_came_twice_goes_on_twice(recorded: dict[str, Lines]) -> None:
    lines = deepcopy(recorded["world"])
    line = first(lines, "plain", seconds=400.0)
    line |= {"outcome": "retry later", "retry_seconds": 1}

    again(lines, line, 20, receives=2)  # the second delivery, which goes on for 19 s more
    again(lines, line, 401, receives=3, outcome="succeeded")  # the first one's retry

    report = audited(lines)
    assert (report.findings, report.causes) == ([], {SQS_TWICE: 2})


def test_what_the_judge_holds_does_not_grow_with_the_lines() -> None:
    judge = Judge(0.0, Known(on_queues=0))
    held = []
    for number in range(6 * 4_000):
        said = {"outcome": "succeeded", "attempt": 1, "receives": 1, "settled": True, "seconds": 0.1}
        of = {"task": "hello", "id": str(number), "message_id": str(number), "age_seconds": 1.0}
        judge.line(100 + number * HELD_SECONDS / 4_000, {"message": "delivery", **said, **of})
        held.append(sum(map(len, (judge._ended, judge._runs, judge._waiting))))

    assert max(held[8_000:]) <= max(held[:8_000]) < 8_100
    assert ("hello", "0") in judge._seen


@pytest.mark.parametrize("outcome", ["succeeded", "retry later"])
def test_what_the_judge_holds_does_not_grow_with_the_texts(
    outcome: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("zigzag_operate.audit.judge.MAX_BYTES", 2**20)
    judge = Judge(0.0, Known(on_queues=0))

    def line(number: int) -> None:
        said = {"outcome": outcome, "attempt": 1, "receives": 1, "settled": True, "seconds": 0.1}
        long = dict.fromkeys(("task", "id", "message_id", "reason"), f"{'😀' * 50000}{number}")
        judge.line(100 + number, {"message": "delivery", **said, **long, "age_seconds": 1.0})

    tracemalloc.start()
    for number in range(600):
        line(number)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert 2**20 < held < 4 * 2**20
    assert [one for one in judge.end(701).unknown if "more than an audit remembers" in one]


def test_messages_without_an_id_are_not_taken_for_one(recorded: dict[str, Lines]) -> None:
    lines = deepcopy(recorded["world"])
    for line in of(lines, task="plain", outcome="succeeded"):
        del line["id"]

    report = audited(lines)

    assert (report.findings, report.causes) == ([], {})


PRINTED: dict[str, Line] = {
    "a list for an outcome": {"outcome": []},
    "numbers for names": {"task": 5, "id": 7, "message_id": 9, "reason": {}},
    "a start ages ago": {"started": -9e10},
    "a run of ages": {"seconds": 9e10},
    "no number": {"seconds": float("nan"), "age_seconds": float("inf"), "receives": "1"},
    "thousands of digits": {"outcome": "dead-letter", "reason": "failed after " + "9" * 5_000},
    "limits of words": {
        "message": "tick",
        "limits": {"default": {EVERY: "x", BURST: [], MOST_AT_ONCE: None}},
    },
    "limits of nothing": {"message": "tick", "limits": {"default": {EVERY: 0, BURST: float("nan")}}},
}


@pytest.mark.parametrize("printed", PRINTED)
def test_a_line_that_a_task_has_printed_breaks_no_audit(printed: str, recorded: dict[str, Lines]) -> None:
    lines = deepcopy(recorded["world"])
    sound = {**first(lines, "plain"), "id": "another", "message_id": "another", "received": 0}
    lines += [
        (at, {**sound, **PRINTED[printed]}) for at in (lines[0][0] - 1, lines[-1][0] + 3 * HELD_SECONDS)
    ]

    report = audited(lines)

    assert {one.kind for one in report.findings} <= {UNTRIED}
    assert "\n".join(_words(report, "lines"))


@pytest.mark.parametrize("timestamp", ["9999-12-31T00:00:00Z", "0001-01-01T00:00:00+14:00", "4000-01-01", 5])
def test_a_time_that_no_clock_says_breaks_no_audit_of_files(timestamp: Any) -> None:
    of = {
        "outcome": "succeeded",
        "message_id": "m",
        "attempt": 1,
        "receives": 1,
        "seconds": 1,
        "settled": True,
    }
    said = {"message": "delivery", "task": "hello", "id": "m", "age_seconds": 1, **of}
    times = ("2026-11-29T10:00:00Z", timestamp)

    report = audit_of_files([[json.dumps({**said, "timestamp": one})] for one in times], None, True)

    assert report.deliveries == 1 + (timestamp == "4000-01-01")
    assert "\n".join(_words(report, "a file"))
