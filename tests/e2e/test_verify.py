"""Verify as a whole, on the local AWS: it deploys, tries, asks, and takes everything away.

Its answers are the local AWS's own, and count for nothing. That its calls are taken, and that its trials are
kept there, is what is proved.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial

import boto3
import pytest

from zigzag_local.emulator import Emulator
from zigzag_verify import evidence, package
from zigzag_verify.clock import Clock
from zigzag_verify.door import Door
from zigzag_verify.finding import found
from zigzag_verify.journal import Journal
from zigzag_verify.names import SETTINGS
from zigzag_verify.plan import plan_of
from zigzag_verify.policy import CALLS, TRIES
from zigzag_verify.run import Course, Outcome
from zigzag_verify.tries import tries, uses

pytestmark = [pytest.mark.slow, pytest.mark.nightly]

RUN = "0123abcd"


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Door, Outcome]]:
    with Emulator() as aws, pytest.MonkeyPatch.context() as patch:
        for name, value in aws.variables().items():
            patch.setenv(name, value)
        door = Door(boto3.Session(region_name="us-east-1"), aws.endpoint)
        door.look_around()
        journal = Journal(tmp_path_factory.mktemp("journal"))
        build = partial(package.build, on_aws=False)
        yield door, Course(door, journal, Clock(), print, build, tries).verify(RUN)


def test_every_promise_is_kept_in_every_stack(ran: tuple[Door, Outcome]) -> None:
    _, outcome = ran

    assert outcome.stopped is None
    assert outcome.found["verdicts"].keys() == SETTINGS.keys()
    verdicts = [
        (setting, name, one["state"], one["figures"])
        for setting, some in outcome.found["verdicts"].items()
        for name, one in some.items()
    ]
    assert len(verdicts) > 35
    assert [one for one in verdicts if one[2] != "kept"] == []


def test_nothing_is_left_by_name_in_each_services_list(ran: tuple[Door, Outcome]) -> None:
    door, outcome = ran

    assert outcome.swept.left == []
    there, unknown = found(door, RUN)
    assert (unknown, [names for names in there.values() if names]) == ([], [])
    assert outcome.swept.taken["queue"] >= 3 * len(SETTINGS)
    assert outcome.swept.taken["table"] == 2 * len(SETTINGS)
    assert outcome.swept.by_tag == []


def test_it_calls_all_that_its_policy_has_and_no_more_often_than_its_bound(
    ran: tuple[Door, Outcome],
) -> None:
    door, _ = ran

    uncalled = {*CALLS.split(), *TRIES.split()} - {*door.calls}
    assert uncalled == {"cloudformation:DescribeStackEvents"}, "that is called when a stack fails"
    assert evidence.over(door.calls, plan_of(uses())) == {}


def test_each_question_has_an_answer_and_each_function_its_reading(ran: tuple[Door, Outcome]) -> None:
    _, outcome = ran

    assert [one for one, said in outcome.found["answers"].items() if "not answered" in said] == []
    for setting, read in outcome.found["readings"].items():
        assert read["consumer"]["requests"], setting
        assert read["worker"]["requests"] > 10, setting
        assert len(read["send to start, seconds"]) == 3, setting


def test_the_evidence_is_marked_and_names_no_account(ran: tuple[Door, Outcome]) -> None:
    door, outcome = ran

    told = evidence.record(door, outcome, plan_of(uses()), 1_800_000_000, "abc")

    assert told["where"] == "not AWS"
    assert door.place["account"] not in json.dumps(told)
