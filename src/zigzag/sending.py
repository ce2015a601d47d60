"""The iterator that sends many payloads, and yields their results in the payloads' order.

The thread that iterates reads the payloads, checks them and cuts them into batches. Threads make the calls.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from threading import RLock
from typing import Any, Self

from shared.ports.batches import Fate, Unsent
from shared.ports.queue import MAX_PER_CALL
from zigzag.calls import Calls
from zigzag.cutting import Entry, cut, written_bytes
from zigzag.errors import SendError
from zigzag.results import CLOSED, Refused, Result, interrupted, not_sent, result_of

MAX_AHEAD = 160
"""Most payloads that are read and whose results are not yet taken."""

MAX_AHEAD_BYTES = 8 * 1024 * 1024
"""Bytes of their messages at which no more are read. A refused one counts as all: its size is not known."""

MAX_FAILED_CALLS = 10
"""So many batches in a row of which the queue takes nothing, through no fault of their messages, end it."""

MAX_LEFT_BEHIND = 10_000
"""So many groups of a FIFO queue that a message was not taken of end it too."""

_MAX_NAMED = 3  # reasons in an error

type Prepare = Callable[[int, Any], Entry | Refused]  # makes the message of a payload


class Sending[Payload]:
    """Sends payloads while it is iterated over. Yields a `Result` for each, in the payloads' order.

    An exception of the payloads' iterator is raised after the results of all payloads before it. It raises
    SendError, also after these results, once ten calls in a row have failed: then nothing more is read.
    """

    def __init__(
        self, name: str, payloads: Iterable[Payload], prepare: Prepare, calls: Calls, *, fifo: bool
    ) -> None:
        self._name = name
        self._source: Iterator[Payload] | None = iter(payloads)
        self._prepare = prepare
        self._calls = calls
        self._fifo = fifo
        self._process = os.getpid()
        self._lock = RLock()
        self._taken = self._next = self._bytes = self._failed_calls = 0
        self._waiting: list[Entry] = []
        self._under_way: dict[int, Entry] = {}
        self._results: dict[int, Result[Any]] = {}
        self._sizes: dict[int, int] = {}
        self._left_behind: dict[str, int] = {}  # a FIFO queue's group to the index of its first failure
        self._error: Exception | None = None
        self._begun = self._over = False

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Result[Payload]:
        with self._lock:
            if self._process != os.getpid():
                raise SendError("this process was forked: its parent sends these payloads")
            self._begun = True
            self._go_on()
            while self._next not in self._results:
                if self._next == self._taken:
                    self._end()
                self._calls.wait()
                self._go_on()
            self._bytes -= self._sizes.pop(self._next)
            self._next += 1
            return self._results.pop(self._next - 1)

    def finish(self) -> int:
        """Sends all that is left. Returns how many were accepted.

        Raises SendError at the end if one was not, with the numbers and the first reasons.
        """
        counts = {"accepted": 0, "refused": 0, "unknown": 0}
        reasons: list[str] = []
        for result in self:
            counts[result.status] += 1
            if result.status != "accepted" and len(reasons) < _MAX_NAMED:
                reasons.append(f"payload {result.index}: {result.reason}")
        if reasons:
            raise SendError(
                f"{counts['accepted']:,} messages for {self._name} were accepted, {counts['refused']:,} "
                f"refused, and {counts['unknown']:,} are unknown. {'; '.join(reasons)}"
            )
        return counts["accepted"]

    def close(self) -> list[Result[Payload]]:
        """Ends it early. Waits for the calls under way, some seconds at most.

        Returns the results that were not taken yet, also of payloads that were read and not sent.
        """
        with self._lock:
            if self._process != os.getpid():
                return []
            self._source, self._error, self._over = None, None, True
            self._calls.close()
            self._settle_all()
            self._refuse_waiting(CLOSED.reason)
            for entry in [*self._under_way.values()]:  # an exception in this thread lost its answer
                self._settle([entry], [interrupted("Interrupted")])
            left = [self._results[index] for index in sorted(self._results)]
            self._results.clear()
            self._next = self._taken
            return left

    def __del__(self) -> None:
        if getattr(self, "_over", True) or self._process != os.getpid():
            return
        self._calls.close(wait=False)
        if not self._begun:
            why = f"sent nothing for {self._name}: iterate over it, or call its finish()"
        elif left := self._taken - self._next:
            why = f"for {self._name} ended early: close() returns the results of {left} payloads more"
        else:
            return
        warnings.warn(f"send_many(…) {why}", RuntimeWarning, stacklevel=2, source=self)

    def _go_on(self) -> None:
        """Does all that can be done without waiting."""
        self._settle_all()
        self._read()
        self._send()

    def _send(self) -> None:
        """Starts the calls whose batches are full, and the last one."""
        while self._waiting:
            batch = cut(self._waiting, self._groups_under_way(), fifo=self._fifo)
            waits = not self._under_way and self._next not in self._results  # the caller, for a result
            if not batch.entries or not (batch.full or self._source is None or waits):
                return
            self._start(batch.entries)
            self._settle_all()

    def _start(self, entries: Sequence[Entry]) -> None:
        # Noted before they are sent: after an interrupt they must not be sent again.
        self._under_way |= {entry.number: entry for entry in entries}
        self._waiting = [entry for entry in self._waiting if entry.number not in self._under_way]
        try:
            self._calls.start(entries)
        except BaseException as error:
            self._settle(entries, [interrupted(type(error).__name__)] * len(entries))
            raise

    def _groups_under_way(self) -> set[str]:
        return {str(entry.message.group) for entry in self._under_way.values()} if self._fifo else set()

    def _read(self) -> None:
        while (
            self._source is not None
            and self._taken - self._next < MAX_AHEAD
            and self._bytes < MAX_AHEAD_BYTES
        ):
            try:
                payload = next(self._source)
            except StopIteration:
                self._source = None
            except Exception as error:
                self._stop(error)
            else:
                self._take(payload)
                if len(self._waiting) >= MAX_PER_CALL:
                    self._send()

    def _take(self, payload: Payload) -> None:
        try:
            prepared = self._prepare(self._taken, payload)
        except Exception as error:
            error.add_note(f"in send_many(…), for payload {self._taken}")
            self._stop(error)
            return
        if isinstance(prepared, Refused):
            self._results[self._taken], held = prepared.result, MAX_AHEAD_BYTES
            if self._fifo and prepared.group is not None:
                self._left_behind.setdefault(prepared.group, self._taken)
        else:
            self._waiting.append(prepared)
            held = written_bytes(prepared.message)
        self._sizes[self._taken] = held
        self._bytes += held
        self._taken += 1
        self._hold_back()

    def _settle_all(self) -> None:
        for entries, fates in self._calls.answered():
            self._settle(entries, fates)

    def _settle(self, entries: Sequence[Entry], fates: Sequence[Fate]) -> None:
        for entry, fate in zip(entries, fates, strict=True):
            if entry.number not in self._under_way:
                continue  # it was done before an interrupt
            self._results[entry.number] = result_of(entry, fate)
            if self._fifo and isinstance(fate, Unsent):
                self._left_behind.setdefault(str(entry.message.group), entry.number)
            del self._under_way[entry.number]
        self._hold_back()
        self._count(fates)

    def _hold_back(self) -> None:
        """Refuses messages that would overtake one of their group."""
        if not self._left_behind:
            return
        for entry in self._waiting:
            first = self._left_behind.get(str(entry.message.group))
            if first is not None and first < entry.number:
                why = f"payload {first} of its group was not accepted, and must not be overtaken"
                self._results[entry.number] = not_sent(entry, why)
        self._waiting = [entry for entry in self._waiting if entry.number not in self._results]
        if len(self._left_behind) >= MAX_LEFT_BEHIND:
            self._give_up(f"the queue did not take messages of {MAX_LEFT_BEHIND:,} groups")

    def _count(self, fates: Sequence[Fate]) -> None:
        failures = [fate for fate in fates if isinstance(fate, Unsent) and fate.is_the_queues]
        self._failed_calls = self._failed_calls + 1 if len(failures) == len(fates) else 0
        if self._failed_calls >= MAX_FAILED_CALLS:
            why = f"{failures[-1].code}: {failures[-1].reason}"
            self._give_up(f"the queue took nothing of {MAX_FAILED_CALLS} batches in a row ({why})")

    def _give_up(self, why: str) -> None:
        self._refuse_waiting(why)
        if self._error is None:
            said = f"{why}, so no more than the first {self._taken:,} payloads for {self._name} were read"
            self._stop(SendError(said))

    def _refuse_waiting(self, why: str) -> None:
        for entry in self._waiting:
            self._results[entry.number] = not_sent(entry, why)
        self._waiting.clear()

    def _stop(self, error: Exception) -> None:
        self._source, self._error = None, error

    def _end(self) -> None:
        """Raises the exception that ended it, or else StopIteration."""
        self._over = True
        self._calls.close()
        error, self._error = self._error, None
        raise StopIteration if error is None else error
