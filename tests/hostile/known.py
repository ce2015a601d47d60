"""What does not hold yet in a wider world? Each line is a world that shows it, and must keep showing it.

A line is a test that must fail (`test_wide.py`). Once it does not, the line goes, and all wider worlds have
what it kept out of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from tests.hostile.wide import Drawn
from tests.hostile.wide_promises import JUDGES
from tests.hostile.wide_world import WideWorld


class Known(NamedTuple):
    """A fault that is not mended, and a world that shows it.

    fault      -- in words.
    seed       -- of a world with `widths`, and nothing else of what is wider.
    judge      -- the one that finds it there.
    keeps_out  -- widths that no other world has until then.
    """

    fault: str
    seed: int
    widths: tuple[str, ...]
    judge: str
    keeps_out: tuple[str, ...] = ()


CODE = ("very slow code", "hanging code", "killing code")
RECORDS = ("records away", "records silent", "records refusing", "records slow")
QUEUE = ("queue away", "queue silent", "queue slow", "queue refusing")

KNOWN = (
    Known("more are in flight than the cap allows", 1, ("long tasks",), "the cap"),
    Known(
        "SQS drops a failing message whose next tick is too far off",
        0,
        ("schedule",),
        "every message ended",
        ("schedule",),
    ),
    Known(
        "a record's ownership ends while only SQS is silent",
        10,
        ("queue silent", "long tasks"),
        "nothing overlaps",
        QUEUE,
    ),
    Known(
        "a message's lease ends while only the table refuses",
        5,
        ("records refusing", "long tasks"),
        "nothing overlaps",
        RECORDS,
    ),
    Known(
        "while the table is away, receives count as attempts",
        0,
        ("records away", "long tasks"),
        "letters were tried",
        RECORDS,
    ),
    Known(
        "while the table is away, starts are not counted",
        0,
        ("records away", "long tasks"),
        "starts are bounded",
        RECORDS,
    ),
    Known(
        "what kills before a task's first line is started again and again",
        0,
        ("killing code",),
        "starts are bounded",
        CODE,
    ),
    Known(
        "what kills before a task's first line is a dead letter without a reason",
        0,
        ("killing code",),
        "letters say why",
        CODE,
    ),
    Known("a bad deploy empties the queue", 4, ("bad deploy",), "deploys are outlived"),
)

JUDGES_THAT_FAIL = ("the cap", "deploys are outlived")
"""They are asked by the tests of `KNOWN` alone."""


def kept_out() -> frozenset[str]:
    """Widths of no world."""
    return frozenset(width for known in KNOWN for width in known.keeps_out)


def judges() -> Mapping[str, Callable[[WideWorld, Drawn], None]]:
    """Those that hold in every world without what is kept out."""
    return {name: judge for name, judge in JUDGES.items() if name not in JUDGES_THAT_FAIL}
