"""`make mutants`: breaks one mechanism after the other, and writes down which promise or test notices.

    python -m tests.mutants [--only WORDS] [--processes 2]

Each mutation is made in a copy of the project. The promises are asked first (`tests/hostile`), then the
quick tests. Writes docs/mutants.md; ends with 1 if a mutation is not noticed.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue
from tempfile import TemporaryDirectory

from tests.mutants.copy import Caught, Copy
from tests.mutants.mutation import Mutation
from tests.mutants.mutations import MUTATIONS
from tests.mutants.page import PAGE, page

ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def copies(number: int) -> Iterator[SimpleQueue[Copy]]:
    """So many copies of the project, to be taken and put back."""
    with TemporaryDirectory(prefix="zigzag-mutants-") as folder:
        free: SimpleQueue[Copy] = SimpleQueue()
        for n in range(number):
            free.put(Copy(ROOT, Path(folder) / str(n)))
        yield free


def caught(mutation: Mutation, free: SimpleQueue[Copy]) -> Caught | None:
    copy = free.get()
    try:
        return copy.caught(mutation)
    finally:
        free.put(copy)


def sound(free: SimpleQueue[Copy]) -> bool:
    """Whether all is green before anything is broken: else nothing that fails then says anything."""
    copy = free.get()
    failed = copy.first_failure(None)
    free.put(copy)
    if failed is not None:
        print(f"Nothing is broken yet, and this fails: {failed.test}\n{failed.error}", file=sys.stderr)
    return failed is None


def run(mutations: Sequence[Mutation], processes: int) -> dict[str, Caught | None] | None:
    """Who caught each; None if there is nothing to be learned."""
    found: dict[str, Caught | None] = {}
    with copies(processes) as free, ThreadPoolExecutor(processes) as pool:
        if not sound(free):
            return None
        futures = {pool.submit(caught, mutation, free): mutation for mutation in mutations}
        try:
            for future in as_completed(futures):
                name, by = futures[future].name, future.result()
                found[name] = by
                said = "NOT NOTICED" if by is None else f"{by.test}\n    {by.error[:160]!r}"
                print(f"{len(found)} of {len(futures)}, {name}\n    {said}", flush=True)
        finally:
            pool.shutdown(cancel_futures=True)  # when somebody loses patience
    return found


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", default="", help="mutations whose name has these words; writes no page")
    parser.add_argument("--processes", type=int, default=2)
    asked = parser.parse_args()
    began = time.monotonic()
    chosen = [mutation for mutation in MUTATIONS if asked.only in mutation.name]
    found = run(chosen, asked.processes)
    if found is None:
        return 2
    survivors = [name for name, by in found.items() if by is None]
    if not asked.only:
        (ROOT / PAGE).write_text(page(found), encoding="utf-8")
    print(f"{len(found)} mutations, {len(survivors)} not noticed, {time.monotonic() - began:,.0f} s")
    for name in survivors:
        print(f"  not noticed: {name}")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
