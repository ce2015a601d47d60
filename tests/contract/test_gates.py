"""Both implementations of the gates port keep one contract: in memory, and on DynamoDB, which is moto,
MiniStack, or the gates in memory behind a wire or the stub."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from tests.contract.places import ByHand
from tests.http_endpoint import HttpEndpoint
from tests.transports import TRANSPORTS, as_on_lambda, in_place
from tests.worlds import moto

from shared.aws.choice import LEAN
from shared.aws.dynamodb_gates import DynamoDbGates
from shared.ports.auto import Auto, Cut
from shared.ports.breaker import CUTS_SECONDS, Breaker
from shared.ports.gates import Gate, GatesError, OperatedGates, Rate, Taking
from shared.ports.workers import Reply
from zigzag.in_place import run_in_place

NOW = 1_800_000_000.25
OPEN = Gate()
TABLE = "records"


def read(gates: OperatedGates, *queues: str) -> dict[str, Gate]:
    return run_in_place(gates.read(queues))


def pause(gates: OperatedGates, queue: str, now: float = NOW) -> None:
    run_in_place(gates.pause(queue, now))


class TestGates:
    def test_a_queue_of_which_nothing_is_said_is_open(self, gates: OperatedGates) -> None:
        assert read(gates, "mails") == {"mails": OPEN}

    def test_a_queue_that_is_paused_is_paused_since_then(self, gates: OperatedGates) -> None:
        pause(gates, "mails")

        assert read(gates, "mails") == {"mails": Gate(paused=True, since=NOW)}

    def test_who_pauses_it_again_changes_nothing(self, gates: OperatedGates) -> None:
        pause(gates, "mails")
        pause(gates, "mails", NOW + 3600)

        assert read(gates, "mails")["mails"].since == NOW

    def test_a_queue_that_is_resumed_is_open(self, gates: OperatedGates) -> None:
        pause(gates, "mails")
        run_in_place(gates.resume("mails", NOW))

        assert read(gates, "mails") == {"mails": OPEN}

    def test_a_queue_that_was_not_paused_can_be_resumed(self, gates: OperatedGates) -> None:
        run_in_place(gates.resume("mails", NOW))

        assert read(gates, "mails") == {"mails": OPEN}

    def test_all_gates_are_read_at_once_and_each_queue_has_its_own(self, gates: OperatedGates) -> None:
        pause(gates, "mails")

        assert read(gates, "default", "mails", "pages") == {
            "default": OPEN,
            "mails": Gate(paused=True, since=NOW),
            "pages": OPEN,
        }

    @pytest.mark.parametrize("queue", ["a#b", "a%23b", "漢", "x" * 2000])
    def test_whatever_a_queue_is_called_it_has_a_gate(self, gates: OperatedGates, queue: str) -> None:
        pause(gates, queue)

        assert read(gates, queue, "other") == {queue: Gate(paused=True, since=NOW), "other": OPEN}


class TestRate:
    def test_a_rate_holds_until_there_is_none(self, gates: OperatedGates) -> None:
        run_in_place(gates.limit("mails", Rate(0.2, 10)))
        assert read(gates, "mails")["mails"].rate == Rate(0.2, 10)

        run_in_place(gates.limit("mails", None))
        assert read(gates, "mails")["mails"]._replace(rev=0) == OPEN

    def test_who_takes_slots_says_when_the_next_one_may_be(self, gates: OperatedGates) -> None:
        run_in_place(gates.limit("mails", Rate(0.2)))
        before = read(gates, "mails")["mails"]

        taken, after = run_in_place(gates.swap("mails", before.rev, Taking(NOW + 0.4)))

        assert (taken, after) == (True, before._replace(rev=before.rev + 1, next=NOW + 0.4))
        assert read(gates, "mails")["mails"] == after

    def test_of_two_who_take_them_at_once_one_is_refused_and_told_how_it_is(
        self, gates: OperatedGates
    ) -> None:
        run_in_place(gates.limit("mails", Rate(0.2)))
        rev = read(gates, "mails")["mails"].rev
        _, first = run_in_place(gates.swap("mails", rev, Taking(NOW + 0.4)))

        assert run_in_place(gates.swap("mails", rev, Taking(NOW + 9))) == (False, first)
        assert read(gates, "mails")["mails"] == first

    def test_what_is_paused_meanwhile_gives_no_slots(self, gates: OperatedGates) -> None:
        run_in_place(gates.limit("mails", Rate(0.2)))
        rev = read(gates, "mails")["mails"].rev
        pause(gates, "mails")

        taken, gate = run_in_place(gates.swap("mails", rev, Taking(NOW + 9)))

        assert (taken, gate.paused, gate.next) == (False, True, 0.0)

    def test_another_rate_holds_from_now_on_whatever_was_taken(self, gates: OperatedGates) -> None:
        run_in_place(gates.limit("mails", Rate(3600)))
        rev = read(gates, "mails")["mails"].rev
        run_in_place(gates.swap("mails", rev, Taking(NOW + 3600)))

        run_in_place(gates.limit("mails", Rate(1)))

        gate = read(gates, "mails")["mails"]
        assert (gate.rate, gate.next) == (Rate(1), 0.0)
        assert not run_in_place(gates.swap("mails", rev + 1, Taking(NOW)))[0], (
            "who saw the old rate is refused"
        )

    def test_a_gate_that_is_not_there_yet_takes_a_swap(self, gates: OperatedGates) -> None:
        assert run_in_place(gates.swap("mails", 0, Taking(NOW))) == (True, Gate(rev=1, next=NOW))


class TestCap:
    """An exact cap: permits that are held, by their names."""

    @pytest.fixture
    def capped(self, gates: OperatedGates) -> OperatedGates:
        run_in_place(gates.cap("mails", 3))
        return gates

    def gate(self, gates: OperatedGates) -> Gate:
        return read(gates, "mails")["mails"]

    def take(self, gates: OperatedGates, *names: str, until: float = NOW + 105) -> None:
        taking = Taking(takes=dict.fromkeys(names, until))
        assert run_in_place(gates.swap("mails", self.gate(gates).rev, taking))[0]

    def test_a_cap_holds_until_there_is_none(self, capped: OperatedGates) -> None:
        assert self.gate(capped)._replace(rev=0) == Gate(at_once=3)

        run_in_place(capped.cap("mails", None))
        assert self.gate(capped)._replace(rev=0) == OPEN

    def test_who_takes_permits_holds_them_until_then(self, capped: OperatedGates) -> None:
        before = self.gate(capped)

        taken, after = run_in_place(
            capped.swap("mails", before.rev, Taking(takes={"a": NOW + 105, "b": NOW + 105.5}))
        )

        held = {"a": NOW + 105, "b": NOW + 105.5}
        assert (taken, after) == (True, before._replace(rev=before.rev + 1, held=held))
        assert self.gate(capped) == after

    def test_of_two_who_take_at_once_one_is_refused(self, capped: OperatedGates) -> None:
        rev = self.gate(capped).rev
        self.take(capped, "a")

        taken, seen = run_in_place(capped.swap("mails", rev, Taking(takes={"b": NOW + 105})))

        assert (taken, set(seen.held)) == (False, {"a"})
        assert set(self.gate(capped).held) == {"a"}

    def test_what_is_held_stays_held_when_the_cap_is_changed_or_taken_away(
        self, capped: OperatedGates
    ) -> None:
        self.take(capped, "a")

        for most in (1, None, 2):
            run_in_place(capped.cap("mails", most))
            assert (self.gate(capped).at_once, set(self.gate(capped).held)) == (most, {"a"})

    def test_who_saw_the_old_cap_is_refused(self, capped: OperatedGates) -> None:
        rev = self.gate(capped).rev
        run_in_place(capped.cap("mails", 1))

        assert not run_in_place(capped.swap("mails", rev, Taking(takes={"a": NOW + 105})))[0]

    def test_slots_and_permits_are_taken_together(self, capped: OperatedGates) -> None:
        run_in_place(capped.limit("mails", Rate(1)))

        rev = self.gate(capped).rev
        run_in_place(capped.swap("mails", rev, Taking(NOW + 2, {"a": NOW + 105, "b": NOW + 105})))

        assert (self.gate(capped).next, set(self.gate(capped).held)) == (NOW + 2, {"a", "b"})

    def test_what_has_run_out_is_taken_off_with_what_is_taken(self, capped: OperatedGates) -> None:
        self.take(capped, "a", "b", until=NOW - 1)

        gate = self.gate(capped)
        taken, after = run_in_place(
            capped.swap("mails", gate.rev, Taking(takes={"c": NOW + 105}, dead=gate.held))
        )

        assert (taken, dict(after.held)) == (True, {"c": NOW + 105})

    def test_what_was_renewed_since_it_was_seen_is_not_taken_off(self, capped: OperatedGates) -> None:
        self.take(capped, "a", until=NOW - 1)
        seen = self.gate(capped)
        run_in_place(capped.renew("mails", "a", NOW + 100))

        taken, after = run_in_place(
            capped.swap("mails", seen.rev, Taking(takes={"b": NOW + 105}, dead=seen.held))
        )

        assert (taken, dict(after.held)) == (False, {"a": NOW + 100})

    def test_who_claims_a_permit_holds_it_by_a_name_of_its_own(self, capped: OperatedGates) -> None:
        self.take(capped, "a", "b")

        assert run_in_place(capped.claim("mails", "a", "a.1", NOW, NOW + 110))

        assert dict(self.gate(capped).held) == {"a.1": NOW + 110, "b": NOW + 105}

    def test_of_two_who_claim_it_one_has_it(self, capped: OperatedGates) -> None:
        self.take(capped, "a")

        claimed = [run_in_place(capped.claim("mails", "a", own, NOW, NOW + 110)) for own in ("a.1", "a.2")]

        assert claimed == [True, False]
        assert set(self.gate(capped).held) == {"a.1"}

    def test_who_asks_again_since_the_answer_was_lost_has_it(self, capped: OperatedGates) -> None:
        self.take(capped, "a")

        assert [run_in_place(capped.claim("mails", "a", "a.1", NOW, NOW + 110)) for _ in range(2)] == [
            True
        ] * 2

    @pytest.mark.parametrize("now", [NOW + 105, NOW + 105.5])
    def test_one_that_has_run_out_is_not_claimed(self, capped: OperatedGates, now: float) -> None:
        self.take(capped, "a", until=NOW + 105)

        assert run_in_place(capped.claim("mails", "a", "a.1", now, now + 105)) is (now == NOW + 105)

    def test_it_is_renewed_as_long_as_it_is_held(self, capped: OperatedGates) -> None:
        self.take(capped, "a")

        renewed = run_in_place(capped.renew("mails", "a", NOW + 200))
        assert (renewed, dict(self.gate(capped).held)) == (True, {"a": NOW + 200})

        run_in_place(capped.release("mails", ["a"]))
        assert (run_in_place(capped.renew("mails", "a", NOW + 300)), self.gate(capped).held) == (False, {})

    def test_permits_are_given_back_by_their_names_however_often(self, capped: OperatedGates) -> None:
        self.take(capped, "a", "b", "c")

        for _ in range(2):
            run_in_place(capped.release("mails", ["a", "c", "never taken"]))

        assert set(self.gate(capped).held) == {"b"}

    def test_where_there_never_was_a_cap_nothing_is_held(self, gates: OperatedGates) -> None:
        assert not run_in_place(gates.claim("mails", "a", "a.1", NOW, NOW + 105))
        assert not run_in_place(gates.renew("mails", "a.1", NOW + 105))
        run_in_place(gates.release("mails", ["a.1"]))

        assert self.gate(gates) == OPEN

    def test_thirty_permits_are_taken_ten_at_a_time(self, gates: OperatedGates) -> None:
        run_in_place(gates.cap("mails", 30))

        for ten in range(3):
            self.take(gates, *(f"{ten}{one}" for one in range(10)))

        assert len(self.gate(gates).held) == 30


class TestAuto:
    """A rate that changes by itself: consumers let it grow, and workers cut it."""

    RULE = Auto(60, 0.01, refused=0.5)
    BREAKER = Breaker(patience=CUTS_SECONDS)

    @pytest.fixture
    def auto(self, gates: OperatedGates) -> OperatedGates:
        run_in_place(gates.limit("mails", Rate(0.5), self.RULE))
        return gates

    def gate(self, gates: OperatedGates) -> Gate:
        return read(gates, "mails")["mails"]

    def say(self, gates: OperatedGates, message: str, now: float) -> Breaker:
        return run_in_place(gates.unavailable("mails", message, now, None)).breaker

    def test_the_rule_holds_until_there_is_another_one(self, auto: OperatedGates) -> None:
        assert self.gate(auto)._replace(rev=0) == Gate(rate=Rate(0.5), auto=self.RULE, breaker=self.BREAKER)

        run_in_place(auto.limit("mails", Rate(0.2, 10)))
        assert self.gate(auto)._replace(rev=0) == Gate(rate=Rate(0.2, 10))

        run_in_place(auto.limit("mails", Rate(1), self.RULE))
        run_in_place(auto.limit("mails", None))
        assert self.gate(auto)._replace(rev=0) == OPEN

    def test_a_take_of_slots_changes_the_rate(self, auto: OperatedGates) -> None:
        before = self.gate(auto)

        taken, after = run_in_place(auto.swap("mails", before.rev, Taking(NOW + 1, every=0.4)))

        assert (taken, after) == (
            True,
            before._replace(rev=before.rev + 1, rate=Rate(0.4), next=NOW + 1),
        )
        assert self.gate(auto) == after

    def test_a_cut_changes_the_rate_and_leaves_what_was_refused(self, auto: OperatedGates) -> None:
        before = self.gate(auto)

        assert run_in_place(auto.cut("mails", Cut(0.625, 0.5, NOW, 0.0, 1.5)))

        assert self.gate(auto) == before._replace(
            rev=before.rev + 1, rate=Rate(0.625), auto=self.RULE._replace(refused=0.5, cut=NOW, took=1.5)
        )

    def test_of_two_workers_who_cut_it_at_once_one_does(self, auto: OperatedGates) -> None:
        first = [run_in_place(auto.cut("mails", Cut(every, 0.5, NOW, 0.0))) for every in (0.6, 0.7)]
        again = [run_in_place(auto.cut("mails", Cut(every, 0.6, NOW + 9, NOW))) for every in (1.2, 1.3)]

        assert (first, again) == ([True, False], [True, False])
        assert self.gate(auto).rate == Rate(1.2)

    def test_a_take_that_saw_the_rate_before_a_cut_is_refused(self, auto: OperatedGates) -> None:
        rev = self.gate(auto).rev
        run_in_place(auto.cut("mails", Cut(0.625, 0.5, NOW, 0.0)))

        taken, gate = run_in_place(auto.swap("mails", rev, Taking(NOW + 1, every=0.4)))

        assert (taken, gate.rate) == (False, Rate(0.625))

    @pytest.mark.parametrize("rate", [Rate(0.2, 10), None], ids=str)
    def test_a_rate_that_an_operator_has_set_meanwhile_is_not_cut(
        self, auto: OperatedGates, rate: Rate | None
    ) -> None:
        run_in_place(auto.limit("mails", rate))

        assert not run_in_place(auto.cut("mails", Cut(0.625, 0.5, NOW, 0.0)))
        assert self.gate(auto)._replace(rev=0) == Gate(rate=rate)

    def test_a_new_rule_forgets_what_was_refused(self, auto: OperatedGates) -> None:
        run_in_place(auto.cut("mails", Cut(0.625, 0.5, NOW, 0.0)))
        rule = Auto(10, 0.1, refused=1)

        run_in_place(auto.limit("mails", Rate(1), rule))

        assert self.gate(auto)._replace(rev=0) == Gate(rate=Rate(1), auto=rule, breaker=self.BREAKER)

    def test_what_is_said_before_it_is_enough_counts_until_a_success(self, auto: OperatedGates) -> None:
        for number, message in enumerate(("0a", "0b", "0a")):
            said = self.say(auto, message, NOW + number)
        assert said == self.BREAKER._replace(failing=frozenset({"0a", "0b"}), begun=NOW)
        assert self.gate(auto).breaker == said

        run_in_place(auto.succeeded("mails", NOW + 20, NOW - 9))
        assert self.gate(auto).breaker == self.BREAKER
        assert self.say(auto, "0c", NOW + 30).begun == NOW + 30

    def test_its_hours_run_from_what_is_said_after_enough(self, auto: OperatedGates) -> None:
        self.enough(auto, NOW)
        said = self.say(auto, "ff", NOW + 60)
        assert (said.begun, said.since, said.last) == (NOW, NOW + 60, NOW + 60)

        self.enough(auto, NOW + 70)
        said = self.say(auto, "fe", NOW + 120)
        assert (said.begun, said.since, said.last) == (NOW, NOW + 60, NOW + 120)
        assert said.is_shut(NOW + 120)

        run_in_place(auto.succeeded("mails", NOW + 130, NOW + 130))
        assert self.gate(auto).breaker == self.BREAKER._replace(
            since=NOW + 60, last=NOW + 120, opened=NOW + 130
        )

    @pytest.mark.parametrize(("seconds", "left"), [(CUTS_SECONDS - 1, 0), (CUTS_SECONDS, 11)])
    def test_any_success_counts_as_long_as_it_can_not_be_shut(
        self, auto: OperatedGates, seconds: float, left: int
    ) -> None:
        self.enough(auto, NOW)
        self.say(auto, "ff", NOW + seconds)

        run_in_place(auto.succeeded("mails", NOW + seconds, NOW - 9))

        assert len(self.gate(auto).breaker.failing) == left

    def enough(self, gates: OperatedGates, now: float) -> None:
        """Lets as many messages say it as shut the queue."""
        for number in range(10):
            self.say(gates, f"{number:02x}", now)


class TestBreaker:
    """Reports of tasks on the services that they need."""

    def breaker(self, gates: OperatedGates) -> Breaker:
        return read(gates, "mails")["mails"].breaker

    def say(
        self, gates: OperatedGates, message: str, now: float = NOW, until: float | None = None
    ) -> Breaker:
        return run_in_place(gates.unavailable("mails", message, now, until)).breaker

    def enough(self, gates: OperatedGates, now: float = NOW, many: int = 10) -> Breaker:
        """Lets so many messages say it."""
        return [self.say(gates, f"{number:02x}", now) for number in range(many)][-1]

    def test_each_message_that_says_it_is_counted_once(self, gates: OperatedGates) -> None:
        for message in ("0a", "ff", "0a"):
            said = self.say(gates, message)

        assert said == Breaker(failing=frozenset({"0a", "ff"}), begun=NOW)
        assert self.breaker(gates) == said

    def test_it_is_told_until_when_there_is_no_use_in_trying(self, gates: OperatedGates) -> None:
        self.say(gates, "0a", NOW, NOW + 30)

        assert self.say(gates, "0b", NOW + 10).shut_until == NOW + 30
        assert self.say(gates, "0b", NOW + 10, NOW + 40).shut_until == NOW + 40

    def test_it_is_shut_since_enough_have_said_it(self, gates: OperatedGates) -> None:
        self.enough(gates, NOW, 9)
        assert (self.breaker(gates).since, self.breaker(gates).last) == (0, 0)

        said = [self.say(gates, message, NOW + later) for message, later in (("0a", 50), ("0a", 60))]

        assert [(one.since, one.last) for one in said] == [(NOW + 50, NOW + 50), (NOW + 50, NOW + 60)]
        assert self.breaker(gates) == said[-1]
        assert said[-1].is_shut(NOW + 60)

    def test_of_one_that_is_enough_as_well(self, gates: OperatedGates) -> None:
        run_in_place(gates.break_at("mails", 1, None))

        assert self.say(gates, "0a").is_shut(NOW)

    def test_its_hours_run_on_if_it_is_shut_again_within_an_hour(self, gates: OperatedGates) -> None:
        self.enough(gates, NOW)
        run_in_place(gates.succeeded("mails", NOW + 60, NOW + 60))

        said = self.enough(gates, NOW + 3600)

        assert said == Breaker(
            failing=said.failing, since=NOW, last=NOW + 3600, opened=NOW + 60, begun=NOW + 3600
        )

    @pytest.mark.parametrize("success", [False, True])
    def test_an_hour_after_enough_had_said_it_last_they_begin_anew(
        self, gates: OperatedGates, success: bool
    ) -> None:
        self.enough(gates, NOW)
        self.say(gates, "0a", NOW + 1, NOW + 30)
        if success:
            run_in_place(gates.succeeded("mails", NOW + 60, NOW + 60))
            self.say(gates, "0b", NOW + 3600)  # too few to count

        assert self.say(gates, "0c", NOW + 3602) == Breaker(failing=frozenset({"0c"}), begun=NOW + 3602)
        assert self.enough(gates, NOW + 3603, 9).since == NOW + 3603

    def test_a_success_takes_back_what_was_said_but_not_since_when(self, gates: OperatedGates) -> None:
        self.enough(gates, NOW)
        run_in_place(gates.succeeded("mails", NOW + 1, NOW + 1))
        self.say(gates, "0a", NOW + 2, NOW + 30)

        run_in_place(gates.succeeded("mails", NOW + 3, NOW - 9))

        assert self.breaker(gates) == Breaker(since=NOW, last=NOW, opened=NOW + 1)

    def test_the_success_of_the_one_that_tried_opens_it(self, gates: OperatedGates) -> None:
        self.enough(gates)

        run_in_place(gates.succeeded("mails", NOW + 1, NOW + 1))

        assert self.breaker(gates) == Breaker(since=NOW, last=NOW, opened=NOW + 1)

    @pytest.mark.parametrize(("received_at", "left", "opened"), [(NOW - 5.25, 10, 0), (NOW - 5, 0, NOW + 9)])
    def test_so_does_that_of_one_that_was_received_about_when_the_first_said_it(
        self, gates: OperatedGates, received_at: float, left: int, opened: float
    ) -> None:
        self.enough(gates)

        run_in_place(gates.succeeded("mails", NOW + 9, received_at))

        assert (len(self.breaker(gates).failing), self.breaker(gates).opened) == (left, opened)

    @pytest.mark.parametrize(("later", "left", "opened"), [(59, 10, 0), (60, 0, NOW + 60)])
    def test_any_success_does_once_it_was_shut_for_the_longest_time(
        self, gates: OperatedGates, later: float, left: int, opened: float
    ) -> None:
        run_in_place(gates.break_at("mails", None, 60.0))
        self.enough(gates)

        run_in_place(gates.succeeded("mails", NOW + later, NOW - 9))

        assert (len(self.breaker(gates).failing), self.breaker(gates).opened) == (left, opened)

    @pytest.mark.parametrize(("trip", "said", "left"), [(None, 9, 0), (None, 10, 10), (3, 2, 0), (3, 3, 3)])
    def test_another_success_opens_none_that_is_shut(
        self, gates: OperatedGates, trip: int | None, said: int, left: int
    ) -> None:
        run_in_place(gates.break_at("mails", trip, None))
        for number in range(said):
            self.say(gates, f"{number:02x}")

        run_in_place(gates.succeeded("mails", NOW + 1, NOW - 9))

        assert len(self.breaker(gates).failing) == left
        assert self.breaker(gates).opened == 0

    def test_a_success_before_anything_was_said_writes_nothing(self, gates: OperatedGates) -> None:
        for _ in range(2):
            run_in_place(gates.succeeded("mails", NOW, NOW))

        assert read(gates, "mails") == {"mails": OPEN}

    def test_its_rule_is_what_was_said_last_or_that_by_default(self, gates: OperatedGates) -> None:
        default = Breaker()
        for asked, then in (
            ((3, None), (3, default.longest)),
            ((None, 60.0), (3, 60.0)),
            ((5, 3600.0), (5, 3600.0)),
            ((None, None), (default.trip, default.longest)),
        ):
            run_in_place(gates.break_at("mails", *asked))
            assert (self.breaker(gates).trip, self.breaker(gates).longest) == then

    @pytest.mark.parametrize("paused", [False, True])
    def test_who_resumes_the_queue_opens_it(self, gates: OperatedGates, paused: bool) -> None:
        self.enough(gates)
        if paused:
            pause(gates, "mails", NOW + 1)

        run_in_place(gates.resume("mails", NOW + 2))

        assert read(gates, "mails")["mails"] == Gate(breaker=Breaker(opened=NOW + 2))

    def test_who_takes_one_to_try_says_when_the_next_may_be(self, gates: OperatedGates) -> None:
        taken, gate = run_in_place(gates.swap("mails", 0, Taking(shut_until=NOW + 60)))

        assert (taken, gate.breaker.shut_until, gate.rev) == (True, NOW + 60, 1)


class TestWhatSomebodyWroteByHand:
    @pytest.mark.parametrize(
        "value",
        [
            {"BOOL": True},
            {"BOOL": False},
            {"S": "for the night"},
            {"S": ""},
            {"NULL": True},
            {"M": {}},
            {"N": "1800000000000"},  # milliseconds
            {"N": "-1"},
        ],
        ids=str,
    )
    def test_with_any_value_of_the_attribute_it_is_paused(
        self, by_hand: ByHand, value: dict[str, Any]
    ) -> None:
        by_hand.write("mails", "paused", value)

        assert read(by_hand.gates, "mails") == {"mails": Gate(paused=True)}

    def test_a_number_says_since_when(self, by_hand: ByHand) -> None:
        by_hand.write("mails", "paused", {"N": "1800000000"})

        assert read(by_hand.gates, "mails")["mails"].since == 1_800_000_000

    def test_what_is_paused_by_hand_is_resumed_as_any_other(self, by_hand: ByHand) -> None:
        by_hand.write("mails", "paused", {"BOOL": True})
        run_in_place(by_hand.gates.resume("mails", NOW))

        assert read(by_hand.gates, "mails") == {"mails": OPEN}

    @pytest.mark.parametrize(
        ("written", "odd"),
        [
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
        ],
        ids=str,
    )
    def test_a_rate_that_makes_no_sense_is_told(
        self, by_hand: ByHand, written: dict[str, Any], odd: tuple[str, ...]
    ) -> None:
        for attribute, value in written.items():
            by_hand.write("mails", attribute, value)

        assert read(by_hand.gates, "mails")["mails"].odd == odd

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
            assert error.value.reply is Reply.DEFINITE

    @pytest.mark.parametrize(
        ("head", "said", "words", "reply"),
        [
            ("200 OK", "{}", "BadAnswer", Reply.AMBIGUOUS),
            ("200 OK", '{"Responses": {"records": [{"key": 7}]}}', "BadAnswer", Reply.AMBIGUOUS),
            (
                "200 OK",
                '{"Responses": {"records": [{"key": {"S": "gate#pages"}}]}}',
                "BadAnswer",
                Reply.AMBIGUOUS,
            ),
            (
                "200 OK",
                '{"Responses": {"records": []}, "UnprocessedKeys": {"records": {"Keys": []}}}',
                "UnprocessedKeys",
                Reply.TRANSIENT,
            ),
            ("500 Oh", '{"__type": "InternalServerError"}', "InternalServerError", Reply.TRANSIENT),
            ("400 Oh", '{"__type": "ThrottlingException"}', "ThrottlingException", Reply.TRANSIENT),
            ("400 Oh", '{"__type": "AccessDeniedException"}', "AccessDeniedException", Reply.DEFINITE),
        ],
        ids=lambda one: one if isinstance(one, str) else None,
    )
    def test_an_answer_that_is_no_gate_is_an_error_by_what_it_means(
        self, monkeypatch: pytest.MonkeyPatch, head: str, said: str, words: str, reply: Reply
    ) -> None:
        answer = f"HTTP/1.1 {head}\r\nContent-Length: {len(said)}\r\n\r\n{said}".encode()
        with HttpEndpoint(answer) as endpoint:
            as_on_lambda(monkeypatch, endpoint.url)
            with in_place(LEAN) as transport, pytest.raises(GatesError, match=words) as error:
                read(DynamoDbGates(transport, TABLE), "mails")

        assert error.value.reply is reply
