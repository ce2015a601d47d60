"""Counts the demo's progress from outside: by the queue as the emulator shows it, and by the effects."""

from collections.abc import Sequence
from dataclasses import dataclass

from zigzag_local.demo.batch import Effects, Sent
from zigzag_local.ledger import Ledger


@dataclass(frozen=True)
class Progress:
    """The numbers of messages that were sent, wait, are in flight, done, retried or dead.

    unaccounted -- the number of messages that are neither done nor dead.
    """

    sent: int
    waiting: int
    in_flight: int
    done: int
    retried: int
    dead: int
    unaccounted: int

    @property
    def over(self) -> bool:
        """Returns whether every message has ended, and the queue is empty."""
        return self.unaccounted == 0 and self.waiting + self.in_flight == 0

    def __str__(self) -> str:
        return (
            f"sent {self.sent} · waiting {self.waiting} · in flight {self.in_flight} · "
            f"done {self.done} · retried {self.retried} · dead {self.dead}"
        )


class Watch:
    """Watches the batch. It remembers which messages were received more than once."""

    def __init__(self, ledger: Ledger, messages: Sequence[Sent]) -> None:
        self._ledger = ledger
        self._messages = messages
        self.effects = Effects.counted(ledger)
        self.retried: set[str] = set()

    def look(self) -> Progress:
        queued = self._ledger.queued()
        self.effects = Effects.counted(self._ledger)
        self.retried |= {message["Body"] for message in queued if message["ReceiveCount"] > 1}
        waiting = sum(bool(message["IsVisible"]) for message in queued)
        done = {message.body for message in self._messages if message.is_done(self.effects)}
        dead = {message.body for message in self._messages if message.is_dead(self.effects)}
        return Progress(
            sent=len(self._messages),
            waiting=waiting,
            in_flight=len(queued) - waiting,
            done=len(done),
            retried=len(self.retried),
            dead=len(dead),
            unaccounted=len(self._messages) - len(done | dead),
        )
