"""The promises hold in wider worlds, too: by any schedule, however long a fault lasts.

`make soak` goes on to other seeds.
"""

from __future__ import annotations

from collections import Counter

import pytest
from tests.conftest import COUNTED, Record
from tests.promises.hostile.soak import chosen
from tests.promises.hostile.wide import OUTAGES, draw, judge
from tests.promises.hostile.wide_promises import JUDGES
from tests.support import slow

from zigzag_testing.faults import OF_A_WIDER_WORLD, POISONED

SEEDS = (6, 7, 10, 13, 15, 17, 18, 25, 27, 30)
"""Together they have each width, in the least time."""

MORE = [seed for seed in range(32) if seed not in (3, 5, 21, *SEEDS)]
"""In these three, ticks wait for permits or slots for days, which takes as long as all others. `make soak`
has such worlds."""

MESSAGES = 150
WITH_A_RATE_THAT_FINDS_ITSELF, FEWER = 63, 40
"""It looks for the rate all the time, so few messages are enough."""

STRUCK: Counter[str] = Counter()
"""How often what has struck, in the worlds of this file."""


@pytest.mark.parametrize("seed", [*SEEDS, WITH_A_RATE_THAT_FINDS_ITSELF, *slow(*MORE)])
def test_a_wider_world_breaks_no_promise(seed: int) -> None:
    drawn = draw(seed)
    judged = judge(draw(seed, messages=FEWER if drawn.auto else MESSAGES), JUDGES)
    STRUCK.update(judged.struck)

    assert judged.broken == {}


FLOW = ("pause", "rate", "cap", "auto", "breaker", "back")


@pytest.mark.parametrize("width", [*OUTAGES, *OF_A_WIDER_WORLD, POISONED, *FLOW])
def test_this_width_has_struck_above(width: str, record_property: Record) -> None:
    times = STRUCK[width]
    record_property(COUNTED, f"{width}: struck {times:,} times")

    assert times > 0


def test_a_soak_begins_in_the_world_that_its_seed_names() -> None:
    assert [next(chosen(seed)) for seed in (3, 5, 21)] == [3, 5, 21]
