"""The status of a stack: its counts, and why it receives nothing."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from zigzag_operate.counts import Counts, counts
from zigzag_operate.gates import StackGates, is_controlled
from zigzag_operate.target import Target


@dataclass(frozen=True, slots=True)
class Status(Counts):
    """A stack's counts, and `closed`: why nothing is received, or None."""

    closed: str | None


def status(target: Target) -> Status:
    """Returns the status. A gate that can't be read is a reason in `closed`. Raises OperateError."""
    seen = counts(target)
    controlled = is_controlled(target.stack_as_it_is())
    return Status(**asdict(seen), closed=StackGates(target).why_closed() if controlled else None)
