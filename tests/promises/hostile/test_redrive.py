"""Redrive and drop, killed anywhere: each effect once, nothing lost, on virtual time."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from random import Random
from typing import Any

import pytest
from tests.operators import Killed, Operator
from tests.support import slow

from shared.ports.records import RecordsError
from zigzag import Context, Reject, task
from zigzag_operate import Filter, OperateError, choose, drop, edit, redrive, target
from zigzag_testing import Sandbox

KILLS = 10
"""So often an operator is killed at random, and so often exactly between a send and its delete."""

WORKERS_DIE = {
    "crash before a call": 0.02,
    "crash after a call": 0.02,
    "call failed": 0.02,
    "call's answer lost": 0.02,
    "event doubled": 0.02,
}


class Payments:
    """Tasks that are rejected until somebody has mended it. `effects` counts how often each was done."""

    def __init__(self, payments: int, *, fifo: bool, faults: dict[str, float], seed: int) -> None:
        self.effects: Counter[str] = Counter()
        self.is_mended = False
        self.table = {"pay": self._pay()}
        self.sandbox = Sandbox(self.table, fifo=fifo, faults=faults, seed=seed, batch_size=10)
        self.random = Random(seed)
        self.ids = [f"payment-{number}" for number in range(payments)]
        for number, id in enumerate(self.ids):
            options = {"group": f"account-{number % 7}", "deduplication_id": id} if fifo else {}
            kind = "even" if number % 2 == 0 else "odd"
            body = f'{{"task": "pay", "id": "{id}", "payload": {{"kind": "{kind}"}}}}'
            self.sandbox.send_message(body, **options)  # type: ignore[arg-type]

    def _pay(self) -> Any:
        @task
        def pay(payload: dict[str, Any], context: Context) -> None:
            if not self.is_mended:
                raise Reject(f"no such {payload['kind']}")
            self.effects[context.id] += 1
            self.kinds[context.id] = payload["kind"]

        self.kinds: dict[str, str] = {}
        return pay

    def letters(self) -> int:
        return len(self.sandbox.dead_letters)

    def until_gone(self, act: Callable[[Operator], object]) -> int:
        """Has operators act until no letter is left: some are killed, and while one acts others do, too.

        Returns how many were to be killed, and were not.
        """
        plans = [*[self._kill_between] * KILLS, *[self._kill_at_random] * KILLS]
        self.random.shuffle(plans)
        while self.letters():
            happens = plans[-1]() if plans else lambda call: None
            try:
                act(Operator(self.sandbox, happens))
            except Killed:
                plans.pop()
            except OperateError:  # there may be none that matches any more
                pass
            self.sandbox.run_for(90)  # what a killed one has hidden is visible again
        return len(plans)

    def _kill_between(self) -> Callable[[str], object]:
        at, sends = self.random.randint(1, 3), Counter[str]()

        def happens(call: str) -> None:
            sends[call] += 1
            if sends["send done"] == at or (call == "delete" and sends[call] == at):
                raise Killed

        return happens

    def _kill_at(self, at: str) -> Callable[[str], object]:
        def happens(call: str) -> None:
            if call == at:
                raise Killed

        return happens

    def _kill_at_random(self, most: int = 30) -> Callable[[str], object]:
        left = self.random.randint(1, most)

        def happens(call: str) -> None:
            nonlocal left
            left -= 1
            if left == 0:
                raise Killed

        return happens


@pytest.fixture(params=[False, True], ids=["standard", "fifo"])
def payments(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Makes payments that are dead letters, some twice by now, with operators' clocks ten minutes off."""
    made: list[Payments] = []

    def make(number: int, seed: int = 0) -> Payments:
        monkeypatch.setattr(target, "time", lambda: made[-1].sandbox.clock.now() + 600)
        made.append(Payments(number, fifo=request.param, faults=WORKERS_DIE, seed=seed))
        made[-1].sandbox.run()
        return made[-1]

    yield make
    for one in made:
        one.sandbox.__exit__(None, None, None)


@pytest.mark.parametrize("number", [40, *slow(1000)])
def test_a_redrive_that_is_killed_and_repeated_has_each_effect_once(payments: Any, number: int) -> None:
    # Given dead letters that were redriven too early, by operators of whom some were killed
    pay = payments(number)
    with suppress(Killed):
        redrive(Operator(pay.sandbox, pay._kill_between()))  # type: ignore[arg-type]
    pay.sandbox.run_for(90)
    redrive(Operator(pay.sandbox))  # type: ignore[arg-type]
    pay.sandbox.run()
    assert pay.letters() >= number
    pay.sandbox.faults.stop()

    # When it is mended, and others redrive at the same time for half of it
    pay.is_mended = True
    half = iter(range(6))

    def act(operator: Operator) -> None:
        if next(half, None) is not None:
            other = Operator(pay.sandbox)
            first, happens = iter([True]), operator._happens

            def also(call: str) -> None:
                happens(call)
                if call == "receive done" and next(first, False):
                    with suppress(OperateError):
                        redrive(other, limit=number // 12)  # type: ignore[arg-type]

            operator._happens = also
        redrive(operator)  # type: ignore[arg-type]

    not_killed = pay.until_gone(act)
    pay.sandbox.run()

    # Then each payment was made once
    assert not_killed == 0 if number == 1000 else not_killed < 2 * KILLS
    assert pay.effects == Counter(pay.ids)
    assert not pay.letters()


@pytest.mark.parametrize("number", [40, *slow(1000)])
def test_a_drop_that_is_killed_and_repeated_takes_what_was_chosen_and_no_other(
    payments: Any, number: int
) -> None:
    pay = payments(number)
    pay.sandbox.faults.stop()
    odd = Filter(reason="no such odd")

    # When the odd ones are dropped, by operators of whom some are killed
    def act(operator: Operator) -> None:
        drop(operator, choose(operator, odd))  # type: ignore[arg-type]

    kills = iter(range(KILLS))
    while any("odd" in letter.reason for letter in pay.sandbox.dead_letters):
        dies = pay._kill_at_random(number) if next(kills, None) is not None else lambda call: None
        with suppress(Killed, OperateError):
            act(Operator(pay.sandbox, dies))
        pay.sandbox.run_for(90)
        # A FIFO group's head that stays hides those behind it: the even ones are redriven in between.
        pay.is_mended = True
        with suppress(OperateError):
            redrive(Operator(pay.sandbox), Filter(reason="no such even"), limit=number // 3)  # type: ignore[arg-type]
        pay.sandbox.run()
    with suppress(OperateError):
        redrive(Operator(pay.sandbox))  # type: ignore[arg-type]
    pay.sandbox.run()

    # Then of the others each was made once
    assert pay.effects == Counter(pay.ids[::2])


def test_a_redriven_letter_that_kept_its_token_is_not_dropped_as_a_duplicate(
    payments: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given letters that were redriven while their failure could not be recorded
    async def away(*asked: Any) -> None:
        raise RecordsError("away")

    pay = payments(8)
    pay.sandbox.faults.stop()
    redrive(Operator(pay.sandbox))  # type: ignore[arg-type]
    with monkeypatch.context() as patched:
        patched.setattr(pay.sandbox.records, "conclude", away)
        while any(map(len, pay.sandbox.queues.values())):
            pay.sandbox.run_for(10)
    assert all("token" in letter.note for letter in pay.sandbox.dead_letters)

    # When they are redriven within the five minutes for which SQS remembers what was sent
    pay.is_mended = True
    redrive(Operator(pay.sandbox))  # type: ignore[arg-type]
    pay.sandbox.run()

    assert pay.effects == Counter(pay.ids)


def _renewed(body: str) -> str:
    return body.replace("even", "new").replace("odd", "new")


def test_of_an_edited_letter_one_body_runs_and_the_new_one_unless_it_is_said(
    payments: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some were sent by a redrive that was killed, and have run or wait; some edits are killed as well."""
    pay = payments(40)
    pay.sandbox.faults.stop()
    monkeypatch.setattr(sys.modules["zigzag_operate.edit"], "TASKS", pay.table)
    pay.is_mended = True
    said, redriven = {}, set[str]()
    for number, id in enumerate(pay.ids):
        if number % 4 == 1:
            with suppress(Killed, OperateError):
                redrive(Operator(pay.sandbox, pay._kill_at("send done")), Filter(id=id))  # type: ignore[arg-type]
            redriven.add(id)
            pay.sandbox.run_for(pay.random.choice([61, 300]))
        dies = pay._kill_at(pay.random.choice(["send", "send done", "delete", "delete done"]))
        operator = Operator(pay.sandbox, dies if number % 4 == 2 else lambda call: None)
        said[id] = "killed"
        with suppress(Killed):
            try:
                edit(operator, Filter(id=id), _renewed)  # type: ignore[arg-type]
                said[id] = "sent"
            except OperateError as error:
                said[id] = str(error)
        pay.sandbox.run_for(70)

    while pay.letters():
        redrive(Operator(pay.sandbox))  # type: ignore[arg-type]
        pay.sandbox.run()

    assert pay.effects == Counter(pay.ids)
    unsaid = [id for id in pay.ids if said[id] == "sent" and id not in redriven and pay.kinds[id] != "new"]
    assert unsaid == []
    assert Counter(said.values())["sent"] > 15


def test_what_dies_again_meanwhile_is_not_sent_in_a_circle(payments: Any) -> None:
    pay = payments(30)
    pay.sandbox.faults.stop()
    before = pay.letters()

    def later(call: str) -> None:
        pay.sandbox.run_for(120 if call == "receive" else 0)

    acted = redrive(Operator(pay.sandbox, later))  # type: ignore[arg-type]

    pay.sandbox.run()
    assert acted.matched == acted.done == before
    assert acted.left == {}
