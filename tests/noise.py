"""Bodies that can't be compressed, for what has to do with the size of an event."""

from __future__ import annotations

from random import Random

LETTERS = [code for code in range(ord("#"), ord("~")) if chr(code) != "\\"]
"""None of them is escaped in JSON: each takes one byte."""


def noise(length: int, seed: int = 0) -> str:
    """Returns a text that only gets longer by compressing it."""
    table = bytes(LETTERS[byte % len(LETTERS)] for byte in range(256))
    return Random(seed).randbytes(length).translate(table).decode()


HALF = noise(600_000)
"""Two of them do not fit one event."""

WHOLE = noise(1_040_000)
"""One of them does not."""
