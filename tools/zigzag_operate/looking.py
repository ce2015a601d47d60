"""Looks at all messages of queues that nobody else receives from, and gives each of them back.

A look costs some seconds of invisibility: it receives, and makes the messages visible again at its end.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from hashlib import blake2b
from time import monotonic
from typing import Any, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError

from zigzag_operate.causes import cause
from zigzag_operate.counts import depths
from zigzag_operate.errors import OperateError
from zigzag_operate.target import date_of

LOOK_SECONDS = 25
"""Ends before the command's 30 s, so that time is left to give back."""

HIDDEN_SECONDS = 60
"""How long a received message is hidden if it can't be given back. It is longer than a look with its last
calls: otherwise the first messages would come again while others were not seen yet."""

QUIET_POLLS = 3
"""A poll may miss messages, so that many in a row must bring nothing new."""

PER_POLL, _AT_ONCE = 10, 8


@dataclass(frozen=True, slots=True)
class Look:
    """The figures of a look.

    seen, about    -- messages that it saw, and how many there are by SQS's counts, which may be a minute old.
    seconds        -- how long it took.
    ended          -- "all" are seen that can be, or the "time" was over, or there was "enough".
    fifo           -- whether some are in a FIFO queue: a look sees the first ones of each of its groups only.
    not_given_back -- messages that stay hidden for a while, HIDDEN_SECONDS after a look of the usual length,
                      and `why`.
    """

    seen: int
    about: int
    seconds: float
    ended: str
    fifo: bool
    not_given_back: int
    why: str | None

    @property
    def hidden(self) -> int:
        """Returns how many were not seen as somebody else has received them, of those that can be seen."""
        return max(0, self.about - self.seen) if self.ended == "all" and not self.fifo else 0


def look(
    sqs: Any,
    urls: Sequence[str],
    each: Callable[[Mapping[str, Any]], bool],
    *,
    seconds: int = LOOK_SECONDS,
    clock: Callable[[], float] = monotonic,
) -> Look:
    """Calls `each` for each message once, until it returns whether there is enough, and gives all back.

    seconds -- how long it goes on at most, up to 11 hours.

    A look that is interrupted gives back, too. Takes some 500 bytes a message. Raises OperateError.
    """
    hidden_seconds = HIDDEN_SECONDS - LOOK_SECONDS + seconds
    looking = _Looking(sqs, lambda poll: (set(), any(map(each, poll.new))), clock, hidden_seconds)
    return looking.at(urls, lambda: clock() - looking.begun >= seconds)


def act(
    sqs: Any,
    urls: Sequence[str],
    do: Callable[[Poll], tuple[set[str], bool]],
    stopped: Callable[[], bool],
    *,
    at_once: int = PER_POLL,
    clock: Callable[[], float] = monotonic,
) -> Look:
    """Calls `do` for what each poll brings: it returns the ids of those that are off the queue, and whether
    there is enough. Gives the others back at the end.

    stopped -- asked between two polls.
    at_once -- most messages of a poll.

    Messages that it leaves come again while it goes on. It ends once it has seen all of them again. Raises
    OperateError.
    """
    return _Looking(sqs, do, clock, HIDDEN_SECONDS, at_once, circles=True).at(urls, stopped)


class Poll(NamedTuple):
    """The letters that one receive has brought.

    new          -- messages that were not seen before; those that are taken from it are seen.
    at           -- when SQS answered the first receive of the queue, by its clock and to the second, in epoch
                    seconds. A message that was sent later came after the look began.
    hidden_until -- when they are visible again, in the seconds of the look's clock.
    """

    url: str
    new: Iterator[Mapping[str, Any]]
    at: float
    hidden_until: float


class _Looking:
    def __init__(
        self,
        sqs: Any,
        polled: Callable[[Poll], tuple[set[str], bool]],
        clock: Callable[[], float],
        hidden_seconds: int,
        at_once: int = PER_POLL,
        circles: bool = False,
    ) -> None:
        self._sqs = sqs
        self._polled = polled
        self._clock = clock
        self._at_once = at_once
        self._circles = circles
        self._seen: set[bytes] = set()
        self._held = _Held(sqs, clock, hidden_seconds)
        self._dates: dict[str, float] = {}
        self._again = False  # whether the last poll has brought some, in a look for which they come again
        self.begun = clock()

    def at(self, urls: Sequence[str], over: Callable[[], bool]) -> Look:
        """Polls the queues in turn. Returns what the look was. `over` is asked whether its time is over."""
        ended = ""
        try:
            about = {url: sum(depths(self._sqs, url).values()) for url in urls}
            quiet = dict.fromkeys(urls, 0)
            while quiet and not ended:
                for url in list(quiet):
                    if over():
                        ended = "time"
                        break
                    new, enough = self._poll(url)
                    quiet[url] = 0 if new else quiet[url] + 1
                    if enough:
                        ended = "enough"
                        break
                    if quiet[url] >= QUIET_POLLS + (len(self._seen) // self._at_once if self._again else 0):
                        del quiet[url]
        except (BotoCoreError, ClientError) as error:
            raise OperateError(f"the messages can't be read: {cause(error)}") from error
        finally:
            left, why = self._held.give_back()
        fifo = any(url.endswith(".fifo") and there for url, there in about.items())
        seconds = round(self._clock() - self.begun, 1)
        return Look(len(self._seen), sum(about.values()), seconds, ended or "all", fifo, left, why)

    def _poll(self, url: str) -> tuple[bool, bool]:
        """Receives once. Returns whether that brought a message that was not seen before, and whether there
        is enough."""
        answer = self._sqs.receive_message(
            QueueUrl=url,
            MaxNumberOfMessages=self._at_once,
            WaitTimeSeconds=1,
            VisibilityTimeout=self._held.hidden_seconds,
            MessageAttributeNames=["All"],
            MessageSystemAttributeNames=["All"],
        )
        at, until = self._dates.setdefault(url, date_of(answer)), self._clock() + self._held.hidden_seconds
        messages, gone, before = answer.get("Messages", []), set[str](), len(self._seen)
        self._again = self._circles and bool(messages)
        try:
            gone, enough = self._polled(Poll(url, filter(self._is_new, messages), at, until))
        finally:
            self._held.add(url, [one for one in messages if one["MessageId"] not in gone], until)
        return len(self._seen) > before, enough

    def _is_new(self, message: Mapping[str, Any]) -> bool:
        digest, before = digest_of(message), len(self._seen)
        self._seen.add(digest)
        return len(self._seen) > before


def digest_of(message: Mapping[str, Any]) -> bytes:
    """Returns what is remembered of a message: it takes less memory than its id."""
    return blake2b(message["MessageId"].encode(), digest_size=16).digest()


class _Held:
    """The receipt handles of what this look hides. A poll's are one text, which takes less memory."""

    def __init__(self, sqs: Any, clock: Callable[[], float], hidden_seconds: int) -> None:
        self.hidden_seconds = hidden_seconds
        self._sqs = sqs
        self._clock = clock
        self._polls: deque[tuple[float, str, str]] = deque()

    def add(self, url: str, messages: Sequence[Mapping[str, Any]], until: float) -> None:
        """Adds a poll's handles, and lets those go whose messages are visible again by themselves."""
        now = self._clock()
        while self._polls and self._polls[0][0] <= now:
            self._polls.popleft()
        if messages:
            handles = "\n".join(message["ReceiptHandle"] for message in messages)
            self._polls.append((until, url, handles))

    def give_back(self) -> tuple[int, str | None]:
        """Makes all visible. Returns for how many that failed, and why. Raises nothing of AWS."""
        self.add("", [], 0.0)
        pool = ThreadPoolExecutor(_AT_ONCE)
        try:
            failed = [one for several in pool.map(self._give_some_back, range(_AT_ONCE)) for one in several]
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
        return sum(number for number, _ in failed), failed[0][1] if failed else None

    def _give_some_back(self, _: int) -> list[tuple[int, str]]:
        """Gives back the handles of one poll after another, as long as there are any."""
        failed = []
        with suppress(IndexError):
            while True:
                failed += self._give_back(*self._polls.popleft())
        return failed

    def _give_back(self, until: float, url: str, text: str) -> list[tuple[int, str]]:
        """Returns for how many of a poll's handles that failed, and why; nothing if it worked for all."""
        handles = text.split("\n")
        entries = [
            {"Id": str(number), "ReceiptHandle": handle, "VisibilityTimeout": 0}
            for number, handle in enumerate(handles)
        ]
        try:
            answer = self._sqs.change_message_visibility_batch(QueueUrl=url, Entries=entries)
        except (BotoCoreError, ClientError) as error:
            return [(len(handles), cause(error))]
        # A sender's fault is a message that is not hidden by us any more, or that somebody has deleted.
        failed = [one for one in answer.get("Failed", []) if not one["SenderFault"]]
        return [(len(failed), str(failed[0].get("Message", failed[0]["Code"])))] if failed else []
