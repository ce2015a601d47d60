"""Tasks: a plain function under `@task`, and what can be done with it besides calling it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import date
from functools import wraps
from inspect import signature
from typing import Any

import pytest
from pydantic import BaseModel, Field, RootModel, computed_field
from tests.support import task_of

from zigzag import Backoff, BadPayloadError, Context, Task, TaskDefinitionError, task
from zigzag.policy import Policy


class Person(BaseModel):
    name: str
    born: date | None = None
    nick: str = Field(default="", alias="nick_name")


@task(attempts=3, backoff=Backoff(first=5, longest=50))
def greet(person: Person, context: Context) -> str:
    """Greets somebody."""
    return f"hello {person.name}, attempt {context.attempt}"


@task
def count(payload: dict[str, Any]) -> int:
    return len(payload)


class TestPlainFunction:
    """It stays a plain function in a test."""

    def test_it_is_called_as_it_was_written(self) -> None:
        assert greet(Person(name="ann"), Context(attempt=2)) == "hello ann, attempt 2"
        assert count({"a": 1}) == 1

    def test_it_has_the_name_and_the_words_of_its_function(self) -> None:
        assert (greet.name, greet.__doc__) == ("greet", "Greets somebody.")

    def test_a_context_for_a_test_is_made_of_nothing(self) -> None:
        context = Context()

        context.log.info("hello")
        assert (context.id, context.attempt, context.attributes) == ("test", 1, {})
        assert context.seconds_left() == float("inf")


class TestDefinition:
    """A task's own attributes."""

    def test_a_model_a_context_and_a_policy(self) -> None:
        assert greet.model is Person
        assert greet.wants_context
        assert greet.policy == Policy(attempts=3, backoff=Backoff(first=5, longest=50))

    def test_a_dict_no_context_and_the_default_policy(self) -> None:
        assert count.model is None
        assert not count.wants_context
        assert count.policy == Policy()

    @pytest.mark.parametrize(
        "decorator", [task, task(), task(attempts=5)], ids=["@task", "@task()", "@task(…)"]
    )
    def test_parentheses_are_for_what_differs_from_the_defaults(self, decorator: Any) -> None:
        def later(payload: dict[str, Any]) -> int:
            return len(payload)

        made = decorator(later)

        assert isinstance(made, Task)
        assert (made.name, made.policy, made({"a": 1})) == ("later", Policy(), 1)

    def test_a_bare_dict_is_a_dict_too(self) -> None:
        def bare(payload: dict) -> None: ...  # type: ignore[type-arg]

        assert task(bare).model is None

    def test_a_wrapped_function_is_read_as_it_was_written(self) -> None:
        def timed(function: Any) -> Any:
            @wraps(function)
            def inner(*arguments: Any, **named: Any) -> Any:
                return function(*arguments, **named)

            return inner

        @task
        @timed
        @timed
        def greet(payload: Person, context: Context) -> str:
            return payload.name

        assert (greet.name, greet.model, greet.wants_context) == ("greet", Person, True)
        assert greet(Person(name="ann", born=date(2000, 2, 29)), Context()) == "ann"

    def test_a_decorator_that_says_what_it_takes_is_believed(self) -> None:
        def with_a_context(function: Any) -> Any:
            @wraps(function)
            def inner(payload: dict[str, Any]) -> Any:
                return function(payload, Context(id="its own"))

            inner.__signature__ = signature(lambda payload: None)  # type: ignore[attr-defined]
            return inner

        @task
        @with_a_context
        def greet(payload: dict[str, Any], context: Context) -> str:
            return context.id

        assert not greet.wants_context
        assert greet({}) == "its own"


def nothing() -> None: ...
def untyped(payload) -> None: ...  # type: ignore[no-untyped-def]
def a_text(payload: str) -> None: ...
def no_context(payload: dict[str, Any], other: int) -> None: ...
def untyped_context(payload: dict[str, Any], context) -> None: ...  # type: ignore[no-untyped-def]
def three(payload: dict[str, Any], context: Context, more: int) -> None: ...
def and_more(payload: dict[str, Any], *more: Any) -> None: ...
def and_named(payload: dict[str, Any], *, named: int = 1) -> None: ...
def starred(*payload: dict[str, Any]) -> None: ...
def named_only(*, payload: dict[str, Any]) -> None: ...
def unreadable(payload: NoSuchType) -> None: ...  # type: ignore[name-defined] # noqa: F821


def generating(payload: dict[str, Any]) -> Iterator[int]:
    yield 1


async def generating_async(payload: dict[str, Any]) -> AsyncIterator[int]:
    yield 1


SIGNATURE = "write `def name(payload: YourModel)` or `def name(payload: YourModel, context: Context)`"


class TestRefusals:
    """A function that can't be a task is refused when it is defined, with the line and what to change."""

    @pytest.mark.parametrize(
        ("function", "wrong", "change"),
        [
            (nothing, "takes ()", SIGNATURE),
            (untyped, "does not say what its payload is", SIGNATURE),
            (a_text, "takes a <class 'str'>, neither a pydantic model nor a dict", SIGNATURE),
            (no_context, "has a second parameter that is no Context", SIGNATURE),
            (untyped_context, "has a second parameter that is no Context", SIGNATURE),
            (three, "takes (payload:", SIGNATURE),
            (and_more, "takes (payload: 'dict[str, Any]', *more", SIGNATURE),
            (and_named, "takes (payload: 'dict[str, Any]', *, named", SIGNATURE),
            (starred, "takes (*payload", SIGNATURE),
            (named_only, "takes (*, payload", SIGNATURE),
            (unreadable, "has a type that can't be read: name 'NoSuchType' is not defined", ""),
            (generating, "is a generator: nothing would run it", "replace `yield`"),
            (generating_async, "is a generator: nothing would run it", "replace `yield`"),
        ],
        ids=lambda value: getattr(value, "__name__", ""),
    )
    def test_it_names_file_and_line_and_what_to_change(self, function: Any, wrong: str, change: str) -> None:
        with pytest.raises(TaskDefinitionError) as caught:
            task(function)

        line = function.__code__.co_firstlineno
        assert str(caught.value).startswith(f"{__file__}:{line}: task {function.__name__} {wrong}")
        assert change in str(caught.value)

    @pytest.mark.parametrize(
        "thing",
        [print, Person, "greet", 5, count],
        ids=["a builtin", "a class", "a text", "a number", "a task"],
    )
    @pytest.mark.parametrize("decorator", [task, task()], ids=["@task", "@task()"])
    def test_a_thing_that_is_no_function_is_refused(self, decorator: Any, thing: Any) -> None:
        with pytest.raises(TaskDefinitionError) as caught:
            decorator(thing)

        assert str(caught.value) == (
            f"@task goes on a function, not on {thing!r}: write `@task` or `@task(attempts=…)` above a `def`"
        )

    @pytest.mark.parametrize("decorator", [task, task()], ids=["@task", "@task()"])
    def test_a_lambda_is_refused_for_it_cannot_say_what_its_payload_is(self, decorator: Any) -> None:
        with pytest.raises(TaskDefinitionError, match="does not say what its payload is; write `def name"):
            decorator(lambda payload: None)


class TestParse:
    """The payload is checked against the task's model when it runs."""

    def test_a_payload_becomes_the_model(self) -> None:
        payload = {"name": "ann", "born": "2000-02-29", "nick_name": "a"}

        expected = Person(name="ann", born=date(2000, 2, 29), nick_name="a")
        assert greet.parse(payload) == expected

    def test_a_dict_is_not_checked(self) -> None:
        payload = {"whatever": [1, None]}

        assert count.parse(payload) is payload

    def test_a_bad_payload_is_told_field_by_field_without_its_values(self) -> None:
        with pytest.raises(BadPayloadError) as caught:
            greet.parse({"name": ["SECRET"], "born": "SECRET"})

        says = str(caught.value)
        assert says.startswith("the payload does not fit greet: name: Input should be a valid string; born: ")
        assert "SECRET" not in says
        assert caught.value.__cause__ is None

    def test_a_field_within_a_field_is_named_by_its_path(self) -> None:
        class Order(BaseModel):
            people: list[Person]

        with pytest.raises(BadPayloadError, match=r"people\.1\.name: Field required"):
            task_of(Order).parse({"people": [{"name": "ann"}, {}]})


class TestCheck:
    """And when it is sent."""

    def test_a_model_becomes_json(self) -> None:
        person = Person(name="ann", born=date(2000, 2, 29), nick_name="a")

        assert greet.check(person) == {"name": "ann", "born": "2000-02-29", "nick_name": "a"}

    def test_a_dict_is_checked_against_the_model(self) -> None:
        assert greet.check({"name": "ann"}) == {"name": "ann", "born": None, "nick_name": ""}
        with pytest.raises(BadPayloadError, match="name: Field required"):
            greet.check({})

    def test_a_model_that_was_changed_after_its_making_is_checked_again(self) -> None:
        person = Person(name="ann")
        person.born = "SECRET"  # type: ignore[assignment]

        with pytest.raises(BadPayloadError, match="born: ") as caught:
            greet.check(person)
        assert "SECRET" not in str(caught.value)

    def test_a_computed_field_is_not_sent_to_a_model_that_takes_no_more_than_its_fields(self) -> None:
        class Box(BaseModel, extra="forbid"):
            side: int

            @computed_field  # type: ignore[prop-decorator]
            @property
            def area(self) -> int:
                return self.side**2

        assert task_of(Box).check(Box(side=3)) == {"side": 3}

    @pytest.mark.parametrize("payload", [None, "text", 5, [1]], ids=str)
    def test_a_task_of_a_dict_takes_nothing_else(self, payload: Any) -> None:
        with pytest.raises(BadPayloadError, match=f"count takes a dict, not {type(payload).__name__}"):
            count.check(payload)

    def test_a_model_that_json_cant_hold_is_refused(self) -> None:
        class Blob(BaseModel):
            data: bytes

        with pytest.raises(BadPayloadError, match="take"):
            task_of(Blob).check(Blob(data=b"\xff"))

    def test_a_model_that_is_no_object_is_refused(self) -> None:
        class Numbers(RootModel[list[int]]):
            pass

        with pytest.raises(BadPayloadError, match="must be a JSON object"):
            task_of(Numbers).check(Numbers([1]))
