"""Acts on the dead letters that match: on each once, as they are received, and on none that came later.

A letter that dies again is later than the look, so that no redrive goes in a circle. Both times are SQS's.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Any, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from shared import envelope
from shared.delivery import Delivery
from zigzag_operate.causes import cause
from zigzag_operate.dead_letters import Filter, check, letter_queues
from zigzag_operate.letters import Letter, letter_of
from zigzag_operate.looking import LOOK_SECONDS, PER_POLL, Look, Poll, act, digest_of, look
from zigzag_operate.target import Target
from zigzag_operate.who import caller

_MAX_REASONS = 20
_OTHER = "for other reasons"

PRIVATE = 0o600
"""The mode of a file of letters: they have payloads."""


class Stop(Protocol):
    """Set by a person's ^C: a threading.Event."""

    def is_set(self) -> bool: ...

    def wait(self, timeout: float) -> object: ...


@dataclass(slots=True)
class Chosen:
    """The letters that match now. Nothing was changed.

    ids  -- a digest of each one's MessageId.
    left -- how many of them would stay, by the reason.
    """

    look: Look
    matched: int
    ids: set[bytes] = field(default_factory=set, repr=False)
    left: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class Acted:
    """What was done.

    matched -- the letters that match, and were there when it began.
    done    -- those of them that are off the dead-letter queue.
    left    -- how many stay, by the reason. Most of twenty reasons are told.
    later   -- the letters that match, and came after it had begun. They are not touched.
    stopped -- why it did not go on, or None. The same call goes on.
    """

    look: Look
    matched: int
    done: int
    left: dict[str, int]
    later: int
    stopped: str | None


class Saving:
    """Writes each letter to the end of a file, a line of JSON each, before anything is done to it."""

    def __init__(self, path: Path, by: str) -> None:
        self._path, self._by = path, by

    def write(self, messages: Sequence[Mapping[str, Any]]) -> None:
        """Raises OSError, or ValueError if a letter can't be written: then the file is as it was."""
        lines = [envelope.plain({**message, "By": self._by}) + b"\n" for message in messages]
        file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, PRIVATE)
        try:
            before = os.fstat(file).st_size
            try:
                with open(file, "ab", closefd=False) as whole:
                    whole.writelines(lines)
                os.fsync(file)
            except OSError:
                os.ftruncate(file, before)  # the next letter must not stand behind half of this one
                raise
        finally:
            os.close(file)


def saving(target: Target, path: Path | None) -> Saving | None:
    """Returns what saves letters in this file, each with who acts on it as `By`."""
    return None if path is None else Saving(path, caller(target))


class Acting:
    """Chooses letters, saves them, has something done to them, and deletes those for which that is confirmed.

    then  -- returns the letters that may be deleted. It tells of the others by `leave`.
    only  -- the digests of those that are meant; None is all that match.
    limit -- it ends after so many.
    """

    def __init__(
        self,
        sqs: Any,
        which: Filter,
        then: Callable[[Sequence[Delivery]], Sequence[Delivery]],
        *,
        only: Collection[bytes] | None = None,
        limit: int | None = None,
        save: Saving | None = None,
    ) -> None:
        self._sqs = sqs
        self._which = which
        self._then = then
        self._only = only
        self._limit = limit
        self._saving = save
        self._matched = self._done = self._later = 0
        self._left: dict[str, int] = {}
        self.stopped: str | None = None

    def at(self, urls: Sequence[str], stop: Stop, at_once: int = PER_POLL, **clock: Any) -> Acted:
        """Acts on what is in the queues. Raises OperateError if they can't be read."""
        seen = act(self._sqs, urls, self._poll, stop.is_set, at_once=at_once, **clock)
        if stop.is_set():
            self.stopped = self.stopped or "interrupted"
        return Acted(seen, self._matched, self._done, self._left, self._later, self.stopped)

    def leave(self, reason: str, many: int = 1) -> None:
        """Notes that letters stay where they are."""
        reason = reason if reason in self._left or len(self._left) < _MAX_REASONS else _OTHER
        self._left[reason] = self._left.get(reason, 0) + many

    def _poll(self, poll: Poll) -> tuple[set[str], bool]:
        chosen = [message for message in poll.new if self._is_meant(message, poll)]
        if self._limit is not None:
            chosen = chosen[: self._limit - self._matched]
        self._matched += len(chosen)
        gone: set[str] = set()
        if chosen and self._is_saved(chosen):
            ready = self._then([Delivery(message, poll.url) for message in chosen])
            gone = self._delete(poll.url, ready) if ready else gone
        self._done += len(gone)
        return gone, self.stopped is not None or self._matched == self._limit

    def _is_meant(self, message: Mapping[str, Any], poll: Poll) -> bool:
        if self._only is not None and digest_of(message) not in self._only:
            return False
        if not self._which.matches(letter_of(message)):
            return False
        sent = Delivery(message).sent_at
        is_later = sent is not None and sent >= poll.at + 1  # SQS tells the time of the look to the second
        self._later += is_later
        return not is_later

    def _is_saved(self, messages: Sequence[Mapping[str, Any]]) -> bool:
        if self._saving is None:
            return True
        try:
            self._saving.write(messages)
        except (OSError, ValueError) as error:
            self.stopped = f"the letters can't be saved: {error}"
            self.leave("not saved", len(messages))
            return False
        return True

    def _delete(self, url: str, deliveries: Sequence[Delivery]) -> set[str]:
        """Returns the ids of those that are deleted."""
        try:
            gone, codes = deleted(self._sqs, url, [one.message for one in deliveries])
        except (BotoCoreError, ClientError) as error:
            self.stopped = f"the letters can't be deleted: {cause(error)}"
            self.leave("not deleted", len(deliveries))
            return set()
        for code in codes:
            self.leave(f"not deleted: {code}")
        return gone


def deleted(sqs: Any, url: str, messages: Sequence[Mapping[str, Any]]) -> tuple[set[str], list[str]]:
    """Deletes messages. Returns the ids of those that are gone, and AWS's codes for the others. Raises what
    boto3 raises."""
    entries = [
        {"Id": str(number), "ReceiptHandle": one["ReceiptHandle"]} for number, one in enumerate(messages)
    ]
    failed = sqs.delete_message_batch(QueueUrl=url, Entries=entries).get("Failed", [])
    still = {int(one["Id"]) for one in failed}
    gone = {one["MessageId"] for number, one in enumerate(messages) if number not in still}
    return gone, [one["Code"] for one in failed]


def choose(
    target: Target,
    which: Filter,
    limit: int | None = None,
    why_left: Callable[[Delivery, Letter], str | None] = lambda delivery, letter: None,
    *,
    seconds: int = LOOK_SECONDS,
) -> Chosen:
    """Returns the letters that match. Raises OperateError, as `dead_letters`.

    why_left -- returns why a letter would stay, or None.
    """
    found = Chosen(Look(0, 0, 0.0, "", False, 0, None), 0)

    def each(message: Mapping[str, Any]) -> bool:
        letter = letter_of(message)
        if which.matches(letter):
            found.matched += 1
            found.ids.add(digest_of(message))
            if (reason := why_left(Delivery(message), letter)) is not None:
                found.left[reason] = found.left.get(reason, 0) + 1
        return found.matched == limit

    found.look = look(target.client("sqs"), letter_queues(target), each, seconds=seconds)
    check(which, found.matched, found.look)
    return found


def drop(
    target: Target,
    chosen: Chosen,
    *,
    save: Path | None = None,
    stop: Stop | None = None,
) -> Acted:
    """Deletes the chosen letters, and no other, for good. Raises OperateError.

    save -- a file to whose end each letter is written before.
    stop -- once it is set, the batch under way is the last.

    Needs `sqs:DeleteMessage` besides what a look needs.
    """
    saved = saving(target, save)
    acting = Acting(target.client("sqs"), Filter(), lambda letters: letters, only=chosen.ids, save=saved)
    return acting.at(letter_queues(target), stop or Event())
