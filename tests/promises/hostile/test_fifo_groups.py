"""A FIFO queue of many groups: none is held up by another."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

from zigzag import Backoff, task
from zigzag_testing import Sandbox

GROUPS = 50
EACH = 40
FAILING = 10
"""So many groups have a message that fails twice, and one that fails for good."""

FAILS_TWICE, FAILS_FOR_GOOD = 7, 23


def test_healthy_groups_are_drained_within_two_ticks_whatever_the_others_do() -> None:
    done: dict[int, list[int]] = defaultdict(list)
    tries: Counter[tuple[int, int]] = Counter()

    @task(attempts=3, backoff=Backoff(first=30, longest=60))
    def step(payload: dict[str, Any]) -> None:
        group, number = payload["group"], payload["number"]
        tries[group, number] += 1
        if group < FAILING and number == FAILS_FOR_GOOD:
            raise ValueError("broken for good")
        if group < FAILING and number == FAILS_TWICE and tries[group, number] <= 2:
            raise ValueError("broken for now")
        done[group].append(number)

    with Sandbox({"step": step}, fifo=True) as sandbox:
        for number in range(EACH):
            for group in range(GROUPS):
                step.send({"group": group, "number": number}, group=f"group-{group}")
        sandbox.tick()
        sandbox.tick()

    for group in range(FAILING, GROUPS):
        assert done[group] == list(range(EACH)), f"group {group}"
