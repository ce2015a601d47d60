"""mutants.md, a run's report: which mechanism was broken, and who noticed. Git does not keep it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from inspect import getdoc

from tests.project.mutants.asking import PROMISES, Caught
from tests.project.mutants.mutation import Part
from tests.project.mutants.mutations import PARTS
from tests.promises.hostile import promises

PAGE = "mutants.md"

_BEGIN = """\
# Mutants

Each mechanism is broken on purpose, one at a time, and the tests are asked who notices.
`make mutants` does that, and writes this report.

{asked}
H1, H2 and so on are what [can go wrong](docs/reliability.md#what-can-go-wrong) again.
"""


_PROMISES_FIRST = """\
The [promises](docs/reliability.md#what-is-promised) are asked first, in `tests/promises/hostile`, as always.
Where they notice nothing, or can't since the sandbox has no such part, a test of one mechanism must."""

_PROMISES_LAST = """\
In this run the tests of one mechanism were asked first, which takes a quarter of the time; and where they
notice nothing, the [promises](docs/reliability.md#what-is-promised), in `tests/promises/hostile`.
`make mutants` asks the promises first."""


def page(found: Mapping[str, Caught | None], *, promises_first: bool) -> str:
    """Returns the page. `found` has the test that noticed, by the mutation's name."""
    by_promises = sum(by is not None and _is_of_promises(by) for by in found.values())
    nobody = sum(by is None for by in found.values())
    counts = (
        f"Of {len(found)} mutations, **{by_promises}** were noticed by the promises, "
        f"**{len(found) - by_promises - nobody}** by a test of one mechanism, **{nobody}** by nobody."
    )
    begin = _BEGIN.format(asked=_PROMISES_FIRST if promises_first else _PROMISES_LAST)
    return "\n".join([begin, counts, *(_table(part, found) for part in PARTS)]) + "\n"


def _table(part: Part, found: Mapping[str, Caught | None]) -> str:
    rows = [
        f"\n## {part.title}\n",
        "| Broken: | Opens | Noticed by | What did not hold |",
        "|---|---|---|---|",
    ]
    for mutation in part.mutations:
        by = found[mutation.name]
        file, said = ("nobody", "") if by is None else (f"`{by.test.partition('::')[0]}`", _said(by))
        rows.append(f"| {mutation.name} | {mutation.hazards.replace(' ', ', ')} | {file} | {said} |")
    return "\n".join(rows)


def _is_of_promises(by: Caught) -> bool:
    return by.test.startswith(PROMISES)


def _said(by: Caught) -> str:
    """Returns the promise that did not hold, or the test's sentence."""
    if "::" not in by.test:
        return by.error
    checks = [name for name in by.functions if name.startswith("check_")]
    if checks:
        return " ".join((getdoc(getattr(promises, checks[-1])) or "").partition("\n\n")[0].split())
    if "settle_down" in by.functions:
        return "Once nothing goes wrong any more, the queue runs empty, and no invocation raises."
    name, _, example = by.test.rpartition("::")[2].partition("[")
    words = name.removeprefix("test_").replace("_", " ")
    example = re.sub(r"[|`\\]", "", example.removesuffix("]"))
    return words[:1].upper() + words[1:] + (f": {example}." if example else ".")
