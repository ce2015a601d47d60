"""Times and numbers, in words."""

from __future__ import annotations

from datetime import UTC, datetime


def clock(time: float) -> str:
    return f"{datetime.fromtimestamp(time, UTC):%H:%M}"


def at(time: float) -> str:
    return f"{datetime.fromtimestamp(time, UTC):%-d %b, %H:%M}"


def many(number: object, what: str) -> str:
    """Returns the number with its noun, such as `1 message` or `3,567 messages`."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def wait(messages: int) -> str:
    return f"{many(messages, 'message')} wait{'s' if messages == 1 else ''}"


def letters_wait(letters: int) -> str:
    return f"{many(letters, 'dead letter')} wait{'s' if letters == 1 else ''} for somebody."


def minutes(seconds: float) -> str:
    return many(round(seconds / 60), "minute") if seconds < 7200 else f"{seconds / 3600:.0f} hours"
