"""A rate that finds itself: by how much it grows, and by how much a refusal cuts it."""

from __future__ import annotations

from math import e

import pytest

from shared.ports.auto import (
    CUT_EVERY_SECONDS,
    FLAT_SECONDS,
    HALVED_SECONDS,
    SLOT_SECONDS,
    Auto,
    Cut,
)
from shared.ports.breaker import CUTS_SECONDS

NOW = 1_800_000_000.0
TEN_A_SECOND = Auto(60, 0.001, refused=0.1, cut=NOW)


def after(auto: Auto, every: float, seconds: float) -> float:
    """Returns the rate after so many seconds in use, in starts a second."""
    passed = 0.0
    while passed < seconds:
        passed += every
        every = auto.grown(every, 1)
    return 1 / every


class TestGrowth:
    @pytest.mark.parametrize(
        ("seconds", "least", "most"),
        [
            pytest.param(0, 8.5, 8.6, id="from what a cut leaves"),
            pytest.param(0.5 * FLAT_SECONDS, 9.7, 9.9, id="quickly at first"),
            pytest.param(FLAT_SECONDS, 9.9, 10.2, id="to the refused rate"),
            pytest.param(2 * FLAT_SECONDS, 13, 14.5, id="slowly beyond it"),
            pytest.param(4 * FLAT_SECONDS, 40, 70, id="and then quickly"),
        ],
    )
    def test_it_follows_the_curve(self, seconds: float, least: float, most: float) -> None:
        assert least <= after(TEN_A_SECOND, 0.1 / 0.85, seconds) <= most

    def test_it_is_as_much_slower_as_a_refusal_takes_longer(self) -> None:
        slowly = TEN_A_SECOND._replace(took=12.0)

        assert after(slowly, 0.1 / 0.85, 80) == pytest.approx(after(TEN_A_SECOND, 0.1 / 0.85, 20), rel=0.01)

    def test_a_refusal_that_comes_soon_makes_it_no_quicker(self) -> None:
        soon = TEN_A_SECOND._replace(took=2.9)

        assert soon.grown(0.117, 10) == TEN_A_SECOND.grown(0.117, 10)

    def test_at_a_slow_rate_a_start_counts_for_less_than_its_time(self) -> None:
        # Given a rate of one in ten seconds, refused last at that
        slow = Auto(60, 0.001, refused=10.0, cut=NOW)

        # Then it takes as many starts as FLAT_SECONDS have SLOT_SECONDS
        starts = int(FLAT_SECONDS / SLOT_SECONDS)
        assert slow.grown(10 / 0.85, starts // 2) > 10
        assert slow.grown(10 / 0.85, 2 * starts) < 10

    def test_ten_starts_at_once_count_like_one_after_the_other(self) -> None:
        one_by_one = 0.117
        for _ in range(10):
            one_by_one = TEN_A_SECOND.grown(one_by_one, 1)

        assert TEN_A_SECOND.grown(0.117, 10) == pytest.approx(one_by_one)

    def test_it_stays_within_the_least_and_the_most(self) -> None:
        auto = Auto(2, 0.25, refused=0.5, cut=NOW)

        assert auto.grown(0.25, 1000) == 0.25
        assert auto.grown(30, 1) == 2

    @pytest.mark.parametrize(("slowest", "fastest", "first"), [(60, 0.01, 1), (0.5, 0.01, 0.5), (60, 9, 9)])
    def test_it_begins_with_one_a_second_or_the_nearest(
        self, slowest: float, fastest: float, first: float
    ) -> None:
        assert Auto(slowest, fastest).first == first


class TestRest:
    @pytest.mark.parametrize(
        ("seconds", "rate"),
        [
            pytest.param(0, 40, id="none, nothing"),
            pytest.param(600, 10 + 30 / e, id="ten minutes, two thirds of what is beyond the refused rate"),
            pytest.param(24 * 3600, 10, id="a day, all of it"),
        ],
    )
    def test_it_takes_off(self, seconds: float, rate: float) -> None:
        assert 1 / TEN_A_SECOND.rested(1 / 40, seconds) == pytest.approx(rate)

    def test_a_rate_below_the_refused_one_stays(self) -> None:
        assert TEN_A_SECOND.rested(0.2, 3600) == 0.2

    def test_it_stays_within_the_most(self) -> None:
        assert Auto(60, 0.2, refused=0.1, cut=NOW).rested(0.2, 3600) == 0.2


class TestCut:
    def test_a_refusal_takes_fifteen_percent_off(self) -> None:
        assert Auto().cut_of(0.1, NOW - 1, NOW, NOW) == Cut(0.1 / 0.85, 0.1, NOW, 0.0, 1.0)

    @pytest.mark.parametrize(
        ("received", "refused", "kept"),
        [
            pytest.param(1, CUT_EVERY_SECONDS - 0.1, None, id="none so soon"),
            pytest.param(1, CUT_EVERY_SECONDS, 0.5, id="a half, of one received soon after the last cut"),
            pytest.param(HALVED_SECONDS - 1, 60, 0.5, id="however late its refusal"),
            pytest.param(HALVED_SECONDS, HALVED_SECONDS, 0.85, id="of a later one, as of the first"),
        ],
    )
    def test_the_next_one_takes_off(self, received: float, refused: float, kept: float | None) -> None:
        cut = TEN_A_SECOND.cut_of(0.2, NOW + received, NOW + refused, NOW + refused)

        expected = None if kept is None else Cut(0.2 / kept, 0.2, NOW + refused, NOW, refused - received)
        assert cut == expected

    @pytest.mark.parametrize("received", [-60, 0])
    def test_one_that_was_received_before_the_last_cut_does_nothing(self, received: float) -> None:
        assert TEN_A_SECOND.cut_of(0.2, NOW + received, NOW + 30, NOW + 30) is None

    def test_no_cut_goes_below_the_least_rate(self) -> None:
        cut = TEN_A_SECOND.cut_of(59, NOW + 30, NOW + 30, NOW + 30)

        assert cut is not None
        assert cut.every == 60

    def test_the_refused_rate_is_the_first_one_since_a_success(self) -> None:
        # Given two refusals without a success between, of which the first cut it at NOW
        cut = TEN_A_SECOND.cut_of(0.2, NOW + 5, NOW + 5, begun=NOW)

        # Then it grows towards the rate before both
        assert cut == Cut(0.4, TEN_A_SECOND.refused, NOW + 5, NOW)

    @pytest.mark.parametrize(("seconds", "cuts"), [(CUTS_SECONDS - 0.1, True), (CUTS_SECONDS, False)])
    def test_the_rate_is_no_limit_if_nothing_has_succeeded_for_long(self, seconds: float, cuts: bool) -> None:
        now = NOW + 30

        assert (TEN_A_SECOND.cut_of(0.2, now, now, begun=now - seconds) is not None) is cuts
