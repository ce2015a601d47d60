"""Both implementations of the gates port keep one contract: in memory, and on DynamoDB, which is moto,
MiniStack, or the gates in memory behind a wire or the stub."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from typing import Any, ClassVar

import pytest
from tests.contract.places import ByHand, make_table
from tests.http_endpoint import HttpEndpoint
from tests.transports import TRANSPORTS, as_on_lambda, in_place
from tests.worlds import Emulated, ministack, moto

from shared.aws.choice import LEAN
from shared.aws.dynamodb_gates import DynamoDbGates
from shared.ports.auto import Auto, Cut
from shared.ports.breaker import CUTS_SECONDS, Breaker
from shared.ports.gates import Gate, GatesError, OperatedGates, Rate, Taking
from shared.ports.workers import Meaning
from zigzag.in_place import run_in_place

NOW = 1_800_000_000.25
OPEN = Gate()
TABLE = "records"


def read(gates: OperatedGates, *queues: str) -> dict[str, Gate]:
    return run_in_place(gates.read(queues))


class Mails:
    """The gate of a queue called mails. Each call of the port is made here and now."""

    def __init__(self, gates: OperatedGates) -> None:
        self._gates = gates

    def __getattr__(self, call: str) -> Callable[..., Any]:
        return lambda *asked: run_in_place(getattr(self._gates, call)("mails", *asked))

    @property
    def gate(self) -> Gate:
        return read(self._gates, "mails")["mails"]

    @property
    def breaker(self) -> Breaker:
        return self.gate.breaker

    def take(self, *names: str, until: float = NOW + 105) -> None:
        """Takes permits of these names."""
        taken, _ = self.swap(self.gate.rev, Taking(takes=dict.fromkeys(names, until)))
        assert taken

    def say(self, message: str, now: float = NOW, until: float | None = None) -> Breaker:
        """Reports a message whose service is unavailable. Returns the breaker after it."""
        breaker: Breaker = self.unavailable(message, now, until).breaker
        return breaker

    def enough(self, now: float = NOW, many: int = 10) -> Breaker:
        """Reports so many messages: by default as many as shut the queue."""
        return [self.say(f"{number:02x}", now) for number in range(many)][-1]


@pytest.fixture
def mails(gates: OperatedGates) -> Mails:
    return Mails(gates)


class TestGates:
    def test_a_queue_of_which_nothing_is_said_is_open(self, mails: Mails) -> None:
        assert mails.gate == OPEN

    def test_a_queue_that_is_paused_is_paused_since_then(self, mails: Mails) -> None:
        mails.pause(NOW)

        assert mails.gate == Gate(paused=True, since=NOW)

    def test_a_second_pause_changes_nothing(self, mails: Mails) -> None:
        mails.pause(NOW)
        mails.pause(NOW + 3600)

        assert mails.gate.since == NOW

    def test_a_queue_that_is_resumed_is_open(self, mails: Mails) -> None:
        mails.pause(NOW)
        mails.resume(NOW)

        assert mails.gate == OPEN

    def test_a_queue_that_was_not_paused_can_be_resumed(self, mails: Mails) -> None:
        mails.resume(NOW)

        assert mails.gate == OPEN

    def test_all_gates_are_read_at_once_and_each_queue_has_its_own(self, gates: OperatedGates) -> None:
        Mails(gates).pause(NOW)

        paused = Gate(paused=True, since=NOW)
        assert read(gates, "default", "mails", "pages") == {"default": OPEN, "mails": paused, "pages": OPEN}

    @pytest.mark.parametrize("queue", ["a#b", "a%23b", "漢", "x" * 2000])
    def test_a_queue_of_any_name_has_a_gate(self, gates: OperatedGates, queue: str) -> None:
        run_in_place(gates.pause(queue, NOW))

        assert read(gates, queue, "other") == {queue: Gate(paused=True, since=NOW), "other": OPEN}


class TestRate:
    def test_a_rate_holds_until_there_is_none(self, mails: Mails) -> None:
        mails.limit(Rate(0.2, 10))
        assert mails.gate.rate == Rate(0.2, 10)

        mails.limit(None)
        assert mails.gate._replace(rev=0) == OPEN

    def test_a_take_says_when_the_next_slot_may_be(self, mails: Mails) -> None:
        mails.limit(Rate(0.2))
        before = mails.gate

        taken, after = mails.swap(before.rev, Taking(NOW + 0.4))

        assert (taken, after) == (True, before._replace(rev=before.rev + 1, next=NOW + 0.4))
        assert mails.gate == after

    def test_of_two_takes_at_once_one_is_refused_and_told_how_it_is(self, mails: Mails) -> None:
        mails.limit(Rate(0.2))
        rev = mails.gate.rev
        _, first = mails.swap(rev, Taking(NOW + 0.4))

        assert mails.swap(rev, Taking(NOW + 9)) == (False, first)
        assert mails.gate == first

    def test_a_gate_that_is_paused_meanwhile_gives_no_slots(self, mails: Mails) -> None:
        mails.limit(Rate(0.2))
        rev = mails.gate.rev
        mails.pause(NOW)

        taken, gate = mails.swap(rev, Taking(NOW + 9))

        assert (taken, gate.paused, gate.next) == (False, True, 0.0)

    def test_another_rate_holds_from_now_on_whatever_was_taken(self, mails: Mails) -> None:
        mails.limit(Rate(3600))
        rev = mails.gate.rev
        mails.swap(rev, Taking(NOW + 3600))

        mails.limit(Rate(1))

        gate = mails.gate
        assert (gate.rate, gate.next) == (Rate(1), 0.0)
        assert not mails.swap(rev + 1, Taking(NOW))[0], "who saw the old rate is refused"

    def test_a_gate_that_is_not_there_yet_takes_a_swap(self, mails: Mails) -> None:
        assert mails.swap(0, Taking(NOW)) == (True, Gate(rev=1, next=NOW))


class TestCap:
    """An exact cap: permits that are held, by their names."""

    @pytest.fixture
    def capped(self, mails: Mails) -> Mails:
        mails.cap(3)
        return mails

    def test_a_cap_holds_until_there_is_none(self, capped: Mails) -> None:
        assert capped.gate._replace(rev=0) == Gate(at_once=3)

        capped.cap(None)
        assert capped.gate._replace(rev=0) == OPEN

    def test_permits_that_are_taken_are_held_until_then(self, capped: Mails) -> None:
        before = capped.gate

        taken, after = capped.swap(before.rev, Taking(takes={"a": NOW + 105, "b": NOW + 105.5}))

        held = {"a": NOW + 105, "b": NOW + 105.5}
        assert (taken, after) == (True, before._replace(rev=before.rev + 1, held=held))
        assert capped.gate == after

    def test_of_two_takes_of_permits_at_once_one_is_refused(self, capped: Mails) -> None:
        rev = capped.gate.rev
        capped.take("a")

        taken, seen = capped.swap(rev, Taking(takes={"b": NOW + 105}))

        assert (taken, set(seen.held)) == (False, {"a"})
        assert set(capped.gate.held) == {"a"}

    def test_permits_stay_held_when_the_cap_is_changed_or_taken_away(self, capped: Mails) -> None:
        capped.take("a")

        for most in (1, None, 2):
            capped.cap(most)
            assert (capped.gate.at_once, set(capped.gate.held)) == (most, {"a"})

    def test_a_take_that_saw_the_old_cap_is_refused(self, capped: Mails) -> None:
        rev = capped.gate.rev
        capped.cap(1)

        assert not capped.swap(rev, Taking(takes={"a": NOW + 105}))[0]

    def test_slots_and_permits_are_taken_together(self, capped: Mails) -> None:
        capped.limit(Rate(1))

        rev = capped.gate.rev
        capped.swap(rev, Taking(NOW + 2, {"a": NOW + 105, "b": NOW + 105}))

        assert (capped.gate.next, set(capped.gate.held)) == (NOW + 2, {"a", "b"})

    def test_a_take_takes_off_what_has_run_out(self, capped: Mails) -> None:
        capped.take("a", "b", until=NOW - 1)

        gate = capped.gate
        taken, after = capped.swap(gate.rev, Taking(takes={"c": NOW + 105}, dead=gate.held))

        assert (taken, dict(after.held)) == (True, {"c": NOW + 105})

    def test_a_permit_that_was_renewed_since_it_was_seen_is_not_taken_off(self, capped: Mails) -> None:
        capped.take("a", until=NOW - 1)
        seen = capped.gate
        capped.renew("a", NOW + 100)

        taken, after = capped.swap(seen.rev, Taking(takes={"b": NOW + 105}, dead=seen.held))

        assert (taken, dict(after.held)) == (False, {"a": NOW + 100})

    def test_a_claimed_permit_is_held_by_the_claimers_own_name(self, capped: Mails) -> None:
        capped.take("a", "b")

        assert capped.claim("a", "a.1", NOW, NOW + 110)

        assert dict(capped.gate.held) == {"a.1": NOW + 110, "b": NOW + 105}

    def test_of_two_claims_of_a_permit_one_has_it(self, capped: Mails) -> None:
        capped.take("a")

        claimed = [capped.claim("a", own, NOW, NOW + 110) for own in ("a.1", "a.2")]

        assert claimed == [True, False]
        assert set(capped.gate.held) == {"a.1"}

    def test_a_claim_that_is_made_again_since_its_answer_was_lost_has_it(self, capped: Mails) -> None:
        capped.take("a")

        assert [capped.claim("a", "a.1", NOW, NOW + 110) for _ in range(2)] == [True] * 2

    @pytest.mark.parametrize("now", [NOW + 105, NOW + 105.5])
    def test_one_that_has_run_out_is_not_claimed(self, capped: Mails, now: float) -> None:
        capped.take("a", until=NOW + 105)

        assert capped.claim("a", "a.1", now, now + 105) is (now == NOW + 105)

    def test_it_is_renewed_as_long_as_it_is_held(self, capped: Mails) -> None:
        capped.take("a")

        renewed = capped.renew("a", NOW + 200)
        assert (renewed, dict(capped.gate.held)) == (True, {"a": NOW + 200})

        capped.release(["a"])
        assert (capped.renew("a", NOW + 300), capped.gate.held) == (False, {})

    def test_permits_are_given_back_by_their_names_however_often(self, capped: Mails) -> None:
        capped.take("a", "b", "c")

        for _ in range(2):
            capped.release(["a", "c", "never taken"])

        assert set(capped.gate.held) == {"b"}

    def test_nothing_is_held_without_a_cap(self, mails: Mails) -> None:
        assert not mails.claim("a", "a.1", NOW, NOW + 105)
        assert not mails.renew("a.1", NOW + 105)
        mails.release(["a.1"])

        assert mails.gate == OPEN

    def test_thirty_permits_are_taken_ten_at_a_time(self, mails: Mails) -> None:
        mails.cap(30)

        for ten in range(3):
            mails.take(*(f"{ten}{one}" for one in range(10)))

        assert len(mails.gate.held) == 30


class TestAuto:
    """A rate that changes by itself: consumers let it grow, and workers cut it."""

    RULE = Auto(60, 0.01, refused=0.5)
    BREAKER = Breaker(patience=CUTS_SECONDS)

    @pytest.fixture
    def auto(self, mails: Mails) -> Mails:
        mails.limit(Rate(0.5), self.RULE)
        return mails

    def test_the_rule_holds_until_there_is_another_one(self, auto: Mails) -> None:
        assert auto.gate._replace(rev=0) == Gate(rate=Rate(0.5), auto=self.RULE, breaker=self.BREAKER)

        auto.limit(Rate(0.2, 10))
        assert auto.gate._replace(rev=0) == Gate(rate=Rate(0.2, 10))

        auto.limit(Rate(1), self.RULE)
        auto.limit(None)
        assert auto.gate._replace(rev=0) == OPEN

    def test_a_take_of_slots_changes_the_rate(self, auto: Mails) -> None:
        before = auto.gate

        taken, after = auto.swap(before.rev, Taking(NOW + 1, every=0.4))

        assert (taken, after) == (
            True,
            before._replace(rev=before.rev + 1, rate=Rate(0.4), next=NOW + 1),
        )
        assert auto.gate == after

    def test_a_cut_changes_the_rate_and_leaves_what_was_refused(self, auto: Mails) -> None:
        before = auto.gate

        assert auto.cut(Cut(0.625, 0.5, NOW, 0.0, 1.5))

        assert auto.gate == before._replace(
            rev=before.rev + 1, rate=Rate(0.625), auto=self.RULE._replace(refused=0.5, cut=NOW, took=1.5)
        )

    def test_of_two_workers_who_cut_it_at_once_one_does(self, auto: Mails) -> None:
        first = [auto.cut(Cut(every, 0.5, NOW, 0.0)) for every in (0.6, 0.7)]
        again = [auto.cut(Cut(every, 0.6, NOW + 9, NOW)) for every in (1.2, 1.3)]

        assert (first, again) == ([True, False], [True, False])
        assert auto.gate.rate == Rate(1.2)

    def test_a_take_that_saw_the_rate_before_a_cut_is_refused(self, auto: Mails) -> None:
        rev = auto.gate.rev
        auto.cut(Cut(0.625, 0.5, NOW, 0.0))

        taken, gate = auto.swap(rev, Taking(NOW + 1, every=0.4))

        assert (taken, gate.rate) == (False, Rate(0.625))

    @pytest.mark.parametrize("rate", [Rate(0.2, 10), None], ids=str)
    def test_a_rate_that_an_operator_has_set_meanwhile_is_not_cut(
        self, auto: Mails, rate: Rate | None
    ) -> None:
        auto.limit(rate)

        assert not auto.cut(Cut(0.625, 0.5, NOW, 0.0))
        assert auto.gate._replace(rev=0) == Gate(rate=rate)

    def test_a_new_rule_forgets_what_was_refused(self, auto: Mails) -> None:
        auto.cut(Cut(0.625, 0.5, NOW, 0.0))
        rule = Auto(10, 0.1, refused=1)

        auto.limit(Rate(1), rule)

        assert auto.gate._replace(rev=0) == Gate(rate=Rate(1), auto=rule, breaker=self.BREAKER)

    def test_reports_before_there_are_enough_count_until_a_success(self, auto: Mails) -> None:
        for number, message in enumerate(("0a", "0b", "0a")):
            said = auto.say(message, NOW + number)
        assert said == self.BREAKER._replace(failing=frozenset({"0a", "0b"}), begun=NOW)
        assert auto.gate.breaker == said

        auto.succeeded(NOW + 20, NOW - 9)
        assert auto.gate.breaker == self.BREAKER
        assert auto.say("0c", NOW + 30).begun == NOW + 30

    def test_its_hours_run_from_what_is_said_after_enough(self, auto: Mails) -> None:
        auto.enough(NOW)
        said = auto.say("ff", NOW + 60)
        assert (said.begun, said.since, said.last) == (NOW, NOW + 60, NOW + 60)

        auto.enough(NOW + 70)
        said = auto.say("fe", NOW + 120)
        assert (said.begun, said.since, said.last) == (NOW, NOW + 60, NOW + 120)
        assert said.is_shut(NOW + 120)

        auto.succeeded(NOW + 130, NOW + 130)
        assert auto.gate.breaker == self.BREAKER._replace(since=NOW + 60, last=NOW + 120, opened=NOW + 130)

    @pytest.mark.parametrize(("seconds", "left"), [(CUTS_SECONDS - 1, 0), (CUTS_SECONDS, 11)])
    def test_any_success_counts_as_long_as_it_can_not_be_shut(
        self, auto: Mails, seconds: float, left: int
    ) -> None:
        auto.enough(NOW)
        auto.say("ff", NOW + seconds)

        auto.succeeded(NOW + seconds, NOW - 9)

        assert len(auto.gate.breaker.failing) == left


class TestBreaker:
    """Reports of tasks on the services that they need."""

    def test_each_message_that_says_it_is_counted_once(self, mails: Mails) -> None:
        for message in ("0a", "ff", "0a"):
            said = mails.say(message)

        assert said == Breaker(failing=frozenset({"0a", "ff"}), begun=NOW)
        assert mails.breaker == said

    def test_it_is_told_until_when_there_is_no_use_in_trying(self, mails: Mails) -> None:
        mails.say("0a", NOW, NOW + 30)

        assert mails.say("0b", NOW + 10).shut_until == NOW + 30
        assert mails.say("0b", NOW + 10, NOW + 40).shut_until == NOW + 40

    def test_it_is_shut_since_enough_have_said_it(self, mails: Mails) -> None:
        mails.enough(NOW, 9)
        assert (mails.breaker.since, mails.breaker.last) == (0, 0)

        said = [mails.say(message, NOW + later) for message, later in (("0a", 50), ("0a", 60))]

        assert [(one.since, one.last) for one in said] == [(NOW + 50, NOW + 50), (NOW + 50, NOW + 60)]
        assert mails.breaker == said[-1]
        assert said[-1].is_shut(NOW + 60)

    def test_of_one_that_is_enough_as_well(self, mails: Mails) -> None:
        mails.break_at(1, None)

        assert mails.say("0a").is_shut(NOW)

    def test_its_hours_run_on_if_it_is_shut_again_within_an_hour(self, mails: Mails) -> None:
        mails.enough(NOW)
        mails.succeeded(NOW + 60, NOW + 60)

        said = mails.enough(NOW + 3600)

        assert said == Breaker(
            failing=said.failing, since=NOW, last=NOW + 3600, opened=NOW + 60, begun=NOW + 3600
        )

    def test_an_hour_after_enough_had_said_it_last_they_begin_anew(self, mails: Mails) -> None:
        mails.enough(NOW)
        mails.say("0a", NOW + 1, NOW + 30)
        mails.succeeded(NOW + 60, NOW + 60)
        mails.say("f0", NOW + 3600)  # too few to count

        assert mails.say("f1", NOW + 3602) == Breaker(
            failing=frozenset({"f0", "f1"}), opened=NOW + 60, begun=NOW + 3600
        )
        assert mails.enough(NOW + 3603, 8).since == NOW + 3603

    def test_of_names_that_began_an_hour_ago_none_counts_after_an_earlier_outage(self, mails: Mails) -> None:
        mails.enough(NOW)
        mails.succeeded(NOW + 60, NOW + 60)
        mails.enough(NOW + 1800, 9)

        assert mails.say("0f", NOW + 5401).failing == frozenset({"0f"})

    @pytest.mark.parametrize(("hours", "failing"), [(1.01, 11), (5.99, 11), (6, 1), (9, 1)])
    def test_hours_in_which_none_is_tried_open_none_that_is_shut_until_the_longest_time_is_over(
        self, mails: Mails, hours: float, failing: int
    ) -> None:
        mails.enough(NOW)

        said = mails.say("ff", NOW + hours * 3600)

        assert len(said.failing) == failing
        assert said.is_shut(NOW + hours * 3600) == (failing > 1)
        assert mails.breaker == said

    def test_a_success_takes_back_what_was_said_but_not_since_when(self, mails: Mails) -> None:
        mails.enough(NOW)
        mails.succeeded(NOW + 1, NOW + 1)
        mails.say("0a", NOW + 2, NOW + 30)

        mails.succeeded(NOW + 3, NOW - 9)

        assert mails.breaker == Breaker(since=NOW, last=NOW, opened=NOW + 1)

    def test_the_success_of_the_one_that_tried_opens_it(self, mails: Mails) -> None:
        mails.enough()

        mails.succeeded(NOW + 1, NOW + 1)

        assert mails.breaker == Breaker(since=NOW, last=NOW, opened=NOW + 1)

    @pytest.mark.parametrize(("received_at", "left", "opened"), [(NOW - 5.25, 10, 0), (NOW - 5, 0, NOW + 9)])
    def test_so_does_that_of_one_that_was_received_about_when_the_first_said_it(
        self, mails: Mails, received_at: float, left: int, opened: float
    ) -> None:
        mails.enough()

        mails.succeeded(NOW + 9, received_at)

        assert (len(mails.breaker.failing), mails.breaker.opened) == (left, opened)

    @pytest.mark.parametrize(("later", "left", "opened"), [(59, 10, 0), (60, 0, NOW + 60)])
    def test_any_success_does_once_it_was_shut_for_the_longest_time(
        self, mails: Mails, later: float, left: int, opened: float
    ) -> None:
        mails.break_at(None, 60.0)
        mails.enough()

        mails.succeeded(NOW + later, NOW - 9)

        assert (len(mails.breaker.failing), mails.breaker.opened) == (left, opened)

    @pytest.mark.parametrize(("trip", "said", "left"), [(None, 9, 0), (None, 10, 10), (3, 2, 0), (3, 3, 3)])
    def test_another_success_opens_none_that_is_shut(
        self, mails: Mails, trip: int | None, said: int, left: int
    ) -> None:
        mails.break_at(trip, None)
        for number in range(said):
            mails.say(f"{number:02x}")

        mails.succeeded(NOW + 1, NOW - 9)

        assert len(mails.breaker.failing) == left
        assert mails.breaker.opened == 0

    def test_a_success_before_anything_was_said_writes_nothing(self, mails: Mails) -> None:
        for _ in range(2):
            mails.succeeded(NOW, NOW)

        assert mails.gate == OPEN

    def test_its_rule_is_what_was_said_last_or_that_by_default(self, mails: Mails) -> None:
        default = Breaker()
        for asked, then in (
            ((3, None), (3, default.longest)),
            ((None, 60.0), (3, 60.0)),
            ((5, 3600.0), (5, 3600.0)),
            ((None, None), (default.trip, default.longest)),
        ):
            mails.break_at(*asked)
            assert (mails.breaker.trip, mails.breaker.longest) == then

    @pytest.mark.parametrize("paused", [False, True])
    def test_a_resume_opens_it(self, mails: Mails, paused: bool) -> None:
        mails.enough()
        if paused:
            mails.pause(NOW + 1)

        mails.resume(NOW + 2)

        assert mails.gate == Gate(breaker=Breaker(opened=NOW + 2))

    def test_a_take_of_one_to_try_says_when_the_next_may_be(self, mails: Mails) -> None:
        taken, gate = mails.swap(0, Taking(shut_until=NOW + 60))

        assert (taken, gate.breaker.shut_until, gate.rev) == (True, NOW + 60, 1)


class TestWrittenByHand:
    PAUSED: ClassVar[list[dict[str, Any]]] = [
        {"BOOL": True},
        {"BOOL": False},
        {"S": "for the night"},
        {"S": ""},
        {"NULL": True},
        {"M": {}},
        {"N": "1800000000000"},  # milliseconds
        {"N": "-1"},
    ]

    WRITTEN: ClassVar[list[tuple[dict[str, Any], tuple[str, ...]]]] = [
        ({"every": {"N": "200"}}, ()),
        ({"every": {"N": "200"}, "burst": {"N": "3"}}, ()),
        ({"every": {"N": "0"}}, ("every",)),
        ({"every": {"N": "-1"}}, ("every",)),
        ({"every": {"S": "200"}}, ("every",)),
        ({"every": {"N": "200"}, "burst": {"N": "0"}}, ("burst",)),
        ({"every": {"N": "200"}, "burst": {"N": "1.5"}}, ("burst",)),
        ({"burst": {"N": "3"}}, ("burst",)),
        ({"every": {"N": "200"}, "rev": {"S": "many"}}, ("rev",)),
        ({"every": {"N": "200"}, "next": {"N": "-1"}}, ("next",)),
        ({"every": {"N": "200"}, "rev": {"N": "9007199254740994"}}, ("rev",)),
        ({"every": {"N": "20"}, "slowest": {"N": "1000"}, "fastest": {"N": "10"}}, ()),
        ({"every": {"N": "20"}, "slowest": {"N": "10"}, "fastest": {"N": "10"}}, ()),
        ({"every": {"N": "20"}, "slowest": {"N": "9"}, "fastest": {"N": "10"}}, ("fastest", "slowest")),
        ({"every": {"N": "20"}, "slowest": {"N": "1000"}}, ("slowest",)),
        ({"every": {"N": "20"}, "fastest": {"N": "10"}}, ("fastest",)),
        ({"slowest": {"N": "1000"}, "fastest": {"N": "10"}}, ("fastest", "slowest")),
        ({"every": {"N": "20"}, "slowest": {"N": "1000"}, "fastest": {"N": "0"}}, ("fastest", "slowest")),
        ({"refused": {"S": "much"}}, ("refused",)),
        ({"cut": {"S": "noon"}}, ("cut",)),
        ({"took": {"N": "-1"}}, ("took",)),
        ({"at_once": {"N": "3"}, "held": {"M": {}}}, ()),
        ({"at_once": {"N": "30"}, "held": {"M": {"a": {"N": "1800000000"}}}}, ()),
        ({"at_once": {"N": "3"}}, ("held",)),
        ({"at_once": {"N": "0"}, "held": {"M": {}}}, ("at_once",)),
        ({"at_once": {"N": "31"}, "held": {"M": {}}}, ("at_once",)),
        ({"at_once": {"N": "1.5"}, "held": {"M": {}}}, ("at_once",)),
        ({"held": {"S": "all"}}, ("held",)),
        ({"failing": {"S": "all"}}, ("failing",)),
        ({"failing": {"SS": ["a"]}}, ()),
        ({"trip": {"N": "0"}}, ("trip",)),
        ({"trip": {"N": "31"}}, ("trip",)),
        ({"longest": {"N": "43200"}}, ()),
        ({"longest": {"N": "43201"}}, ("longest",)),
        ({"shut_until": {"S": "noon"}}, ("shut_until",)),
        ({"held": {"M": {"a": {"S": "for ever"}}}}, ("held",)),
    ]
    """Attributes of a gate, and those of them that make no sense."""

    def test_with_any_value_of_the_attribute_it_is_paused(self, by_hand: ByHand) -> None:
        by_queue = {f"queue{number}": value for number, value in enumerate(self.PAUSED)}
        for queue, value in by_queue.items():
            by_hand.write(queue, "paused", value)

        assert read(by_hand.gates, *by_queue) == dict.fromkeys(by_queue, Gate(paused=True))

    def test_a_number_says_since_when(self, by_hand: ByHand) -> None:
        by_hand.write("mails", "paused", {"N": "1800000000"})

        assert read(by_hand.gates, "mails")["mails"].since == 1_800_000_000

    def test_a_pause_by_hand_is_resumed_as_any_other(self, by_hand: ByHand) -> None:
        by_hand.write("mails", "paused", {"BOOL": True})
        run_in_place(by_hand.gates.resume("mails", NOW))

        assert read(by_hand.gates, "mails") == {"mails": OPEN}

    def test_the_attributes_that_make_no_sense_are_told(self, by_hand: ByHand) -> None:
        for number, (written, _) in enumerate(self.WRITTEN):
            for attribute, value in written.items():
                by_hand.write(f"queue{number}", attribute, value)

        seen = read(by_hand.gates, *(f"queue{number}" for number in range(len(self.WRITTEN))))

        assert [
            (written, seen[f"queue{number}"].odd) for number, (written, _) in enumerate(self.WRITTEN)
        ] == (self.WRITTEN)

    @pytest.mark.parametrize(("every", "is_now"), [("5", 0.01), ("20", 0.02), ("2000", 1.0)])
    def test_a_rate_outside_its_rule_is_the_nearest_one(
        self, by_hand: ByHand, every: str, is_now: float
    ) -> None:
        for attribute, value in (("every", every), ("slowest", "1000"), ("fastest", "10")):
            by_hand.write("mails", attribute, {"N": value})

        assert read(by_hand.gates, "mails")["mails"].rate == Rate(is_now)

    def test_an_attribute_that_nobody_knows_is_told(self, by_hand: ByHand) -> None:
        by_hand.write("mails", "puased", {"BOOL": True})
        by_hand.write("mails", "Every", {"N": "7"})

        assert read(by_hand.gates, "mails", "pages") == {
            "mails": Gate(odd=("Every", "puased")),
            "pages": OPEN,
        }


@pytest.mark.parametrize("emulated", [moto, pytest.param(ministack, marks=pytest.mark.slow)])
def test_of_several_who_take_at_once_by_one_revision_one_has_taken(
    emulated: Callable[[str], AbstractContextManager[Emulated]], hurried: None
) -> None:
    def take(name: str) -> list[bool]:
        with in_place(LEAN) as transport:
            mails = Mails(DynamoDbGates(transport, TABLE))
            return [mails.swap(rev, Taking(takes={f"{name}{rev}": NOW}))[0] for rev in range(1, 30)]

    with emulated(LEAN) as aws, ThreadPoolExecutor(4) as several:
        make_table(TABLE)
        Mails(DynamoDbGates(aws.transport, TABLE)).cap(30)
        taken = zip(*several.map(take, "abcd"), strict=True)
        assert [one.count(True) for one in taken] == [1] * 29


@pytest.fixture
def hurried() -> Iterator[None]:
    """Lets threads take turns as often as they can."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(usual)


class TestOnDynamoDb:
    """Answers of DynamoDB, and their meaning."""

    @pytest.fixture(params=TRANSPORTS)
    def gates(self, request: pytest.FixtureRequest) -> Iterator[DynamoDbGates]:
        with moto(request.param) as aws:
            yield DynamoDbGates(aws.transport, TABLE)

    def test_a_table_that_is_not_there_is_definite(self, gates: DynamoDbGates) -> None:
        for asked in (
            gates.read(["mails"]),
            gates.pause("mails", NOW),
            gates.resume("mails", NOW),
            gates.limit("mails", None),
            gates.swap("mails", 0, Taking(NOW)),
            gates.cap("mails", 3),
            gates.claim("mails", "a", "a.1", NOW, NOW),
            gates.renew("mails", "a", NOW),
            gates.release("mails", ["a"]),
            gates.unavailable("mails", "0a", NOW, None),
            gates.succeeded("mails", NOW, NOW),
            gates.cut("mails", Cut(1, 1, NOW, 0)),
            gates.break_at("mails", 3, None),
        ):
            with pytest.raises(GatesError, match="ResourceNotFoundException") as error:
                run_in_place(asked)
            assert error.value.meaning is Meaning.DEFINITE

    @pytest.mark.parametrize(
        ("head", "said", "words", "meaning"),
        [
            ("200 OK", "{}", "BadAnswer", Meaning.AMBIGUOUS),
            ("200 OK", '{"Responses": {"records": [{"key": 7}]}}', "BadAnswer", Meaning.AMBIGUOUS),
            (
                "200 OK",
                '{"Responses": {"records": [{"key": {"S": "gate#pages"}}]}}',
                "BadAnswer",
                Meaning.AMBIGUOUS,
            ),
            (
                "200 OK",
                '{"Responses": {"records": []}, "UnprocessedKeys": {"records": {"Keys": []}}}',
                "UnprocessedKeys",
                Meaning.TRANSIENT,
            ),
            ("500 Oh", '{"__type": "InternalServerError"}', "InternalServerError", Meaning.TRANSIENT),
            ("400 Oh", '{"__type": "ThrottlingException"}', "ThrottlingException", Meaning.TRANSIENT),
            ("400 Oh", '{"__type": "AccessDeniedException"}', "AccessDeniedException", Meaning.DEFINITE),
        ],
        ids=lambda one: one if isinstance(one, str) else None,
    )
    def test_an_answer_that_is_no_gate_is_an_error_by_what_it_means(
        self, monkeypatch: pytest.MonkeyPatch, head: str, said: str, words: str, meaning: Meaning
    ) -> None:
        answer = f"HTTP/1.1 {head}\r\nContent-Length: {len(said)}\r\n\r\n{said}".encode()
        with HttpEndpoint(answer) as endpoint:
            as_on_lambda(monkeypatch, endpoint.url)
            with in_place(LEAN) as transport, pytest.raises(GatesError, match=words) as error:
                read(DynamoDbGates(transport, TABLE), "mails")

        assert error.value.meaning is meaning
