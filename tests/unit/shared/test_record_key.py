"""The key of a record: other names have another key, whatever a sender calls its tasks and ids."""

from __future__ import annotations

import itertools
from random import Random

import pytest

from shared.ports.records import MAX_KEY_BYTES, record_key

LONG = "x" * 2 * MAX_KEY_BYTES
HASHED = record_key("run", "pay", LONG).rpartition("#")[2]

NAMES = {
    "the usual": ("pay", "order-7"),
    "one name of both": ("pay#order-7",),
    "a quoted one": ("pay%23order-7",),
    "an empty one": ("pay", ""),
    "none": ("pay",),
    "too long": ("pay", LONG),
    "another that is too long": ("pay", LONG + "x"),
    "a task called like the hash": ("sha256", HASHED),
    "one called like its mark": ("%sha256", HASHED),
    "half a character": ("pay", "\ud83d"),
    "its escape": ("pay", "\\ud83d"),
    "its escape, quoted": ("pay", "%5Cud83d"),
    "a backslash": ("pay", "\\"),
}


def test_other_names_have_another_key() -> None:
    keys = {what: record_key("run", *names) for what, names in NAMES.items()}

    assert [pair for pair in itertools.combinations(NAMES, 2) if keys[pair[0]] == keys[pair[1]]] == []


def test_so_have_names_that_are_made_of_what_keys_are_made_of() -> None:
    random, found = Random(7), dict[str, tuple[str, ...]]()
    for _ in range(20_000):
        names = tuple("".join(random.choices("#%\\25Csdé\ud83d", k=random.randrange(4))) for _ in range(2))
        assert found.setdefault(record_key("run", *names), names) == names


@pytest.mark.parametrize("names", NAMES.values(), ids=NAMES)
def test_a_key_is_what_dynamodb_takes_and_of_its_kind(names: tuple[str, ...]) -> None:
    key = record_key("run", *names)

    assert key.startswith("run#")
    assert len(key.encode()) <= len("run#") + MAX_KEY_BYTES
