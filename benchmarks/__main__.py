"""Runs all benchmarks, and writes docs/performance.md: `python -m benchmarks [--quick] [--peers]`."""

from __future__ import annotations

import argparse
import json
import sys
import time
from datetime import UTC, datetime
from typing import Any

from benchmarks import cold, cost_tables, dispatch, machine, page, transports, worker_overhead
from benchmarks.bench import built_bench
from benchmarks.peers import compared

MEASURED = {
    "dispatch": dispatch,
    "cold": cold,
    "worker_overhead": worker_overhead,
    "transports": transports,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two minutes instead of ten and more; rough")
    parser.add_argument("--peers", action="store_true", help="runs the peers as well; see benchmarks.peers")
    parser.add_argument("--write-only", action="store_true", help="writes the page again from results.json")
    asked = parser.parse_args()
    if asked.write_only:
        page.write(json.loads(page.RESULTS.read_text(encoding="utf-8")))
        return
    page.write(_results(asked.quick, with_peers=asked.peers))


def _results(quick: bool, *, with_peers: bool) -> dict[str, Any]:
    results: dict[str, Any] = {
        "date": datetime.now(UTC).date().isoformat(),
        "quick": quick,
        "machine": machine.description(),
        "load": machine.load(),
    }
    _tell("builds the package")
    with built_bench() as bench:
        more = {"peers": compared} if with_peers else {}
        for name, module in {**MEASURED, **more}.items():
            begun = time.monotonic()
            results[name] = module.measure(bench, quick)
            _tell(f"{name}: {time.monotonic() - begun:.0f} s")
    results["cost"] = cost_tables.rows(cost_tables.measured_by(results))
    return results


def _tell(what: str) -> None:
    print(what, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
