"""Runs one benchmark alone: `python -m benchmarks.dispatch [--quick]`."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from benchmarks import machine
from benchmarks.bench import Bench, built_bench


def run_alone(measure: Callable[[Bench, bool, int | None], Any], tables: Callable[[Any], str]) -> None:
    """Builds the package, measures, and prints the tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="small backlogs, one round; rough figures")
    parser.add_argument("--rounds", type=int, help="how often each arm runs")
    asked = parser.parse_args()
    print(f"{machine.description()}; load {machine.load():.1f}", flush=True)
    with built_bench() as bench:
        print(tables(measure(bench, asked.quick, asked.rounds)))
