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

KNOWN: tuple[Known, ...] = ()

JUDGES_THAT_FAIL: tuple[str, ...] = ()
"""They are asked by the tests of `KNOWN` alone."""


def kept_out() -> frozenset[str]:
    """Widths of no world."""
    return frozenset(width for known in KNOWN for width in known.keeps_out)


def judges() -> Mapping[str, Callable[[WideWorld, Drawn], None]]:
    """Those that hold in every world without what is kept out."""
    return {name: judge for name, judge in JUDGES.items() if name not in JUDGES_THAT_FAIL}
