"""The answers of a pause, a limit, and the limits of a queue."""

from __future__ import annotations

from dataclasses import dataclass

from zigzag_operate.who import Note


@dataclass(frozen=True, slots=True)
class Paused:
    """A queue that was paused.

    waiting    -- messages that wait, are in flight or are delayed.
    drops_from -- when SQS begins to drop them, in epoch seconds, or None if that is not known.
    expiring   -- the tasks with a `start_within`, in seconds: their messages may expire meanwhile.
    """

    queue: str
    waiting: int
    drops_from: float | None
    expiring: dict[str, float]


@dataclass(frozen=True, slots=True)
class Resumed:
    """A queue whose pause was ended."""

    queue: str


@dataclass(frozen=True, slots=True)
class Starts:
    """A rate as it is told: the seconds from one start to the next, and most starts at once after a rest."""

    every_seconds: float
    burst: int


@dataclass(frozen=True, slots=True)
class Between:
    """The bounds of a rate that finds itself: seconds from one start to the next."""

    slowest_seconds: float
    fastest_seconds: float


@dataclass(frozen=True, slots=True)
class Limited:
    """Limits that were set; None where one was left as it is.

    rate            -- if it finds itself, the first one.
    auto            -- between which rates it finds itself, or None if it does not.
    at_once         -- most tasks that run at the same time.
    trip            -- so many messages that say Unavailable shut the queue.
    longest_seconds -- for so long at most.
    none            -- whether all limits were removed instead.
    waiting         -- messages that wait.
    takes_seconds   -- how long they take at the rate; None without a rate, or if it finds itself.
    """

    queue: str
    rate: Starts | None
    auto: Between | None
    at_once: int | None
    trip: int | None
    longest_seconds: float | None
    none: bool
    waiting: int
    takes_seconds: float | None


@dataclass(frozen=True, slots=True)
class Limits:
    """The state and the limits of a queue. Times are epoch seconds.

    closed            -- why nothing is received, or None if the queue is open.
    paused_since      -- None if it is not paused, or nobody knows.
    rate              -- as it is now.
    auto              -- between which rates it finds itself, or None if it does not.
    next_slot         -- when the rate allows the next start, or None if no slot was taken yet.
    at_once, held     -- most permits at the same time, and how many are held now.
    unavailable_since -- since when messages say Unavailable, or None if none has for an hour.
    next_try          -- when the next message may be received to try; None unless the queue is shut.
    open_by           -- when a queue that is shut receives again, if no try succeeds before.
    failing           -- how many do, without a success in between.
    trip              -- so many of these shut the queue.
    longest_seconds   -- for so long at most.
    waiting           -- messages that wait.
    takes_seconds     -- how long they take at the rate; None without a rate.
    by                -- who paused it, resumed it last, and limited it last, as far as that was noted.
    """

    closed: str | None
    paused_since: float | None
    rate: Starts | None
    auto: Between | None
    next_slot: float | None
    at_once: int | None
    held: int
    unavailable_since: float | None
    next_try: float | None
    open_by: float | None
    failing: int
    trip: int
    longest_seconds: float
    waiting: int
    takes_seconds: float | None
    by: dict[str, Note]
