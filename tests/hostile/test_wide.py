"""What is promised holds in wider worlds, too: whatever schedule, however long a fault lasts.

`make soak` goes on to other seeds.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterator

import pytest
from tests.conftest import COUNTED
from tests.hostile.known import KNOWN, Known, judges, kept_out
from tests.hostile.wide import OUTAGES, WIDTHS, draw, judge
from tests.hostile.wide_promises import JUDGES

from zigzag_testing.faults import OF_A_WIDER_WORLD

SEEDS = range(24)
MESSAGES = 150
STRUCK: Counter[str] = Counter()
"""How often what has struck, in the worlds of this file."""


@pytest.fixture(autouse=True, scope="module")
def _quiet() -> Iterator[None]:
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_wider_world_breaks_no_promise(seed: int) -> None:
    judged = judge(draw(seed, messages=MESSAGES, without=kept_out()), judges())
    STRUCK.update(judged.struck)

    assert judged.broken == {}


@pytest.mark.parametrize("width", [*OUTAGES, *OF_A_WIDER_WORLD])
def test_this_width_has_struck_above(width: str, record_property: Callable[[str, object], None]) -> None:
    times = STRUCK[width]
    record_property(COUNTED, f"{width}: struck {times:,} times")

    assert (times > 0) is (width not in kept_out())


@pytest.mark.parametrize(
    "known",
    [
        pytest.param(known, id=known.fault, marks=pytest.mark.xfail(strict=True, reason=known.fault))
        for known in KNOWN
    ],
)
def test_what_is_not_mended_yet(known: Known) -> None:
    drawn = draw(known.seed, messages=MESSAGES, only=known.widths)

    assert judge(drawn, {known.judge: JUDGES[known.judge]}).broken == {}


def test_what_is_kept_out_is_a_width() -> None:
    unknown = {width for known in KNOWN for width in (*known.widths, *known.keeps_out)} - set(WIDTHS)

    assert unknown == set()
