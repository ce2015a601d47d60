"""Makes the calls for batches: some at the same time in threads, or each in its turn."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from threading import Event
from typing import TYPE_CHECKING

from shared.ports.batches import Fate, Unsent
from shared.ports.workers import Meaning
from zigzag.cutting import Entry
from zigzag.delivering import Post, deliver
from zigzag.results import CLOSED

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

MAX_CALLS_AT_ONCE = 8
"""Most calls at the same time."""


class Calls:
    """Makes calls by `post`, in threads if `at_once`, and keeps their answers."""

    def __init__(self, post: Post, *, at_once: bool) -> None:
        self._post = post
        self._at_once = at_once
        self._pool: ThreadPoolExecutor | None = None
        self._closing = Event()
        self._news = Event()
        self._answers: deque[tuple[Sequence[Entry], list[Fate]]] = deque()

    def start(self, entries: Sequence[Entry]) -> None:
        """Starts the call for a batch."""
        if not self._at_once:
            self._make(entries)
            return
        if self._pool is None:
            from concurrent.futures import ThreadPoolExecutor

            self._pool = ThreadPoolExecutor(MAX_CALLS_AT_ONCE, "zigzag-send")
        self._pool.submit(self._make, entries)

    def wait(self) -> None:
        """Waits until there is an answer."""
        self._news.wait()
        self._news.clear()

    def answered(self) -> Iterator[tuple[Sequence[Entry], list[Fate]]]:
        """Yields the answers that are there. One whose handling is interrupted comes again."""
        while self._answers:
            yield self._answers[0]
            self._answers.popleft()

    def close(self, *, wait: bool = True) -> None:
        """Sends no batches that wait for a thread, or for another try.

        wait -- whether to wait for the calls under way.
        """
        self._closing.set()
        if self._pool is not None:
            self._pool.shutdown(wait)

    def _make(self, entries: Sequence[Entry]) -> None:
        try:
            fates = self._delivered(entries)
        except BaseException as error:
            # The thread that iterates waits for an answer, whatever went wrong in this one.
            why = Unsent(type(error).__name__, "the call failed", Meaning.AMBIGUOUS, whole=True, lasts=True)
            fates = [why] * len(entries)
        self._answers.append((entries, fates))
        self._news.set()

    def _delivered(self, entries: Sequence[Entry]) -> list[Fate]:
        if self._closing.is_set():
            return [CLOSED] * len(entries)
        return deliver(entries, self._post, self._closing.wait)
