"""`./zigzag cost`: its sums, where there is a stack and where there is none, and a rate that is none."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from zigzag_cli import cost as command
from zigzag_cli.app import main
from zigzag_operate import OperateError

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def cost(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs the command where no stack is: its exit code, and what it prints."""

    def used(target: object) -> None:
        raise OperateError("there is no stack 'zigzag' in eu-west-1")

    def run(*options: str) -> tuple[int, str, str]:
        monkeypatch.delenv("AWS_PROFILE", raising=False)
        monkeypatch.setattr(command, "used", used)
        monkeypatch.setattr("sys.argv", ["zigzag", "cost", *options])
        with pytest.raises(SystemExit) as end:
            main()
        told = capsys.readouterr()
        return int(end.value.code or 0), told.out, told.err

    return run


def test_without_a_stack_the_settings_are_the_templates_and_it_says_so(cost: Run) -> None:
    code, said, _ = cost()

    assert code == 0
    assert said.startswith("By template.yaml and samconfig.toml; list prices")
    assert said.endswith("The stack was not reached: there is no stack 'zigzag' in eu-west-1.\n")
    assert "an idle month: $0.19\n" in said
    assert max(map(len, said.splitlines())) <= 80


def test_each_sum_is_that_of_its_lines_and_json_is_all(cost: Run) -> None:
    _, said, _ = cost("--rate", "40/s", "--compare", "--json")

    bills = json.loads(said)["bills"]
    assert [one["title"] for one in bills] == [
        "an idle month",
        "a month of 40/s tasks of 0.1 s",
        "a month of 40/s by a mapping alone, batches of 1",
        "a month of 40/s by a mapping alone, batches of 10",
    ]
    assert [one["usd"] for one in bills] == [
        pytest.approx(sum(line["usd"] for line in one["lines"]), abs=0.001) for one in bills
    ]


def test_a_rate_of_which_the_stack_starts_less_is_told_with_the_change(cost: Run) -> None:
    _, said, _ = cost("--rate", "7/s")

    assert "set InFlightCap=420 or more" in " ".join(said.split())
    assert " 1,814,400 receives " in said


def test_a_comparison_says_what_it_leaves_out(cost: Run) -> None:
    _, said, _ = cost("--compare")

    assert "an idle month by a mapping alone: $0.36" in said
    assert "Not compared: a bare mapping has no schedule, no limit" in said


@pytest.mark.parametrize("rate", ["0/s", "-1/s", "40", "fast", "1000001/s", "nan/s", "40/week"])
def test_a_rate_that_is_none_is_named(cost: Run, rate: str) -> None:
    code, said, error = cost(f"--rate={rate}")

    assert (code, said) == (2, "")
    assert f"--rate is {rate!r}: it may be like 40/s" in error
