"""Of a pydantic error with very many findings the number is told: its text may be larger than a function."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable

import pytest
from pydantic import TypeAdapter, ValidationError

from shared.errors import traceback_of, words

MANY = 20_000


def of_findings(number: int) -> ValidationError:
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(list[int]).validate_python(["x"] * number)
    return caught.value


def raised(error: BaseException, cause: BaseException | None = None) -> BaseException:
    try:
        raise error from cause
    except BaseException as caught:
        return caught


def in_the_context_of(error: BaseException) -> BaseException:
    try:
        raise error
    except BaseException:
        try:
            raise KeyError("gone")
        except KeyError as caught:
            return caught


SAID: list[Callable[[BaseException], BaseException]] = [
    raised,
    lambda many: raised(RuntimeError("no order"), many),
    lambda many: raised(LookupError("no"), raised(RuntimeError("no order"), many)),
    lambda many: raised(BaseExceptionGroup("all", [ValueError("one"), BaseExceptionGroup("more", [many])])),
    in_the_context_of,
]


@pytest.mark.parametrize("of", SAID, ids=["itself", "a cause", "its cause", "one of a group", "a context"])
def test_to_tell_it_takes_next_to_nothing(of: Callable[[BaseException], BaseException]) -> None:
    error = of(of_findings(MANY))
    tracemalloc.start()
    try:
        told = words(error), traceback_of(error)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < 500_000
    assert told[0] in told[1]
    assert "test_an_error_of_many_findings.py" in told[1]


def test_its_words_are_their_number() -> None:
    said = words(of_findings(MANY))

    assert len(said) < 100
    assert said == "ValidationError: 20,000 validation errors, too many to name"


def test_a_thousand_are_named() -> None:
    error = raised(RuntimeError("no order"), of_findings(1_000))

    assert words(of_findings(1_000)).count("Input should be a valid integer") == 1_000
    assert traceback_of(error).count("Input should be a valid integer") == 1_000


@pytest.mark.parametrize(("number", "length"), [(300, 10_000), (11, 100_000)])
def test_few_are_not_named_whose_paths_are_long(number: int, length: int) -> None:
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(dict[str, list[int]]).validate_python({"k" * length: [None] * number})

    said = traceback_of(caught.value)

    assert len(said) < 2_000
    assert f"ValidationError: {number} validation errors, too many to name" in said


def test_a_cause_that_is_its_own_cause_ends() -> None:
    error = RuntimeError("round")
    error.__cause__ = error

    assert words(error) in traceback_of(error)
