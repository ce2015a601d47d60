"""Says in whose trace a worker is invoked: its messages' sender's, or that of the consumer's run."""

from __future__ import annotations

from collections.abc import Iterable

from shared.ports.workers import TracedEvent

_HEX = frozenset("0123456789abcdef")


def traced(event: bytes, headers: Iterable[str | None]) -> bytes:
    """Returns the event, with the header if all of its messages have the same. A sender may write any text
    as a header: one that X-Ray would not make is none."""
    header, *others = set(headers)
    if others or header is None or not _is_xrays(header):
        return event
    found = TracedEvent(event)
    found.trace = header
    return found


def _is_xrays(header: str) -> bool:
    root, _, sampled = header.removeprefix("Root=").partition(";")
    version, _, numbers = root.partition("-")
    at, _, number = numbers.partition("-")
    return (
        (version, len(at), len(number)) == ("1", 8, 24)
        and _HEX.issuperset(at + number)
        and sampled in ("", "Sampled=0", "Sampled=1", "Sampled=?")
    )
