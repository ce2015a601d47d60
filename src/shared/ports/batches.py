"""The port of a queue that takes several messages in one call, for a producer that sends many."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from shared.ports.queue import Outgoing
from shared.ports.workers import Meaning


class Unsent(NamedTuple):
    """A message of a batch that the queue did not take, or perhaps did.

    code    -- AWS's error code, or the name of the network's error; `reason` has the words.
    meaning -- DEFINITE, TRANSIENT or AMBIGUOUS.
    whole   -- whether the call failed as a whole.
    lasts   -- whether it must not be sent again, though its fate is unknown.
    """

    code: str
    reason: str
    meaning: Meaning
    whole: bool = False
    lasts: bool = False

    @property
    def is_the_queues(self) -> bool:
        """Whether it is no fault of the message."""
        return self.whole or self.meaning is not Meaning.DEFINITE


type Fate = str | Unsent
"""The fate of a message in one call: its MessageId, or why there is none."""


class Batches(Protocol):
    async def send(self, messages: Sequence[Outgoing]) -> list[Fate]:
        """Sends up to 10 messages in one call, which is made once. Returns the fate of each, in order."""
