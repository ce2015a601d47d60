"""Groups dead letters by their reasons: without URLs, quoted words, ids and numbers, many are the same."""

from __future__ import annotations

import re
from functools import lru_cache
from hashlib import sha256

from shared.dead_letter import MAX_REASON_CHARACTERS

NORMALISER = 1
"""The version of these rules. It goes up with each change of them, because a group's name changes with it."""

GROUP_DIGITS = 8
"""Hex digits. With four, whoever may send could soon find a task's name whose group is another reason's."""

_URL = r"\w+://\S+|\barn:\S+|\S+@[\w-]+\.\S+"
_QUOTED = "|".join(
    rf"(?<!\w){begin}(?:[^{end}\n]|{end}(?=\w))*{end}(?!\w)"  # the apostrophe of "can't" is no quote
    for begin, end in (("'", "'"), ('"', '"'), ("`", "`"), ("“", "”"))
)
_KEPT = r"\b[A-Za-z]\w*(?:Error|Exception|Warning)\b"
"""The class of an error may have a number in its name, as Urllib3Error does."""

_TASK = "\ue000"
"""Stands for the task's name while the reason is cut. It is no letter, and so is in no word."""

_NUMBERED = r"[\w-]*\d[\w-]*"
_NUMBER = rf"{_NUMBERED}(?:[.,:/+]{_NUMBERED})*%?|\b[0-9A-Fa-f]{{8,}}\b"

_LEFT_OUT = re.compile(f"(?P<url>{_URL})|(?P<kept>{_KEPT})|(?P<quoted>{_QUOTED})|(?P<number>{_NUMBER})")


@lru_cache(maxsize=512)
def group_of(reason: str, task: str | None = None) -> str:
    """Returns the name of the reason's group: GROUP_DIGITS of the SHA-256 of what `normal` leaves.

    Of 1,000 groups, two have the same name with a probability of 0.01 %.
    """
    return sha256(f"{NORMALISER}\n{normal(reason, task)}".encode(errors="replace")).hexdigest()[:GROUP_DIGITS]


def normal(reason: str, task: str | None = None) -> str:
    """Returns the reason without URLs, quoted words, ids and numbers. The task's name stays: it may look like
    any of these, as in `no task is called 'refund'`."""
    text = reason[:MAX_REASON_CHARACTERS].replace(_TASK, "")
    if task:
        text = re.sub(rf"(?<![\w-]){re.escape(task)}(?![\w-])", _TASK, text)
    return " ".join(_LEFT_OUT.sub(_rest, text).replace(_TASK, task or "").split())


def _rest(found: re.Match[str]) -> str:
    if found["kept"]:
        return found[0]
    return f" {_TASK} " if found["quoted"] and _TASK in found[0] else " "
