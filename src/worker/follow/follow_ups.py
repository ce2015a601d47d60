"""The follow-ups of a task: the next task, or the reply that was asked for. Few messages load this module.

It is composed once, when the task has ended, and is then a text: in the task's record, and in the body of a
dead letter whose task is done. Such a letter never runs the task again, as its body has no `task`; wherever
it is moved, a worker sends what it holds, and nothing else.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any, NamedTuple

from shared.dead_letter import MAX_ID_CHARACTERS
from shared.ports.queue import Outgoing
from shared.queues import is_fifo
from worker.decode import FOLLOW_UPS
from zigzag.then import as_text

MAX_LETTER_BYTES = 500_000
"""Most bytes of a letter that has its message's own body as well, for a person to read."""

NEXT = "next"
"""The step after a task: the next one."""

MAX_FOLLOW_UPS = 2
"""Most follow-ups of a task: the next one, and the reply."""


class FollowUp(NamedTuple):
    """A message to send: to a queue's URL, or an ARN."""

    to: str
    id: str
    body: str
    group: str | None = None

    @property
    def message(self) -> Outgoing:
        """The message. A FIFO queue takes it once in five minutes, by its id."""
        fifo = is_fifo(self.to)
        return Outgoing(
            self.body,
            group=self.group or (self.id if fifo else None),
            deduplication_id=self.id if fifo else None,
        )


class FollowUps(NamedTuple):
    """The follow-ups of a task.

    task, id -- the task's.
    send     -- to be sent now.
    held     -- to be sent once its dead letter is moved back to the queue.
    why      -- why the message becomes a dead letter, although its task is done; else empty.
    failed   -- whether the task has failed.
    """

    task: str | None
    id: str | None
    send: tuple[FollowUp, ...] = ()
    held: tuple[FollowUp, ...] = ()
    why: str = ""
    failed: bool = False

    def to_text(self, was: str | None = None) -> str:
        """Returns them as JSON.

        was -- the body of their message, which is left out if the text would be too long.
        """
        id = None if self.id is None or len(self.id) > MAX_ID_CHARACTERS else self.id
        said: dict[str, Any] = {"failed" if self.failed else "done": self.task, "id": id}
        said[FOLLOW_UPS] = [one._asdict() for one in self.send]
        said |= {"held": [one._asdict() for one in self.held]} if self.held else {}
        said |= {"why": self.why} if self.why else {}
        text = as_text(said)
        if was is not None:
            whole = as_text({**said, "message": was})
            if len(whole.encode()) <= MAX_LETTER_BYTES:
                return whole
        return text

    @classmethod
    def from_text(cls, text: str) -> FollowUps:
        """Returns the follow-ups in a text. Raises ValueError if it has none that we could have written."""
        said = json.loads(text)
        try:
            send, held = (tuple(map(_read, one)) for one in (said[FOLLOW_UPS], said.get("held", ())))
            task, id, why = said.get("done", said.get("failed")), said.get("id"), said.get("why", "")
        except (AttributeError, LookupError, TypeError):
            raise ValueError("no follow-ups") from None
        # Else a sender has a key of that name, or one message would be made many.
        ours = ("done" in said or "failed" in said) and len(send) + len(held) <= MAX_FOLLOW_UPS
        if not ours or not all(isinstance(one, str | None) for one in (task, id)) or not isinstance(why, str):
            raise ValueError("no follow-ups")
        return cls(task, id, send, held, why, "failed" in said)


def _read(said: Any) -> FollowUp:
    one = FollowUp(said["to"], said["id"], said["body"], said.get("group"))
    if not all(isinstance(value, str) for value in one[:3]) or not isinstance(one.group, str | None):
        raise TypeError
    return one


def step_id(step: str, task: str | None, id: str | None) -> str:
    """Returns the id of a step after a task: the same however often the task runs for its id."""
    return hashlib.sha256(json.dumps([step, task, id]).encode()).hexdigest()
