"""Items of gates: each rule that an operator sets, and each state that consumers and workers leave."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any

from tests.project.corpus.items import Items
from tests.support import NOW

from shared.aws.dynamodb_gates import DynamoDbGates
from shared.ports.auto import Auto, Cut
from shared.ports.breaker import name_of
from shared.ports.gates import Rate, Taking
from shared.ports.records import record_key

QUEUE = "default"
Act = Callable[[DynamoDbGates], Awaitable[Any]]

_RATE: Act = lambda gates: gates.limit(QUEUE, Rate(0.25, 3))  # noqa: E731
_AUTO: Act = lambda gates: gates.limit(QUEUE, Rate(1.0), Auto(2.0, 0.05))  # noqa: E731
_CAP: Act = lambda gates: gates.cap(QUEUE, 5)  # noqa: E731
_TWO: Act = lambda gates: gates.break_at(QUEUE, 2, 3600.0)  # noqa: E731


def _says(message: str, until: float | None = None) -> Act:
    return lambda gates: gates.unavailable(QUEUE, name_of(message), NOW, until)


def _takes(**takes: Any) -> Act:
    return lambda gates: gates.swap(QUEUE, 1, Taking(**takes))


_TAKEN = _takes(takes={"0a1b2c3d": NOW + 180, "1b2c3d4e": NOW + 190})
_SHUT = (_TWO, _says("m-1"), _says("m-2", NOW + 60))

WRITTEN: dict[str, tuple[Act, ...]] = {
    "a paused queue": (lambda gates: gates.pause(QUEUE, NOW),),
    "a queue that goes on": (
        _RATE,
        lambda gates: gates.pause(QUEUE, NOW),
        lambda gates: gates.resume(QUEUE, NOW + 90),
    ),
    "a rate": (_RATE,),
    "a rate in use": (_RATE, _takes(next=NOW + 0.5)),
    "no rate any more": (_RATE, lambda gates: gates.limit(QUEUE, None)),
    "a rate that finds itself": (_AUTO,),
    "a rate that has grown": (_AUTO, _takes(next=NOW + 0.5, every=0.8)),
    "a rate that was cut": (_AUTO, lambda gates: gates.cut(QUEUE, Cut(1.2, 1.0, NOW, 0.0, 3.5))),
    "an exact cap": (_CAP,),
    "an exact cap in use": (_CAP, _TAKEN),
    "a claimed permit": (
        _CAP,
        _TAKEN,
        lambda gates: gates.claim(QUEUE, "0a1b2c3d", "0a1b2c3d.5e6f70", NOW, NOW + 180),
    ),
    "a permit that was given back": (_CAP, _TAKEN, lambda gates: gates.release(QUEUE, ["1b2c3d4e"])),
    "a rule of a breaker": (_TWO,),
    "one message says Unavailable": (_says("m-1"),),
    "a shut queue": _SHUT,
    "a shut queue that is tried": (*_SHUT, _takes(shut_until=NOW + 60)),
    "a queue that a success has opened": (*_SHUT, lambda gates: gates.succeeded(QUEUE, NOW + 90, NOW + 80)),
    "a queue that an operator has opened": (*_SHUT, lambda gates: gates.resume(QUEUE, NOW + 90)),
}


def written() -> Iterator[tuple[str, Any]]:
    for what, acts in WRITTEN.items():
        yield what, {"names": ["gate", QUEUE], "item": asyncio.run(_item(acts))}


async def _item(acts: tuple[Act, ...]) -> Any:
    items = Items()
    for act in acts:
        await act(items.gates)
    (item,) = items.by_key.values()
    return item


def read(form: Mapping[str, Any]) -> Any:
    """Returns the gate as the consumer reads it."""
    return asyncio.run(_read(form))


async def _read(form: Mapping[str, Any]) -> Any:
    gate = (await Items(form["item"]).gates.read([QUEUE]))[QUEUE]
    return {
        "found by its key": form["item"]["key"]["S"] == record_key(*form["names"]),
        "limited": gate.limited,
        "shut": gate.breaker.is_shut(NOW + 1),
        "gate": gate,
    }
