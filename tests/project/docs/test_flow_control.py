"""Does what docs/flow-control.md shows work, and are its numbers the code's?"""

from __future__ import annotations

import math
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import boto3
import pytest
from tests.contract.places import make_table
from tests.project.docs.pages import blocks, commands, read
from tests.transports import as_on_lambda, in_place, moto_over_http

from consumer.flow.gate import LOOK_AGAIN_SECONDS
from consumer.flow.gated import LOOK_FOR_PERMITS_SECONDS, PERMIT_WAIT_SECONDS, WAIT_SECONDS
from consumer.flow.opening import SLOW_SECONDS
from consumer.flow.slots import LATE_SECONDS
from shared.aws.choice import LEAN
from shared.aws.dynamodb_gates import DynamoDbGates
from shared.lease import (
    BEAT_EVERY_SECONDS,
    DROP_MARGIN_SECONDS,
    KEPT_SECONDS,
    LEASE_SECONDS,
    PERMIT_SECONDS,
)
from shared.ports.auto import (
    CUT_EVERY_SECONDS,
    FORGOTTEN_SECONDS,
    HALVED_SECONDS,
    KEPT,
    KEPT_AGAIN,
    SLOT_SECONDS,
    SOON_SECONDS,
    Auto,
)
from shared.ports.breaker import CUTS_SECONDS, DEFAULT_LONGEST_SECONDS, DEFAULT_TRIP, QUIET_SECONDS
from shared.ports.gates import MAX_AT_ONCE, Gate
from shared.ports.queue import MAX_POLL_SECONDS
from shared.queues import DEFAULT
from worker.flow.breaker import FREE_RECEIVES, HIDDEN_SECONDS, MAX_HIDDEN_SECONDS
from worker.flow.permit import OWN_SECONDS
from zigzag.errors import MAX_AFTER_SECONDS
from zigzag.in_place import run_in_place
from zigzag_operate.cost.model import TICKS, Setup, flow_control_month

PAGE = read("docs/flow-control.md")
DAY = 24 * 3600
AWS = Path(sys.executable).with_name("aws")


def test_the_code_of_the_page_runs() -> None:
    names: dict[str, Any] = {"__name__": "page"}

    for block in blocks(PAGE, "python"):
        exec(compile(block.text, "docs/flow-control.md", "exec"), names)  # noqa: S102 -- our own page

    assert names["greeted"][:3] == ["Ann", "Ben", "Cleo"]


def test_the_aws_commands_of_the_page_pause_and_resume_the_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    pause, resume = [one for one in commands(PAGE) if one.startswith("aws ")]
    with moto_over_http() as url:
        as_on_lambda(monkeypatch, url)
        make_table("records")
        with in_place(LEAN) as transport:
            gates = DynamoDbGates(transport, "records")
            said = []
            for command in (pause, resume):
                _run(command, url, RECORDS_TABLE="records")
                said.append(run_in_place(gates.read([DEFAULT]))[DEFAULT])

        items = boto3.client("dynamodb").scan(TableName="records")["Items"]

    assert said == [Gate(paused=True), Gate()]
    assert items == [{"key": {"S": "gate#default"}}]


def _run(command: str, url: str, **variables: str) -> None:
    words = [variables.get(word.removeprefix("$"), word) for word in shlex.split(command)[1:]]
    subprocess.run([str(AWS), *words, "--endpoint-url", url], check=True, capture_output=True)


def test_the_numbers_in_the_text_are_the_codes() -> None:
    told = [
        f"nothing is received {LOOK_AGAIN_SECONDS:g} s after it",
        f"but by a poll under way, for {MAX_POLL_SECONDS} s at most",
        f"{LOOK_AGAIN_SECONDS:g} s after the pause is written",
        f"which waits for {MAX_POLL_SECONDS} s at most",
        f"drops a message {KEPT_SECONDS // DAY} days after it was sent",
        f"L is {LATE_SECONDS:g} s, or the time from one slot to the next if that is longer",
        f"a burst of 10 and clocks that agree, {10 * (1 + LATE_SECONDS) + 10:g} within one second",
        f"A tick waits for a slot for {WAIT_SECONDS:g} s",
        f"More than {MAX_AT_ONCE} at once is `WorkerConcurrency`",
        f"It renews it each {BEAT_EVERY_SECONDS:g} s while the task runs",
        f"A permit ends {PERMIT_SECONDS:g} s after it was renewed last",
        f"and {PERMIT_SECONDS - OWN_SECONDS:g} s before that a worker that could not renew it ends",
        f"clocks differ by less than {PERMIT_SECONDS - OWN_SECONDS:g} s",
        f"away for longer than {OWN_SECONDS:g} s",
        f"to the next task within {LEASE_SECONDS} s",
        f"another one ends after {PERMIT_WAIT_SECONDS:g} s",
        f"Once {DEFAULT_TRIP} different messages have",
        f"`after`, {MAX_AFTER_SECONDS // 60} minutes at most",
        f"in each second of a tick's first {'ten' if SLOW_SECONDS == 10 else SLOW_SECONDS}",
        "**For six hours at most**" if DEFAULT_LONGEST_SECONDS == 6 * 3600 else "as long as it is",
        "until an hour has passed" if QUIET_SECONDS == 3600 else "as long as it is",
        f"A refused start cuts it by {1 - KEPT:.0%}".replace("%", " %"),
        "or by half" if KEPT_AGAIN == 0.5 else "or by as much as it does",
        f"if its message was received within {HALVED_SECONDS:g} s of the last cut",
        f"once in {CUT_EVERY_SECONDS:g} s at most",
        f"The rate begins at {1 / Auto().first:g}/s",
        f"{1 / Auto().slowest:g}/s and {1 / Auto().fastest:g}/s by default",
        f"A refusal must come within some {SOON_SECONDS:g} s of the start",
        f"below {round(1 / SLOT_SECONDS)}/s it grows by starts",
        f"not until the message has been received {FREE_RECEIVES} times",
        "It waits {} to {} s at first".format(*HIDDEN_SECONDS),
        f"up to {MAX_HIDDEN_SECONDS // 60} minutes",
        f"after {CUTS_SECONDS:g} s without a success",
        "It forgets in ten minutes" if FORGOTTEN_SECONDS == 600 else "as long as it is",
        "A tick looks twice a second" if LOOK_FOR_PERMITS_SECONDS == 0.5 else "as often as it does",
    ]

    assert [words for words in told if words not in PAGE] == []


def test_the_log_warns_from_the_day_that_is_told() -> None:
    assert "From the tenth day of a pause on" in PAGE
    assert (KEPT_SECONDS - DROP_MARGIN_SECONDS) / DAY == 10


def test_an_idle_month_costs_what_is_told_and_at_most_a_cent() -> None:
    text, of_a_rate = [block.text for block in blocks(PAGE, "text")]
    sums = 0.0
    for line in (*text.splitlines(), of_a_rate.strip()):
        left, _, right = line.partition(" = $")
        factors = [float(number.replace(",", "")) for number in re.findall(r"[\d,]*\d(?:\.\d+)?", left)]
        assert factors[0] == TICKS
        assert f"{math.prod(factors):.4f}" == right.strip()
        sums += 0 if line == of_a_rate.strip() else math.prod(factors)

    month = flow_control_month(Setup())
    assert f"${month:.4f} in an idle month" in PAGE
    assert math.isclose(month, sums, rel_tol=0.001)
    assert month <= 0.01
