"""Items of the table of records, as the worker writes them, and what it is answered when it finds one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any

from tests.project.corpus.forms import plain
from tests.project.corpus.items import Items
from tests.project.corpus.letters import CAUSE, UNSENT
from tests.support import NOW

from shared.aws.dynamodb_records import DynamoDbRecords
from shared.dead_letter import Cause
from shared.ports.records import GIVEN_UP, Owned, record_key
from worker.follow.follow_ups import FollowUps

OURS, THEIRS = "0123456789abcdef", "fedcba9876543210"
STARTS = "starts", "m-1"
RUN = "run", "cook", "order-1"
Act = Callable[[DynamoDbRecords, str], Awaitable[Any]]


def written() -> Iterator[tuple[str, Any]]:
    for what, (names, acts) in WRITTEN.items():
        yield what, {"names": names, "item": asyncio.run(_item(names, acts))}


async def _item(names: tuple[str, ...], acts: tuple[Act, ...]) -> Any:
    items, key = Items(), record_key(*names)  # type: ignore[arg-type]
    for act in acts:
        await act(items.records, key)
    (item,) = items.by_key.values()
    return item


def _count(owner: str) -> Act:
    return lambda records, key: records.count(key, owner, NOW)


def _excuse(*, unloaded: bool) -> Act:
    return lambda records, key: records.excuse(key, THEIRS, NOW, unloaded)


def _conclude(letter: str) -> Act:
    return lambda records, key: records.conclude(key, NOW, letter)


def _finish(unsent: str) -> Act:
    return lambda records, key: records.finish(key, THEIRS, NOW, unsent)


def _disown(until: float | None) -> Act:
    return lambda records, key: records.disown(key, THEIRS, until)


_COUNTED = _count(THEIRS)
_OWNED: Act = lambda records, key: records.own(key, THEIRS, NOW, NOW + 105)  # noqa: E731
_ALLOWED: Act = lambda records, key: records.allow(key, 50, NOW)  # noqa: E731

WRITTEN: dict[str, tuple[tuple[str, ...], tuple[Act, ...]]] = {
    "one start": (STARTS, (_COUNTED,)),
    "two starts": (STARTS, (_count(OURS), _COUNTED)),
    "a start that was taken back": (STARTS, (_COUNTED, _excuse(unloaded=True))),
    "many attempts allowed": (STARTS, (_COUNTED, _ALLOWED)),
    "only the delete is left": (STARTS, (_COUNTED, _conclude(""))),
    "only the letter is left": (STARTS, (_COUNTED, _conclude(CAUSE._replace(on_failure=None).to_text()))),
    "only the repair and the letter are left": (STARTS, (_COUNTED, _conclude(CAUSE.to_text()))),
    "only the reply and the letter are left": (
        STARTS,
        (_COUNTED, _conclude(CAUSE._replace(unsent=UNSENT.to_text()).to_text())),
    ),
    "an owned run": (RUN, (_OWNED,)),
    "a run that was given up": (RUN, (_OWNED, _disown(None))),
    "a run that is free a little later": (RUN, (_OWNED, _disown(NOW + 30))),
    "a done run": (RUN, (_OWNED, _finish(""))),
    "a done run with what follows": (RUN, (_OWNED, _finish(UNSENT.to_text()))),
    "a run under a key with signs": (("run", "cook", "50% #1 \\"), (_OWNED,)),
    "a run under a long key": (("run", "cook", "x" * 2000), (_OWNED,)),
    "a token in use": (("redrive", "5f" * 32), (_OWNED, _COUNTED)),
    "a token that is used up": (("redrive", "5f" * 32), (_OWNED, _COUNTED, _finish(""))),
    "a failed token": (("redrive", "5f" * 32), (_OWNED, _COUNTED, _conclude(CAUSE.to_text()))),
    "a notice": (("notice", "cook"), (_OWNED,)),
    "a started consumer": (("consumer", "2"), (_OWNED,)),
}


def read(form: Mapping[str, Any]) -> Any:
    """Returns what each call is answered that finds the item, as if it were the first one."""
    return asyncio.run(_answers(form["item"], record_key(*form["names"])))


async def _answers(item: Mapping[str, Any], key: str) -> Any:
    acts: dict[str, Act] = {
        "another start is counted": _count(OURS),
        "a start is taken back": _excuse(unloaded=True),
        "it is begun": lambda records, key: records.own(key, OURS, NOW + 10, NOW + 100),
        "it is begun later": lambda records, key: records.own(key, OURS, NOW + 200, NOW + 300),
        "it is begun again": lambda records, key: records.own(key, THEIRS, NOW + 10, NOW + 100),
        "it is extended": lambda records, key: records.extend(key, THEIRS, NOW + 200),
        "it is finished": _finish(""),
        "it is given up": _disown(None),
        "another one gives it up": lambda records, key: records.disown(key, OURS, None),
    }
    said: dict[str, Any] = {"found by its key": item["key"]["S"] == key, "nobody": GIVEN_UP}
    for what, act in acts.items():
        if what.startswith(("another start", "a start")) == ("starts" in item):
            answer = await act(Items(item).records, key)
            said[what] = _told(answer)
    return said


def _told(answer: Any) -> Any:
    if isinstance(answer, Owned):
        return "begun"
    fields = plain(answer)
    if isinstance(fields, dict) and fields.get("letter"):
        fields["letter"] = Cause.from_text(fields["letter"])
    if isinstance(fields, dict) and fields.get("unsent"):
        fields["unsent"] = FollowUps.from_text(fields["unsent"])
    return fields
