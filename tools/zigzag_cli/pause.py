"""`zigzag pause` and `zigzag resume`."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Annotated

import typer

from shared.lease import KEPT_SECONDS
from shared.ports.queue import MAX_POLL_SECONDS
from shared.queues import DEFAULT
from zigzag_cli.answer import answer
from zigzag_cli.limits import at
from zigzag_cli.options import Json, Queue, with_target
from zigzag_cli.within import endless
from zigzag_operate import StackGates, Target
from zigzag_operate.limits import Paused

_MAX_NAMED = 5
"""Most tasks that are named, those that expire first."""


@with_target
def pause(
    target: Target,
    queue: Queue = DEFAULT,
    wait: Annotated[bool, typer.Option("--wait", help="Waits until none is in flight.")] = False,
    as_json: Json = False,
) -> None:
    """Pauses a queue: nothing is received until `zigzag resume`. Says when SQS drops messages."""
    gates = StackGates(target, queue)
    paused = gates.pause()
    answer(paused, as_json, _words(paused))
    if wait:
        endless()
        gates.wait(lambda many: print(f"{many:,} in flight, or waiting for a retry", file=sys.stderr))


@with_target
def resume(
    target: Target,
    queue: Queue = DEFAULT,
    as_json: Json = False,
) -> None:
    """Ends the pause of a queue, and opens one that is shut: the next tick receives again."""
    resumed = StackGates(target, queue).resume()
    answer(resumed, as_json, f"{queue} is not paused any more: the next tick receives")


def _words(paused: Paused) -> str:
    days = KEPT_SECONDS // (24 * 3600)
    if not paused.waiting:
        drops = f"Nothing waits; SQS drops what is sent from now on after {days} days."
    elif paused.drops_from is None:
        drops = f"SQS drops a message {days} days after it was sent; the oldest one's age is not known yet."
    else:
        drops = f"SQS begins to drop what waits on {at(paused.drops_from)}, {days} days after it was sent."
    return (
        f"{paused.queue} is paused. For {MAX_POLL_SECONDS} s at most, a poll under way may still bring "
        f"messages; what was received runs to its end. {drops}{_expiring(paused.expiring)}"
    )


def _expiring(tasks: Mapping[str, float]) -> str:
    """Returns the sentence about tasks that expire, or nothing."""
    if not tasks:
        return ""
    first = sorted(tasks.items(), key=lambda one: one[1])[:_MAX_NAMED]
    named = ", ".join(f"{name} after {within:,} s" for name, within in first)
    more = f", and {len(tasks) - _MAX_NAMED:,} more" if len(tasks) > _MAX_NAMED else ""
    return f" Messages expire that have not started: of {named}{more}."
