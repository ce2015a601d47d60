"""The trials: what is sent to a stack, and what must become of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

from zigzag_verify.seen import Seen, Stack

KEPT, BROKEN, NOT_IN_TIME = "kept", "broken", "not in time"


class Verdict(NamedTuple):
    """Whether a promise was kept, and what was counted."""

    state: str
    figures: Mapping[str, Any]


class Wanted(NamedTuple):
    """A message of a trial.

    id -- its task's id, after the trial's name.
    """

    id: str
    payload: Mapping[str, Any] = MappingProxyType({})
    task: str = "verify"
    group: str | None = None


@dataclass
class Trial:
    """Sends messages, and judges by what the tasks wrote.

    messages -- what it sends.
    judge    -- returns a verdict, or None while it is too early.
    fifo     -- whether it is for FIFO queues only, for others only, or for all.
    seconds  -- of the worker, at most.
    """

    name: str
    messages: list[Wanted]
    judge: Callable[[Seen, list[str]], Verdict | None]
    fifo: bool | None = None
    seconds: float = 0.0
    verdict: Verdict | None = None

    @property
    def ids(self) -> list[str]:
        return [f"{self.name}: {one.id}" for one in self.messages]

    def begin(self, stack: Stack) -> None:
        for id, one in zip(self.ids, self.messages, strict=True):
            stack.send(one.task, dict(one.payload), id, one.group)

    def look(self, stack: Stack, seen: Seen, now: float) -> None:
        """Judges, if it can be judged yet. Raises what boto3 raises, and OperateError."""
        self.verdict = self.judge(seen, self.ids)


def _figures(seen: Seen, ids: list[str]) -> dict[str, int]:
    counted = dict.fromkeys(ids)
    return {
        "tasks": len(counted),
        "starts": sum(len(seen.starts[id]) for id in counted),
        "effects": sum(len(seen.effects[id]) for id in counted),
    }


def all_done(seen: Seen, ids: list[str]) -> Verdict | None:
    """Each task has its effect; how often, the figures say: a plain task may have it twice."""
    return Verdict(KEPT, _figures(seen, ids)) if all(seen.effects[id] for id in ids) else None


def done_once(seen: Seen, ids: list[str]) -> Verdict | None:
    """Each id has one effect, once nothing is left on the queue; and a second effect is a breach at once."""
    if any(len(seen.effects[id]) > 1 for id in ids):
        return Verdict(BROKEN, _figures(seen, ids))
    return (
        Verdict(KEPT, _figures(seen, ids)) if not seen.left and all(seen.effects[id] for id in ids) else None
    )


def never_beside_itself(seen: Seen, ids: list[str]) -> Verdict | None:
    """A task that is longer than its lease starts once."""
    if any(len(seen.starts[id]) > 1 for id in ids):
        return Verdict(BROKEN, _figures(seen, ids))
    return all_done(seen, ids)


def comes_again(seen: Seen, ids: list[str]) -> Verdict | None:
    """A task whose process was killed starts again by itself, and has its effect."""
    done = all_done(seen, ids)
    if done is None:
        return None
    apart = [max(times) - min(times) for times in (seen.starts[id] for id in ids)]
    state = KEPT if all(len(seen.starts[id]) >= 2 for id in ids) else BROKEN
    return Verdict(state, {**done.figures, "seconds until it came again": round(max(apart))})


def in_order(seen: Seen, ids: list[str]) -> Verdict | None:
    """The tasks of a group have their effects in the order sent, though the first one fails once."""
    done = all_done(seen, ids)
    if done is None:
        return None
    first, last = [min(seen.starts[id]) for id in ids], [max(seen.effects[id]) for id in ids]
    ordered = all(end <= begin for end, begin in zip(last, first[1:], strict=False))
    return Verdict(KEPT if ordered and len(seen.starts[ids[0]]) >= 2 else BROKEN, done.figures)
