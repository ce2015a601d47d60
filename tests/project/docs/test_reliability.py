"""Is every hazard on docs/reliability.md, once, with tests that exist, and are its numbers the code's?"""

from __future__ import annotations

import ast
import re
from collections import Counter
from functools import cache
from xml.etree import ElementTree

from tests.project.docs.pages import ROOT, named_tests, read

from shared import lease
from shared.lease import BEAT_AGAIN_SECONDS
from worker.deadline import SOFT_SECONDS

PAGE = read("docs/reliability.md")
PICTURE = read("docs/lease.svg")
CLOSED, IMPOSSIBLE, ELSEWHERE = "closed", "impossible here", "elsewhere"
SVG = "{http://www.w3.org/2000/svg}"
FROM, PER_SECOND = 60, 3.5
"""Of the picture: where 0 s is, and how wide a second is."""


def rows() -> list[list[str]]:
    """Returns the table of what can go wrong: number, hazard, kind, what is done about it."""
    lines = [line for line in PAGE.splitlines() if re.match(r"\| H\d+ \|", line)]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


@cache
def those_of_file(path: str) -> set[str]:
    """Returns every test of a file, with its class if it is in one."""
    file = ROOT / path
    tree = ast.parse(file.read_text(encoding="utf-8")) if file.exists() else ast.Module([], [])
    scopes: list[tuple[str, ast.AST]] = [("", tree)]
    scopes += [(f"{node.name}::", node) for node in tree.body if isinstance(node, ast.ClassDef)]
    return {
        f"{path}::{scope}{node.name}"
        for scope, inside in scopes
        for node in ast.iter_child_nodes(inside)
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }


# ---- The table ----


def test_every_hazard_is_in_the_table_exactly_once() -> None:
    security = (ROOT / "docs/security.md").read_text(encoding="utf-8")
    numbers = [*(row[0] for row in rows()), *re.findall(r"^\| (H\d+) \|", security, flags=re.MULTILINE)]

    assert sorted(numbers, key=lambda name: int(name[1:])) == [f"H{n}" for n in range(1, len(numbers) + 1)]


def test_a_hazard_has_a_kind_and_says_what_is_done_about_it() -> None:
    kinds = (CLOSED, IMPOSSIBLE, ELSEWHERE)

    assert [row[0] for row in rows() if row[2] not in kinds or not all(row)] == []


def test_the_counts_are_those_of_the_table() -> None:
    kinds = Counter(kind for _, _, kind, _ in rows())
    (told,) = re.findall(
        r"Of the (\d+), \*\*(\d+)\*\* are closed, \*\*(\d+)\*\* are impossible here,"
        r" and \*\*(\d+)\*\* are elsewhere",
        PAGE,
    )

    assert [int(number) for number in told] == [
        kinds.total(),
        *(kinds[kind] for kind in (CLOSED, IMPOSSIBLE, ELSEWHERE)),
    ]


def test_a_closed_or_impossible_hazard_has_a_test() -> None:
    without = [number for number, _, kind, _ in rows() if kind != ELSEWHERE and number not in named_tests()]

    assert without == []


def test_every_hazard_with_tests_is_one() -> None:
    of_security = re.findall(r"^\| (H\d+) \|", read("docs/security.md"), re.MULTILINE)

    assert set(named_tests()) <= {*(row[0] for row in rows()), *of_security}


def test_every_test_that_is_named_exists() -> None:
    named = sorted({test for tests in named_tests().values() for test in tests})

    assert len(named) > 300
    assert [test for test in named if test not in those_of_file(test.partition("::")[0])] == []


# ---- The numbers ----


def test_the_times_are_those_of_the_code() -> None:
    told = dict(re.findall(r"^\| ([VDAS]) \| .* \| (\d+) s \|$", PAGE, re.MULTILINE))

    assert {name: int(seconds) for name, seconds in told.items()} == {
        "V": lease.LEASE_SECONDS,
        "D": lease.DISPATCH_SECONDS,
        "A": lease.EVENT_AGE_SECONDS,
        "S": lease.SAFETY_SECONDS,
    }


def test_the_numbers_in_the_text_are_the_codes() -> None:
    told = [
        f"received {lease.MAX_RECEIVE_COUNT} times",
        f"for {lease.RECORD_SECONDS // (24 * 3600)} days",
        f"more than D, {lease.DISPATCH_SECONDS:.0f} s",
        f"then every V / {lease.LEASE_SECONDS / lease.BEAT_EVERY_SECONDS:.0f}",
        f"one that failed again after {BEAT_AGAIN_SECONDS:.0f} s",
        f"{SOFT_SECONDS:.0f} s before Lambda would end the process",
    ]

    assert [words for words in told if words not in PAGE] == []


# ---- The picture ----


def bars() -> list[tuple[float, float]]:
    """Returns each bar of the picture, from when until when, in seconds."""
    found = []
    for bar in ElementTree.fromstring(PICTURE).iter(f"{SVG}rect"):  # noqa: S314 -- our own file
        if bar.get("class") != "page":
            begin, width = float(bar.attrib["x"]), float(bar.attrib["width"])
            found.append(((begin - FROM) / PER_SECOND, (begin - FROM + width) / PER_SECOND))
    return found


def test_the_picture_shows_the_relation_to_scale() -> None:
    dispatched = lease.DISPATCH_SECONDS
    dropped = dispatched + lease.EVENT_AGE_SECONDS
    start_by = lease.LEASE_SECONDS - lease.SAFETY_SECONDS

    assert bars()[:4] == [
        (0, dispatched),
        (dispatched, dropped),
        (dropped, start_by),
        (start_by, lease.LEASE_SECONDS),
    ]


def test_the_pictures_heartbeats_come_when_they_do() -> None:
    (start, killed), *leases = bars()[4:]
    beats = [start + lease.BEAT_EVERY_SECONDS, start + 2 * lease.BEAT_EVERY_SECONDS]

    assert beats[-1] < killed < beats[-1] + lease.BEAT_EVERY_SECONDS
    assert leases == [(begin, begin + lease.LEASE_SECONDS) for begin in [0, *beats]]


def test_the_pictures_words_are_the_pages_numbers() -> None:
    for name, seconds in re.findall(r"\b([VDAS]) = (\d+) s", PICTURE):
        assert f"| {name} |" in PAGE
        assert re.search(rf"^\| {name} \| .* \| {seconds} s \|$", PAGE, re.MULTILINE)
    assert "V ≥ D + A + S" in PICTURE
    assert "V ≥ D + A + S" in PAGE
