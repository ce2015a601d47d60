"""A model changes, and messages of the one before still come: `zigzag schema --save` and `--check`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal
from uuid import UUID

import pytest
from pydantic import AliasChoices, BaseModel, ConfigDict, Field, HttpUrl, create_model, model_validator

from tasks import TASKS
from zigzag import task
from zigzag_operate.examples import UNKNOWN_KEY
from zigzag_operate.saved import check, save

DAY = date(2026, 11, 29)


class Line(BaseModel):
    article: str
    number: int = Field(gt=0, le=100)


class LineWithoutNumber(BaseModel):
    article: str


class LineByWeight(BaseModel):
    article: str
    grams: float


class Card(BaseModel):
    kind: Literal["card"]
    token: str


class Invoice(BaseModel):
    kind: Literal["invoice"]


class Tree(BaseModel):
    name: str
    below: list[Tree] = []


class NarrowTree(BaseModel):
    name: str = Field(min_length=1)
    below: list[NarrowTree] = []


class State(StrEnum):
    NEW = "new"
    PAID = "paid"
    GONE = "gone"


class StateWithoutGone(StrEnum):
    NEW = "new"
    PAID = "paid"


class Upgraded(BaseModel):
    first_name: str

    @model_validator(mode="before")
    @classmethod
    def _of_version_1(cls, data: Any) -> Any:
        return {"first_name": data["name"]} if "name" in data else data


Pay = Annotated[Card | Invoice, Field(discriminator="kind")]
REQUIRED: Any = ...


def model(of: Any) -> type[BaseModel]:
    """Returns a model. `of` is one, or the types of its fields, or pairs of a type and a default."""
    if isinstance(of, type):
        return of
    forbid = of.pop("forbid", False)
    fields = {name: one if isinstance(one, tuple) else (one, REQUIRED) for name, one in of.items()}
    config = ConfigDict(extra="forbid") if forbid else None
    return create_model("Payload", __config__=config, **fields)


BREAKING: dict[str, tuple[Any, Any, str]] = {
    "a new field that is required": ({"a": str}, {"a": str, "b": int}, "b: Field required"),
    "a default that goes": ({"a": (int, 1)}, {"a": int}, "a: Field required"),
    "another name": ({"mail": str}, {"email": str}, "email: Field required"),
    "another alias": (
        {"a": (str, Field(alias="from"))},
        {"a": (str, Field(alias="by"))},
        "by: Field required",
    ),
    "a number that becomes whole": ({"a": float}, {"a": int}, "a: "),
    "a text that becomes a number": ({"a": str}, {"a": int}, "a: "),
    "a number that becomes a text": ({"a": int}, {"a": str}, "a: "),
    "a text that becomes a date": ({"a": str}, {"a": date}, "a: "),
    "a text that becomes an address": ({"a": str}, {"a": HttpUrl}, "a: "),
    "an id that becomes a UUID": ({"a": str}, {"a": UUID}, "a: "),
    "no null any more": ({"a": (str | None, None)}, {"a": (str, "")}, "a: "),
    "a word that goes": ({"a": Literal["x", "y", "z"]}, {"a": Literal["x", "y"]}, "a: "),
    "a word of an enumeration that goes": ({"a": State}, {"a": StateWithoutGone}, "a: "),
    "a shorter text": ({"a": str}, {"a": Annotated[str, Field(max_length=100)]}, "a: "),
    "no empty text": ({"a": str}, {"a": Annotated[str, Field(min_length=1)]}, "a: "),
    "a lower limit": (
        {"a": Annotated[int, Field(le=100)]},
        {"a": Annotated[int, Field(le=99)]},
        "a: ",
    ),
    "a pattern": ({"a": str}, {"a": Annotated[str, Field(pattern="^[a-z]+$")]}, "a: "),
    "a field that goes where others are refused": (
        {"a": str, "b": (int, 1), "forbid": True},
        {"a": str, "forbid": True},
        "b: Extra inputs",
    ),
    "unknown fields that are refused now": ({"a": str}, {"a": str, "forbid": True}, "Extra inputs"),
    "a list that was one": ({"a": str}, {"a": list[str]}, "a: "),
    "fewer items": ({"a": list[str]}, {"a": Annotated[list[str], Field(max_length=10)]}, "a: "),
    "no empty list": ({"a": list[str]}, {"a": Annotated[list[str], Field(min_length=1)]}, "a: "),
    "another model within a list": (
        {"a": list[LineWithoutNumber]},
        {"a": list[Line]},
        "a.0.number: Field req",
    ),
    "other values of a mapping": ({"a": dict[str, float]}, {"a": dict[str, int]}, "a.key: "),
    "one of several that goes": ({"pay": Pay}, {"pay": Card}, "pay"),
    "a type of a union that goes": ({"a": int | str}, {"a": int}, "a: "),
    "a limit within a model of itself": (Tree, NarrowTree, "name: "),
    "a tuple's second place": ({"a": tuple[int, str]}, {"a": tuple[int, int]}, "a.1: "),
    "a whole number of any size": ({"a": int}, {"a": Annotated[int, Field(ge=-1000, lt=1000)]}, "a: "),
    "a model without a model": (dict[str, Any], {"a": str}, "a: Field required"),
}
HARMLESS: dict[str, tuple[Any, Any]] = {
    "nothing": (Tree, Tree),
    "a new field with a default": ({"a": str}, {"a": str, "b": (int, 1)}),
    "a new field that may be null": ({"a": str}, {"a": str, "b": (int | None, None)}),
    "a required field that gets a default": ({"a": str}, {"a": (str, "x")}),
    "another default": ({"a": (int, 1)}, {"a": (int, 2)}),
    "null as well": ({"a": str}, {"a": str | None}),
    "a whole number that becomes any": ({"a": int}, {"a": float}),
    "a number that becomes a decimal": ({"a": float}, {"a": Decimal}),
    "a date that becomes a text": ({"a": date}, {"a": str}),
    "another word": ({"a": Literal["x", "y"]}, {"a": Literal["x", "y", "z"]}),
    "words that become any text": ({"a": State}, {"a": str}),
    "a longer text": (
        {"a": Annotated[str, Field(max_length=9)]},
        {"a": Annotated[str, Field(max_length=10)]},
    ),
    "a higher limit": ({"a": Annotated[int, Field(le=9)]}, {"a": Annotated[int, Field(lt=11)]}),
    "a lower least": ({"a": Annotated[float, Field(gt=1)]}, {"a": Annotated[float, Field(ge=1)]}),
    "a pattern that goes": ({"a": Annotated[str, Field(pattern="^[A-Z]{3}$")]}, {"a": str}),
    "one or a list": ({"a": str}, {"a": str | list[str]}),
    "one more of several": ({"pay": Card}, {"pay": Pay}),
    "an empty list as well": ({"a": Annotated[list[int], Field(min_length=2)]}, {"a": list[int]}),
    "another name, and the old one": (
        {"mail": str},
        {"email": (str, Field(validation_alias=AliasChoices("email", "mail")))},
    ),
    "another name, by a function": ({"name": str}, Upgraded),
    "another order": ({"a": str, "b": int}, {"b": int, "a": str}),
    "a description": ({"a": int}, {"a": Annotated[int, Field(description="Minutes", title="A")]}),
    "unknown fields that are taken now": ({"a": str, "forbid": True}, {"a": str}),
    "a model that becomes any": ({"a": str}, dict[str, Any]),
    "a limit that moves within a list": ({"a": list[Line]}, {"a": list[LineWithoutNumber | Line]}),
}


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Returns the file of examples, in a project without tasks."""
    for name in [*TASKS]:
        monkeypatch.delitem(TASKS, name)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "messages.jsonl"


@pytest.fixture
def has(file: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Gives the project a task `work`, whose payload is of this model."""

    def has(of: Any) -> None:
        def work(payload: Any) -> None:
            pass

        work.__annotations__ = {
            "payload": of if of == dict[str, Any] else model(dict(of) if isinstance(of, dict) else of)
        }
        monkeypatch.setitem(TASKS, "work", task(work))

    return has


@pytest.mark.parametrize("change", BREAKING)
def test_a_change_that_breaks_messages_is_named(file: Path, has: Callable[..., None], change: str) -> None:
    before, after, says = BREAKING[change]
    has(before)
    save(file, DAY)

    has(after)

    changes = [one for one in check(file, DAY) if one.breaks]
    assert [one.says for one in changes if says in one.says], changes
    assert all(one.do for one in changes)


@pytest.mark.parametrize("change", HARMLESS)
def test_a_change_that_breaks_none_is_not(file: Path, has: Callable[..., None], change: str) -> None:
    before, after = HARMLESS[change]
    has(before)
    save(file, DAY)

    has(after)

    assert [one for one in check(file, DAY) if one.breaks] == []


def test_a_field_that_is_ignored_now_is_told_and_breaks_nothing(file: Path, has: Callable[..., None]) -> None:
    has({"note": (str, ""), "lines": list[Line]})
    save(file, DAY)

    has({"remark": (str, ""), "lines": list[LineByWeight | LineWithoutNumber]})

    assert {(one.says, one.breaks) for one in check(file, DAY)} == {
        ("note is ignored now", False),
        ("lines.number is ignored now", False),
    }


def test_a_task_that_is_gone_breaks_them(file: Path, has: Callable[..., None]) -> None:
    has({"a": str})
    save(file, DAY)
    TASKS.clear()

    (change,) = check(file, DAY)

    assert (change.task, change.says) == ("work", "no task is called so any more")


@pytest.mark.parametrize(
    ("days", "refused"), [(0, "abc"), (7 + 28, "abc"), (7 + 29, "bc"), (14 + 29, "c"), (400, "c")]
)
def test_each_model_counts_until_28_days_after_the_next_one(
    file: Path, has: Callable[..., None], days: int, refused: str
) -> None:
    # Given three models, each deployed a week after the one before
    for week, field in enumerate("abc"):
        has({field: str})
        save(file, DAY + timedelta(weeks=week))

    # When one takes none of their fields
    has({"forbid": True})

    found = {one.says.partition(":")[0] for one in check(file, DAY + timedelta(days=days))}
    assert found - {UNKNOWN_KEY} == set(refused)


def test_a_save_forgets_what_can_not_come_any_more(file: Path, has: Callable[..., None]) -> None:
    for days, field in [(0, "a"), (7, "b"), (7 + 29, "b")]:
        has({field: str})
        save(file, DAY + timedelta(days=days))

    assert '"a":' not in file.read_text("utf-8")


def test_what_is_saved_again_is_the_same(file: Path, has: Callable[..., None]) -> None:
    has(Tree)
    save(file, DAY)
    saved = file.read_bytes()

    save(file, DAY + timedelta(days=400))

    assert file.read_bytes() == saved


def test_the_command_saves_and_says_what_breaks(file: Path, has: Callable[..., None], zigzag: Any) -> None:
    has({"a": str})
    assert zigzag("schema", "--save") == (0, "10 example messages are in messages.jsonl\n", "")
    assert zigzag("schema", "--check") == (0, "No message breaks.\n", "")

    has({"a": str, "b": int})

    assert zigzag("schema", "--check") == (
        4,
        "work: b: Field required (10 of its examples)\n"
        "  give it a default; if it had another name, take both names: AliasChoices\n"
        "Messages break that may come for 28 days from the last deploy: work\n",
        "",
    )


@pytest.mark.parametrize(
    ("content", "arguments", "code", "says"),
    [
        (None, ["--check"], 2, "messages.jsonl is not there: ./zigzag schema --save writes it"),
        (b"{}\n", ["--check"], 1, "line 1 of messages.jsonl is not an example"),
        (b"\xff", ["--save"], 1, "messages.jsonl can't be read"),
        (None, ["--check", "--save"], 2, "give a task, --save, or --check"),
    ],
)
def test_what_can_not_be_done_is_said(
    file: Path, zigzag: Any, content: bytes | None, arguments: list[str], code: int, says: str
) -> None:
    if content is not None:
        file.write_bytes(content)

    ended, out, err = zigzag("schema", *arguments)

    assert (ended, out) == (code, "")
    assert says in err
