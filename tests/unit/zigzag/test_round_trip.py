"""A task gets the payload that its producer sent, or the send says which field would change."""

from __future__ import annotations

import enum
import uuid
from collections import defaultdict, deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from types import MappingProxyType
from typing import Any, ClassVar, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, Json, PrivateAttr, SecretStr
from tests.support import task_of

from zigzag import BadPayloadError, Retry
from zigzag_testing import Sandbox


class Login(BaseModel):
    user: str
    password: SecretStr


class Aliased(BaseModel):
    model_config = ConfigDict(populate_by_name=True)
    amount: int = Field(default=0, validation_alias="amountInCents")


class AliasedOnly(BaseModel):
    amount: int = Field(default=0, validation_alias="amountInCents")


class Excluded(BaseModel):
    user: str
    retries: int = Field(default=3, exclude=True)


class Animal(BaseModel):
    name: str


class Dog(Animal):
    tricks: list[str]


class Owner(BaseModel):
    pet: Animal


class Anything(BaseModel):
    values: dict[Any, Any]


class IntKeys(BaseModel):
    values: dict[int, str]


class Number(BaseModel):
    value: float | Decimal | str


class Moment(BaseModel):
    value: datetime | str


class OfDay(BaseModel):
    value: time


class Zone(tzinfo):
    """Has summer time, as those of `zoneinfo` have, whose data not every machine has."""

    def utcoffset(self, moment: datetime | None, /) -> timedelta | None:
        return None if moment is None else timedelta(hours=2 if 3 < moment.month < 11 else 1)

    def dst(self, moment: datetime | None, /) -> timedelta | None:
        return None if moment is None else timedelta(hours=1 if 3 < moment.month < 11 else 0)


ZONE = Zone()


ZONED = datetime(2026, 1, 1, tzinfo=ZONE)


@dataclass
class Visit:
    at: datetime
    seen: ClassVar[datetime] = ZONED
    note: str = field(default="", compare=False)


class Visited(Visit):
    def __eq__(self, other: object) -> bool:
        return True


class Held(BaseModel):
    """Times, in all that may hold one."""

    visit: Visit | None = None
    visited: Visited | None = None
    one_of: set[datetime] = set()
    kept: frozenset[datetime] = frozenset()
    line: deque[datetime] = deque()
    by_time: dict[datetime, int] = {}
    some: Mapping[str, datetime] = {}
    nested: list[dict[str, Visit]] = []
    any_of: set[Any] = set()


class Secretive(BaseModel):
    name: str
    _seen: int = PrivateAttr(default=0)


class Colour(enum.Enum):
    RED = "red"


class Word(enum.StrEnum):
    RED = "red"


class Rich(BaseModel):
    id: uuid.UUID
    at: datetime
    day: date
    lasts: timedelta
    price: Decimal
    kind: Literal["a", "b"]
    tags: set[str]
    pair: tuple[int, str]
    counts: dict[str, int]


class Strict(BaseModel):
    model_config = ConfigDict(strict=True)
    id: uuid.UUID
    colour: Colour
    at: datetime
    sizes: tuple[int, int]


class Inner(BaseModel):
    inner: Json[dict[str, int]]


class Payment(BaseModel):
    cents: int
    key: uuid.UUID = Field(default_factory=uuid.uuid4)


class Coded(BaseModel):
    password: SecretStr
    key: uuid.UUID = Field(default_factory=uuid.uuid4)


def arrived(model: Any, payload: Any) -> list[Any]:
    """Returns the payloads that the task got."""
    got: list[Any] = []
    one = task_of(model, got.append)
    with Sandbox({"take": one}) as sandbox:
        one.send(payload)
        sandbox.run()
    return got


def refused(model: Any, payload: Any) -> str:
    """Returns the reason why it was not sent."""
    got: list[Any] = []
    one = task_of(model, got.append)
    with Sandbox({"take": one}) as sandbox:
        with pytest.raises(BadPayloadError) as caught:
            one.send(payload)
        sandbox.run()
    assert got == []
    return str(caught.value)


NOW = datetime(2026, 1, 1, tzinfo=UTC)
KEY = uuid.UUID("af623f6d-ea8c-41ab-9000-43ff15eb832c")


def _the_same() -> Iterator[Any]:
    yield IntKeys(values={1: "a"})
    yield Aliased(amount=500)
    yield Number(value=Decimal("1.10"))
    yield Owner(pet=Animal(name="rex"))
    yield Secretive(name="ann")
    yield Inner(inner='{"a": 1}')  # type: ignore[arg-type]
    yield Anything(values=defaultdict(list, {"a": [1]}))
    yield Anything(values={"a": Word.RED})
    yield Strict(id=KEY, colour=Colour.RED, at=NOW, sizes=(1, 2))
    yield Moment(value=datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=1), "CET")))
    yield Moment(value=datetime(2026, 1, 1))
    yield Moment(value=datetime(2026, 1, 1, tzinfo=UTC, fold=1))
    yield Held(
        visit=Visit(NOW), visited=Visited(NOW), one_of={NOW}, kept=frozenset({NOW}), any_of={True, "a"}
    )
    yield Held(line=deque([NOW]), by_time={NOW: 1}, some={"a": NOW})
    yield Held(some=MappingProxyType({"a": NOW}))
    yield Rich(
        id=KEY,
        at=NOW,
        day=date(2026, 1, 1),
        lasts=timedelta(days=1, milliseconds=1),
        price=Decimal("0.10"),
        kind="a",
        tags={"x", "y"},
        pair=(1, "a"),
        counts=defaultdict(int, {"a": 1}),
    )


@pytest.mark.parametrize("payload", list(_the_same()), ids=lambda payload: type(payload).__name__)
def test_a_payload_that_json_can_hold_arrives_as_it_was_sent(payload: Any) -> None:
    assert arrived(type(payload), payload) == [payload]


CHANGES: dict[str, tuple[Any, Any, str]] = {
    "a secret": (Login, Login(user="ann", password=SecretStr("s3cret")), "password "),
    "an alias alone": (AliasedOnly, AliasedOnly(amountInCents=500), "amount "),  # type: ignore[call-arg]
    "an excluded field": (Excluded, Excluded(user="ann", retries=9), "retries "),
    "a subclass in a field": (Owner, Owner(pet=Dog(name="rex", tricks=["sit"])), "pet comes back as Animal"),
    "a subclass": (Animal, Dog(name="rex", tricks=["sit"]), "payload comes back as Animal, not as Dog"),
    "a datetime in Any": (Anything, Anything(values={"at": NOW}), "values.at comes back as str"),
    "a tuple in Any": (Anything, Anything(values={"x": (1, 2)}), "values.x comes back as list"),
    "a key in Any": (Anything, Anything(values={1: "a"}), "values.1 does not come back"),
    "a text that is a time": (Moment, Moment(value="2026-01-01T00:00:00Z"), "value comes back as datetime"),
    "a time in a zone": (
        Moment,
        Moment(value=datetime(2026, 1, 1, tzinfo=ZONE)),
        "value loses its time zone",
    ),
    "a time of day in a zone": (OfDay, OfDay(value=time(9, tzinfo=ZONE)), "value loses its time zone"),
    "a zone in what calls all equal": (Held, Held(visited=Visited(ZONED)), "visited.at loses its time zone"),
    "a zone in a set": (Held, Held(one_of={NOW, ZONED}), "one_of loses its time zone"),
    "a zone in a deque": (Held, Held(line=deque([NOW, ZONED])), "line.1 loses its time zone"),
    "a zone in a key": (
        Held,
        Held(by_time={ZONED: 1}),
        "by_time.2026-01-01 00:00:00+01:00 loses its time zone",
    ),
    "a zone deep inside": (Held, Held(nested=[{"a": Visit(ZONED)}]), "nested.0.a.at loses its time zone"),
    "a set's Decimal": (Held, Held(any_of={Decimal(1)}), "any_of comes back with another value"),
    "the second of two equal times": (
        Moment,
        Moment(value=datetime(2026, 10, 25, 2, 30, fold=1)),
        "value loses its fold",
    ),
    "the second of two equal times of day": (OfDay, OfDay(value=time(2, 30, fold=1)), "value loses its fold"),
    "a key": (dict, {1: 100}, "1 does not come back"),
    "two keys": (dict, {1: "a", "1": "b"}, "1 "),
    "keys of all kinds": (dict, {None: 1, True: 2}, "None does not come back"),
    "a tuple": (dict, {"t": [(1, 2)]}, "t.0 comes back as list, not as tuple"),
}


@pytest.mark.parametrize(("model", "payload", "says"), CHANGES.values(), ids=CHANGES)
def test_a_payload_that_would_change_is_refused_by_the_name_of_its_field(
    model: Any, payload: Any, says: str
) -> None:
    reason = refused(model, payload)

    assert f"would change on its way: {says}" in reason
    assert "s3cret" not in reason


@pytest.mark.parametrize(
    "payload",
    [{"s": {1}}, {"n": float("nan")}, {(1, 2): 3}],
    ids=["a set", "NaN", "a key that is a tuple"],
)
def test_a_dict_that_is_no_json_is_refused(payload: Any) -> None:
    assert "can't be written as JSON" in refused(dict, payload)


def test_half_a_character_arrives() -> None:
    assert arrived(dict, {"text": "\ud83d"}) == [{"text": "\ud83d"}]


def test_a_private_attribute_that_would_be_lost_is_named() -> None:
    payload = Secretive(name="ann")
    payload._seen = 7

    assert "_seen comes back with another value" in refused(Secretive, payload)


@pytest.mark.parametrize("payload", [Payment(cents=1), {"cents": 1}], ids=["a model", "a dict"])
def test_a_default_is_drawn_once_and_not_in_each_attempt(payload: Any) -> None:
    got: list[Payment] = []

    def fails(payload: Payment) -> None:
        got.append(payload)
        raise Retry("the bank is busy")

    pay = task_of(Payment, fails, attempts=3)
    with Sandbox({"take": pay}) as sandbox:
        pay.send(payload)
        sandbox.run()

    assert len(got) == 3
    assert len({one.key for one in got}) == 1


def test_a_dict_that_its_model_cant_write_arrives_as_it_is() -> None:
    (got,) = arrived(Login, {"user": "ann", "password": "s3cret"})

    assert got.password.get_secret_value() == "s3cret"


def test_such_a_dict_without_a_field_that_is_drawn_is_refused() -> None:
    assert "a field whose default changes in each attempt: key " in refused(Coded, {"password": "s3cret"})


def test_a_strict_model_takes_what_json_has() -> None:
    raw = {"id": str(KEY), "colour": "red", "at": "2026-01-01T00:00:00Z", "sizes": [1, 2]}

    assert arrived(Strict, raw) == [Strict(id=KEY, colour=Colour.RED, at=NOW, sizes=(1, 2))]
