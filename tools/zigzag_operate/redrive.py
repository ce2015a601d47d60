"""Sends dead letters back to their queues, so that each runs to success once, wherever this is killed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from threading import Event
from time import monotonic
from typing import Any

from shared.aws.boto import BotoTransport
from shared.aws.sqs_batches import SqsBatches
from shared.delivery import Delivery
from shared.ports.batches import Unsent
from shared.ports.workers import Meaning
from zigzag.cutting import Entry, cut, size_of
from zigzag.in_place import run_in_place
from zigzag_operate.acting import Acted, Acting, Chosen, Stop, choose, saving
from zigzag_operate.dead_letters import Filter, check, letter_queues
from zigzag_operate.errors import Kind, OperateError
from zigzag_operate.letters import Letter, letter_of
from zigzag_operate.looking import LOOK_SECONDS, PER_POLL
from zigzag_operate.queues import origins_of
from zigzag_operate.redriven import NO_QUEUE, NO_ROOM, Destinations, Payloads, redriven
from zigzag_operate.target import Target
from zigzag_operate.who import caller

PROMPT_SECONDS = 20.0
"""Received letters are sent within this time, by a low rate in smaller polls: a third of the time for which
they are hidden."""

ALL = Filter()
BEHIND = "behind another one of their FIFO group, which stays"
_NO_ANSWER = "no answer came: SQS may have them. Redrive again, which does no harm"


def redrive(
    target: Target,
    which: Filter = ALL,
    *,
    queue: str | None = None,
    every: float = 0.0,
    limit: int | None = None,
    save: Path | None = None,
    stop: Stop | None = None,
) -> Acted:
    """Sends the messages of the letters that match back to the queues that they are of, and deletes the
    letters. A letter that dies again while this runs stays.

    queue -- the name of the queue for letters that are of none of the stack's.
    every -- seconds from one to the next; up to ten at a time are sent.
    limit -- it ends after so many.
    save  -- a file to whose end each letter is written before.
    stop  -- once it is set, the batch under way is the last.

    Raises OperateError, also if no letter matches. Besides what a look needs, it needs `sqs:SendMessage` of
    the task queues and `sqs:DeleteMessage` of the dead-letter queues; for large payloads, `s3:GetObject` and
    `s3:PutObject` of the bucket.
    """
    if every < 0:
        raise OperateError("a redrive's rate is above 0", Kind.WRONG)
    stop = stop or Event()
    sqs = target.client("sqs")
    redriving = _Redriving(target, queue, every, stop, sqs)
    acting = Acting(sqs, which, redriving.send, limit=limit, save=saving(target, save))
    redriving.acting = acting
    at_once = PER_POLL if not every else max(1, min(PER_POLL, int(PROMPT_SECONDS / every)))
    acted = acting.at(letter_queues(target), stop, at_once)
    if not acted.later and acted.stopped is None:
        check(which, acted.matched, acted.look)
    return acted


def would_redrive(
    target: Target,
    which: Filter = ALL,
    *,
    queue: str | None = None,
    limit: int | None = None,
    seconds: int = LOOK_SECONDS,
) -> Chosen:
    """Returns what `redrive` would do, and changes nothing. Raises OperateError, as `redrive`.

    seconds -- the look ends after this time.
    """
    redriving = _Redriving(target, queue, 0.0, Event())
    return choose(target, which, limit, redriving.why_left, seconds=seconds)


class _Redriving:
    """Sends what a poll has brought.

    acting -- is told of what stays.
    """

    acting: Acting

    def __init__(self, target: Target, queue: str | None, every: float, stop: Stop, sqs: Any = None) -> None:
        stack = target.stack_as_it_is()
        self._destinations = Destinations(origins_of(stack), queue)
        self._payloads = Payloads(stack.outputs.get("LargeBucketName"), lambda: target.client("s3"))
        self._sqs = sqs
        self._by = None if sqs is None else caller(target)
        self._every = every
        self._stop = stop
        self._stuck: set[str] = set()  # FIFO groups of which one stays
        self._next_at = monotonic()

    def why_left(self, letter: Delivery, told: Letter) -> str | None:
        """Returns why a letter would stay, as far as it is known before anything is sent."""
        if self._destinations.of(letter, told.queue) is None:
            return NO_QUEUE
        return NO_ROOM if redriven(letter) is None else self._payloads.why_not(letter)

    def send(self, letters: Sequence[Delivery]) -> Sequence[Delivery]:
        """Sends the letters' messages. Returns the letters whose messages SQS has taken."""
        if self._every:
            self._stop.wait(max(0.0, self._next_at - monotonic()))
            self._next_at = max(monotonic(), self._next_at) + self._every * len(letters)
        if self._stop.is_set():
            self.acting.leave("interrupted before it was sent", len(letters))
            return []
        ready: dict[str, list[Entry]] = {}
        for number, letter in enumerate(letters):
            told = letter_of(letter.message)
            reason = BEHIND if self._is_stuck(letter) else self.why_left(letter, told)
            message, url = redriven(letter, self._by), self._destinations.of(letter, told.queue)
            if (reason := reason or self._payloads.renew(letter)) or message is None or url is None:
                self._leave(letter, reason or NO_ROOM)
            else:
                entry = Entry(number, None, None, message, size_of(message), repeats=True)
                ready.setdefault(url, []).append(entry)
        return [letters[number] for url, some in ready.items() for number in self._sent(url, some, letters)]

    def _sent(self, url: str, waiting: list[Entry], letters: Sequence[Delivery]) -> list[int]:
        """Sends to one queue. Returns the numbers of what it has taken."""
        batches, numbers = SqsBatches(BotoTransport(attempts=1, clients={"sqs": self._sqs}), url), list[int]()
        fifo = url.endswith(".fifo")
        while waiting:
            entries = cut(waiting, (), fifo=fifo).entries
            fates = run_in_place(batches.send([entry.message for entry in entries]))
            for entry, fate in zip(entries, fates, strict=True):
                if isinstance(fate, Unsent):
                    self._leave(letters[entry.number], self._reason(fate))
                else:
                    numbers.append(entry.number)
            done = {entry.number for entry in entries}
            waiting = [entry for entry in waiting if entry.number not in done]
            for behind in [entry for entry in waiting if self._is_stuck(letters[entry.number])]:
                waiting.remove(behind)
                self.acting.leave(BEHIND)
            if self.acting.stopped is not None:
                self.acting.leave(self.acting.stopped, len(waiting))
                break
        return numbers

    def _reason(self, fate: Unsent) -> str:
        if fate.meaning is not Meaning.AMBIGUOUS and fate.whole:
            self.acting.stopped = f"the queue takes nothing: {fate.code}: {fate.reason}"
            return self.acting.stopped
        return _NO_ANSWER if fate.meaning is Meaning.AMBIGUOUS else f"refused: {fate.code}: {fate.reason}"

    def _leave(self, letter: Delivery, reason: str) -> None:
        if letter.from_fifo:
            self._stuck.add(str(letter.group))
        self.acting.leave(reason)

    def _is_stuck(self, letter: Delivery) -> bool:
        return letter.from_fifo and str(letter.group) in self._stuck
