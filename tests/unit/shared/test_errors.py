"""An error has words, even if its class fails when it is asked for them."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Any

import pytest

from shared.errors import Interrupt, name, text, traceback_of, words
from zigzag.then import as_text


class NoTextError(Exception):
    def __init__(self, raised: BaseException) -> None:
        self.raised = raised

    def __str__(self) -> str:
        raise self.raised


class NoCauseError(Exception):
    def __init__(self, raised: BaseException) -> None:
        self.raised = raised

    @property
    def __cause__(self) -> BaseException:  # type: ignore[override]
        raise self.raised


class NoTracebackError(Exception):
    @property
    def __traceback__(self) -> TracebackType:  # type: ignore[override]
        raise SystemExit(3)


class Nameless(type):
    def __getattribute__(cls, name: str) -> Any:
        if name in ("__name__", "__qualname__", "__module__"):
            raise RuntimeError("no")
        return type.__getattribute__(cls, name)


class OfANamelessClassError(Exception, metaclass=Nameless):
    pass


def raised(error: BaseException) -> BaseException:
    try:
        raise error
    except BaseException as caught:
        return caught


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ValueError("oh"), "ValueError: oh"),
        (NoTextError(SystemExit(2)), "NoTextError: (its text can't be had)"),
        (OfANamelessClassError("oh"), "OfANamelessClassError: oh"),
    ],
)
def test_words_are_the_type_and_the_text_as_far_as_they_can_be_had(error: BaseException, said: str) -> None:
    assert words(error) == said


def test_a_text_is_a_plain_one_whatever_class_of_text_there_is() -> None:
    class Loud(str):
        def __format__(self, _: str) -> str:
            raise RuntimeError("no")

    assert f"{text(ValueError(Loud('oh')))}" == "oh"


def test_a_traceback_that_can_be_told_is_pythons_own() -> None:
    told = traceback_of(raised(ValueError("oh")))

    assert told.startswith("Traceback (most recent call last):\n")
    assert told.endswith("ValueError: oh\n")


def test_a_traceback_of_code_that_is_no_tasks_is_whole() -> None:
    with pytest.raises(TypeError) as caught:
        as_text(object())  # our code, and then Python's
    without_this_test = caught.value.with_traceback(caught.tb.tb_next)

    first, *_, error = traceback_of(without_this_test).splitlines()[1:]
    assert ("then.py" in first, error) == (True, "TypeError: Object of type object is not JSON serializable")


@pytest.mark.parametrize(
    "error",
    [
        SyntaxError("hello", "abcdef"),
        NoCauseError(ValueError()),
        OfANamelessClassError("hello"),
        NoTextError(SystemExit(2)),
    ],
    ids=lambda error: type.__repr__(type(error)),
)
def test_one_that_cant_be_told_has_its_place_and_its_words(error: BaseException) -> None:
    told = traceback_of(raised(error))

    assert told.startswith("Traceback (most recent call last):\n")
    assert "in raised\n" in told
    assert name(error) in told


def test_one_that_has_not_even_a_place_has_its_words() -> None:
    assert "NoTracebackError: hello" in traceback_of(raised(NoTracebackError("hello")))


@pytest.mark.parametrize(
    ("told", "error"), [(text, NoTextError), (words, NoTextError), (traceback_of, NoCauseError)]
)
def test_an_interrupt_is_no_error_of_it_and_passes(
    told: Callable[[BaseException], str], error: Callable[[BaseException], BaseException]
) -> None:
    with pytest.raises(Interrupt):
        told(error(Interrupt()))
