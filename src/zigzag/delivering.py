"""Sends one batch, and again those of its messages that failed, until each has its fate."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import uniform
from time import time
from typing import Any

from shared.ports.batches import Fate, Unsent
from shared.ports.queue import KNOWN_SECONDS, Outgoing
from shared.ports.workers import Meaning
from zigzag.cutting import Entry

MAX_TRIES = 6
"""Most calls for a message. Together they end within a minute, unless the line is slow or the machine
sleeps."""

FIRST_TRY_AGAIN_SECONDS = 0.2
MAX_TRY_AGAIN_SECONDS = 5.0
"""Seconds before the second try, twice as many before each further one; each wait is drawn from 0 to that
(https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/)."""

_OF_ONE = ("BatchRequestTooLong", "InvalidParameterValue", "InvalidMessageContents", "HTTP 413")
"""Parts of error codes for a whole call that one of its messages may have caused."""

type Post = Callable[[Sequence[Outgoing]], list[Fate]]
"""Makes one call for some messages."""


def deliver(entries: Sequence[Entry], post: Post, wait: Callable[[float], Any]) -> list[Fate]:
    """Returns the fate of each entry.

    wait -- waits for some seconds. Returns something true if no more is to be sent.
    """
    fates: dict[int, Fate] = {}
    left, began = entries, time()
    for number in range(MAX_TRIES):
        for entry, fate in zip(left, _posted(left, post), strict=True):
            fates[entry.number] = _together(fates.get(entry.number), fate)
        left = [entry for entry in left if _may_repeat(entry, fates[entry.number])]
        if not left or number + 1 == MAX_TRIES:
            break
        if wait(uniform(0, min(MAX_TRY_AGAIN_SECONDS, FIRST_TRY_AGAIN_SECONDS * 2**number))):
            break
        if any(entry.message.group for entry in left) and not 0 <= time() - began <= KNOWN_SECONDS:
            break
    return [fates[entry.number] for entry in entries]


def _posted(entries: Sequence[Entry], post: Post) -> list[Fate]:
    """Makes the call. If it was refused for one of the messages, each is sent alone, and only that one
    fails."""
    fates = post([entry.message for entry in entries])
    if len(entries) > 1 and all(map(_is_of_one, fates)):
        return [post([entry.message])[0] for entry in entries]
    return fates


def _is_of_one(fate: Fate) -> bool:
    return (
        isinstance(fate, Unsent)
        and fate.whole
        and fate.meaning is Meaning.DEFINITE
        and any(part in fate.code for part in _OF_ONE)
    )


def _may_repeat(entry: Entry, fate: Fate) -> bool:
    if isinstance(fate, str) or fate.lasts:
        return False
    return fate.meaning is Meaning.TRANSIENT or (fate.meaning is Meaning.AMBIGUOUS and entry.repeats)


def _together(before: Fate | None, now: Fate) -> Fate:
    """Returns the fate after another try: what may have been taken once stays unknown until it is taken."""
    if isinstance(before, Unsent) and before.meaning is Meaning.AMBIGUOUS and isinstance(now, Unsent):
        return now._replace(meaning=Meaning.AMBIGUOUS, lasts=now.lasts or now.meaning is Meaning.DEFINITE)
    return now
