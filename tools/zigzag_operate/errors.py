"""The error of an operation: its sentence and its kind."""

from __future__ import annotations

from enum import Enum, auto


class Kind(Enum):
    """The kinds of what goes wrong."""

    REFUSED = auto()  # by AWS, the local AWS or the stack
    WRONG = auto()  # what was asked for
    BAD_PAYLOAD = auto()  # or no such task


class OperateError(Exception):
    """Says in one sentence what is wrong, and how to correct it."""

    def __init__(self, sentence: str, kind: Kind = Kind.REFUSED) -> None:
        super().__init__(sentence)
        self.kind = kind
