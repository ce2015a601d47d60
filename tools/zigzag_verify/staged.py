"""The trials of a stack: those that send all at once, and those that go by stages."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from consumer.flow.gate import LOOK_AGAIN_SECONDS
from shared.ports.gates import Rate
from shared.ports.queue import MAX_POLL_SECONDS
from zigzag_operate import Filter, redrive
from zigzag_operate.dead_letters import show
from zigzag_operate.errors import OperateError
from zigzag_verify.seen import Seen, Stack
from zigzag_verify.trials import (
    BROKEN,
    KEPT,
    Trial,
    Verdict,
    Wanted,
    all_done,
    comes_again,
    done_once,
    in_order,
    never_beside_itself,
)

LARGE, LARGE_BYTES = "ten of 1 MiB at once", 1_048_576
LONG_SECONDS = 130
"""Longer than a lease."""

UNDER_WAY_SECONDS = LOOK_AGAIN_SECONDS + MAX_POLL_SECONDS
"""A poll that began without the limit may bring messages for so long."""

LETTER_LOOKS, REDRIVES = 10, 8
"""Most looks at dead letters, and most redrives, of a stack."""

HIDDEN_SECONDS = 62
"""A killed redrive hides its letters for a minute."""


def _large(stack_id: str) -> int:
    """Returns how long a pad makes a message of the largest size."""
    body = json.dumps({"task": "verify", "payload": {"pad": ""}, "id": stack_id})
    return LARGE_BYTES - len(body)


def plain_trials() -> list[Trial]:
    """Returns the trials that send first of all, while the queue is paused."""
    ten = [f"{number}" for number in range(10)]
    large = [Wanted(one, {"pad": "x" * _large(f"{LARGE}: {one}")}) for one in ten]
    group = [
        Wanted("head", {"does": "fails"}, group="g"),
        *(Wanted(one, group="g") for one in ("2", "3", "4")),
    ]
    return [
        Trial(LARGE, large, all_done, fifo=False, seconds=30),  # in front, for one receive
        Trial("good", [Wanted(one) for one in ten], all_done, seconds=20),
        Trial(
            "failing", [Wanted("1", {"does": "fails"}), Wanted("2", {"does": "fails"})], all_done, seconds=8
        ),
        Trial("killed", [Wanted("1", {"does": "dies"})], comes_again, seconds=4),
        Trial(
            "long", [Wanted("1", {"seconds": LONG_SECONDS})], never_beside_itself, seconds=LONG_SECONDS + 5
        ),
        Trial(
            "one id twice",
            [
                Wanted("the id", task="verify_once", group="a"),
                Wanted("the id", task="verify_once", group="b"),
            ],
            done_once,
            seconds=4,
        ),
        Trial("a group with a failing head", group, in_order, fifo=True, seconds=10),
        Prompt(),
        Poison(),
        KilledRedrive(),
    ]


class Poison(Trial):
    """A message that no retry can help is a dead letter, with its reason, and has no effect."""

    REASONS = ("the body is not JSON", "does not fit", "as wished")

    def __init__(self) -> None:
        super().__init__("poison", [Wanted("rejected", {"does": "is rejected"})], all_done, seconds=4)
        self._looks = 0

    def begin(self, stack: Stack) -> None:
        super().begin(stack)
        stack.send_body("poison: this is not JSON", "p1")
        stack.send("verify", {"does": "a dance"}, "poison: no such wish", "p2")

    def look(self, stack: Stack, seen: Seen, now: float) -> None:
        if not seen.starts[self.ids[0]] or self._looks >= LETTER_LOOKS:
            return
        self._looks += 1
        letters = show(stack.target, Filter(), limit=50, payload=True).letters
        said = [letter.reason for letter in letters if "poison" in str(letter.body)]
        if len(said) >= len(self.REASONS):
            told = all(any(words in reason for reason in said) for words in self.REASONS)
            state = KEPT if told and len(said) == len(self.REASONS) else BROKEN
            self.verdict = Verdict(state, {"letters": len(said), "reasons": sorted(said)})


class Killed(BaseException):
    """Is raised in the place of a call: the process that would make it is gone."""


@dataclass
class _Killer:
    """Kills a redrive between its send and its delete: from then on none of its calls is made."""

    killed: bool = False

    def __call__(self, action: str, parameters: Mapping[str, Any]) -> None:
        self.killed = self.killed or action == "sqs:DeleteMessage"
        if self.killed:
            raise Killed


class KilledRedrive(Trial):
    """A redrive is killed after its send and repeated: each task runs to success once."""

    WHICH = Filter(reason="the service is away")

    def __init__(self) -> None:
        letters = [Wanted(one, task="verify_away") for one in ("1", "2", "3")]
        super().__init__("a redrive killed in its middle", letters, done_once, seconds=12)
        self._killed_at: float | None = None
        self._repeated, self._redrives = False, 0

    def look(self, stack: Stack, seen: Seen, now: float) -> None:
        if self._killed_at is None:
            if all(seen.starts[id] for id in self.ids):  # and so they will be letters
                self._kill(stack, now)
        elif not self._repeated:
            if now > self._killed_at + HIDDEN_SECONDS:
                self._repeated = self._redrive(stack)
        else:
            self.verdict = done_once(seen, self.ids)

    def _kill(self, stack: Stack, now: float) -> None:
        stack.mend()
        before, stack.door.pass_by = stack.door.pass_by, _Killer()
        try:
            self._redrive(stack)
        except Killed:
            self._killed_at = now
        finally:
            stack.door.pass_by = before

    def _redrive(self, stack: Stack) -> bool:
        """Returns whether letters were redriven. There may be none to be seen yet."""
        if self._redrives >= REDRIVES:
            return False
        self._redrives += 1
        try:
            return redrive(stack.target, self.WHICH).done > 0
        except OperateError:
            return False


class Prompt(Trial):
    """Messages that come one at a time, once the queue was idle: how soon they start, the log says."""

    def __init__(self) -> None:
        super().__init__("prompt", [Wanted(one) for one in ("1", "2", "3")], all_done, seconds=3)
        self._sent = 0

    def begin(self, stack: Stack) -> None:
        """Sends nothing yet: they would wait for the pause."""

    def look(self, stack: Stack, seen: Seen, now: float) -> None:
        if self._sent < len(self.ids) and seen.effects["good: 0"]:
            stack.send("verify", {}, self.ids[self._sent])
            self._sent += 1
        super().look(stack, seen, now)


@dataclass
class Rated:
    """The last trial of a stack: tasks at a rate of one every two seconds."""

    every: float = 2.0
    limited_at: float | None = None
    sent: bool = False
    verdict: Verdict | None = None
    ids: list[str] = field(default_factory=lambda: [f"rate: {number}" for number in range(6)])

    def look(self, stack: Stack, seen: Seen, now: float) -> None:
        if self.limited_at is None:
            stack.gates.limit(Rate(every=self.every))
            self.limited_at = now
        elif not self.sent and now > self.limited_at + UNDER_WAY_SECONDS:
            for id in self.ids:
                stack.send("verify", {}, id)
            self.sent = True
        elif all(seen.starts[id] for id in self.ids):
            starts = [min(seen.starts[id]) for id in self.ids]
            took, asked = max(starts) - min(starts), self.every * (len(starts) - 1)
            state = KEPT if took > asked / 2 else BROKEN  # the first one has a slow start
            self.verdict = Verdict(state, {"seconds": round(took, 1), "asked": asked})
            stack.gates.limit()
