"""The arms of `benchmarks/sending.py`: all is sent, and a million in little memory."""

from __future__ import annotations

import pytest
from benchmarks import sending
from benchmarks.bench import Bench
from benchmarks.sending import ARMS, QUICK

MAX_BYTES = 64 * 1024 * 1024


@pytest.mark.slow
@pytest.mark.parametrize("name", ARMS)
def test_an_arm_sends_every_message_once_in_calls_of_ten(bench: Bench, name: str) -> None:
    outcome = bench.run(sending.arm(name, 501))

    assert (outcome.stats["sent"], outcome.stats["sends"]) == (501, 51)


@pytest.mark.slow
def test_a_row_of_each_arm_has_its_pace_next_to_botos(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "QUICK", QUICK // 10)

    rows = sending.measure(bench, quick=True)

    assert [row["arm"] for row in rows] == [*ARMS]
    assert sending.tables(rows).count("\n") == 4


@pytest.mark.slow
def test_a_million_from_a_generator_take_at_most_64_mb(bench: Bench) -> None:
    outcome = bench.run(sending.arm("send_many", 1_000_000))

    assert outcome.stats["sent"] == 1_000_000
    assert outcome.ran.said["more_bytes"] <= MAX_BYTES
