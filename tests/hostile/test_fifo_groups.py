"""A FIFO queue of many groups: each in its order, none held up by another."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import pytest

from zigzag import Backoff, task
from zigzag_testing import Sandbox

GROUPS = 50
EACH = 40
FAILING = 10
"""So many groups have a message that fails twice, and one that fails for good."""

FAILS_TWICE, FAILS_FOR_GOOD = 7, 23


class Groups:
    """What ran in each group, in the order of its success, and how often each was tried."""

    def __init__(self) -> None:
        self.done: dict[int, list[int]] = defaultdict(list)
        self.tries: dict[tuple[int, int], int] = defaultdict(int)

        @task(attempts=3, backoff=Backoff(first=30, longest=60))
        def step(payload: dict[str, Any]) -> None:
            group, number = payload["group"], payload["number"]
            self.tries[group, number] += 1
            if group < FAILING and number == FAILS_FOR_GOOD:
                raise ValueError("broken for good")
            if group < FAILING and number == FAILS_TWICE and self.tries[group, number] <= 2:
                raise ValueError("broken for now")
            self.done[group].append(number)

        self.step = step
        self.sandbox = Sandbox({"step": step}, fifo=True)

    def send(self) -> None:
        for number in range(EACH):
            for group in range(GROUPS):
                self.step.send({"group": group, "number": number}, group=f"group-{group}")


@pytest.fixture
def groups() -> Iterator[Groups]:
    groups = Groups()
    with groups.sandbox:
        groups.send()
        yield groups


def test_healthy_groups_are_drained_within_two_ticks_whatever_the_others_do(groups: Groups) -> None:
    groups.sandbox.tick()
    groups.sandbox.tick()

    for group in range(FAILING, GROUPS):
        assert groups.done[group] == list(range(EACH)), f"group {group}"


def test_every_group_is_worked_whole_and_in_its_order(groups: Groups) -> None:
    groups.sandbox.run()

    for group in range(GROUPS):
        good = [number for number in range(EACH) if group >= FAILING or number != FAILS_FOR_GOOD]
        assert groups.done[group] == good, f"group {group}"
    assert len(groups.sandbox.dead_letters) == FAILING
    assert set(groups.tries.values()) == {1, 3}
