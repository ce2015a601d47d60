"""`make mutants`: breaks one mechanism after the other, and writes down which promise or test notices.

    python -m tests.project.mutants [--only WORDS] [--quick] [--processes 2]

Each mutation is made in a process of its own. The promises are asked first (`tests/promises/hostile`),
then the quick tests. Writes mutants.md; ends with 1 if a mutation is not noticed, with 2 if that can't
be asked. `--quick` asks the tests of its hazards first and the promises last. It is over in a quarter
of the time, and says as surely that nobody noticed.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from functools import partial

from tests.project.mutants.asking import Caught, first_failure
from tests.project.mutants.mutation import Mutation
from tests.project.mutants.mutations import MUTATIONS, ROOT, problems
from tests.project.mutants.page import PAGE, page


def can_be_asked() -> bool:
    """Tells whether all mutations can be made, and all is green before. Failures say nothing without that."""
    if found := list(problems()):
        print("Mutations that can't be made:", *found, sep="\n  ", file=sys.stderr)
        return False
    failed = first_failure(None)
    if failed is not None:
        print(f"Nothing is broken yet, and this fails: {failed.test}\n{failed.error}", file=sys.stderr)
    return failed is None


def run(mutations: Sequence[Mutation], processes: int, *, promises_first: bool) -> dict[str, Caught | None]:
    """Returns, by the mutation's name, the test that caught it."""
    found: dict[str, Caught | None] = {}
    with ThreadPoolExecutor(processes) as pool:
        ask = partial(first_failure, promises_first=promises_first)
        futures = {pool.submit(ask, mutation): mutation for mutation in mutations}
        try:
            for future in as_completed(futures):
                name, by = futures[future].name, future.result()
                found[name] = by
                said = (
                    "NOT NOTICED" if by is None else f"{by.test} ({by.seconds:.0f} s)\n    {by.error[:160]!r}"
                )
                print(f"{len(found)} of {len(futures)}, {name}\n    {said}", flush=True)
        finally:
            pool.shutdown(cancel_futures=True)  # when somebody loses patience
    return found


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", default="", help="mutations whose name has these words; writes no page")
    parser.add_argument("--quick", action="store_true", help="the promises are asked last")
    parser.add_argument("--processes", type=int, default=2)
    asked = parser.parse_args()
    began = time.monotonic()
    if not can_be_asked():
        return 2
    chosen = [mutation for mutation in MUTATIONS if asked.only in mutation.name]
    found = run(chosen, asked.processes, promises_first=not asked.quick)
    survivors = [name for name, by in found.items() if by is None]
    failed = [f"{name}: {by.error}" for name, by in found.items() if by is not None and by.own]
    if not (asked.only or failed):
        (ROOT / PAGE).write_text(page(found, promises_first=not asked.quick), encoding="utf-8")
    print(f"{len(found)} mutations, {len(survivors)} not noticed, {time.monotonic() - began:,.0f} s")
    for name in survivors:
        print(f"  not noticed: {name}")
    for said in failed:
        print(f"  its own code fails: {said}")
    return 2 if failed else 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
