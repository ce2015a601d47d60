"""The options that say which dead letters are meant."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from time import time
from typing import Annotated, Any

import typer

from zigzag_cli.options import in_place_of
from zigzag_operate import Filter, Kind, OperateError
from zigzag_operate.reasons import GROUP_DIGITS

_SECONDS = {"s": 1, "min": 60, "m": 60, "h": 3600, "d": 86_400}
_GROUPS = typer.Argument(help="Names of groups: 8 hex digits.", show_default=False)
_OPTIONS: Mapping[str, tuple[Any, Any]] = {
    "groups": (Annotated[list[str] | None, _GROUPS], None),
    "task": (Annotated[str | None, typer.Option(help="Only those of this task.")], None),
    "reason": (Annotated[str | None, typer.Option(help="Only those with this text in the reason.")], None),
    "id": (Annotated[str | None, typer.Option(help="Only those of this task's id, or MessageId.")], None),
    "since": (
        Annotated[str | None, typer.Option(help="Died since: 90s, 30min, 6h, 2d ago, or a time in UTC.")],
        None,
    ),
    "until": (Annotated[str | None, typer.Option(help="Died until then; written as --since.")], None),
}


def with_filter(command: Callable[..., None]) -> Callable[..., None]:
    """Gives a command the options that say which letters, in place of its parameter `which`."""

    def run(chosen: dict[str, Any], given: dict[str, Any]) -> None:
        command(which=filter_of(**chosen, now=time()), **given)

    return in_place_of(command, "which", _OPTIONS, run)


def filter_of(
    groups: list[str] | None,
    task: str | None,
    reason: str | None,
    id: str | None,
    since: str | None,
    until: str | None,
    now: float,
) -> Filter:
    """Returns the filter of the options. Raises OperateError for a text that can't be understood."""
    for one in groups or ():
        if not re.fullmatch(f"[0-9a-f]{{{GROUP_DIGITS}}}", one):
            said = f"{one!r} is no group: its name has {GROUP_DIGITS} hex digits, such as 7c1e93aa"
            raise OperateError(said, Kind.WRONG)
    times = (None if text is None else moment(text, now) for text in (since, until))
    return Filter(tuple(groups or ()), task, reason, id, *times)


def words(which: Filter) -> str:
    """Returns the filter in words, or nothing."""
    plural = "s" if len(which.groups) > 1 else ""
    times = [
        (word, f"{datetime.fromtimestamp(time, UTC):%Y-%m-%d %H:%M:%S} UTC")
        for word, time in (("died since", which.since), ("died until", which.until))
        if time is not None
    ]
    said = [
        *([(f"group{plural}", " ".join(which.groups))] if which.groups else []),
        *((name, value) for name in ("task", "reason", "id") if (value := getattr(which, name)) is not None),
        *times,
    ]
    return ", ".join(f"{name} {value}" for name, value in said)


def moment(text: str, now: float) -> float:
    """Returns the time of a text like 90s or 2026-11-28T14:00, in epoch seconds. Raises OperateError."""
    try:
        if found := re.fullmatch(r"(\d{1,9})(s|min|m|h|d)", text):
            ago = timedelta(seconds=int(found[1]) * _SECONDS[found[2]])
            return (datetime.fromtimestamp(now, UTC) - ago).timestamp()
        time = datetime.fromisoformat(text)
        return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError) as error:
        said = f"{text!r} is no time: write 90s, 30min, 6h or 2d ago, or 2026-11-28T14:00 in UTC"
        raise OperateError(said, Kind.WRONG) from error
