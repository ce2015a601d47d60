"""Which connection does a call go over, and what is known when it fails? Those to one host, kept alive.

A connection that has rested may be gone: a function is frozen between two events, for a minute or an hour,
and the other side's goodbye may never have come. So one that rested long is not used again, and one that
has something to say, though nothing was asked, neither: a failure after the first byte is sent would
leave open whether the call was done.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from ssl import SSLCertVerificationError, SSLEOFError
from time import monotonic, time

from shared.aws.lean.http11 import (
    SMALL_BODY_BYTES,
    AnswerReader,
    BadAnswerError,
    CutShortError,
    HttpAnswer,
)
from shared.aws.lean.streams import Secure, Stream, Streams
from shared.aws.lean.trust import Trust
from shared.aws.transport import (
    NoAnswerError,
    NotSentError,
    NotTrustedError,
    NotUnderstoodError,
    TooLateError,
)

OPEN_SECONDS = 4.0
"""For a turn and a new connection, both together; the answer's time comes on top, and all of it must fit into
what a dispatch may take. With little memory a function has little processor: a handshake takes long there."""

LAST_WORD_SECONDS = 0.5
"""For the answer of who closed a connection while we were sending."""

RESTED_SECONDS = 10.0
"""One that rested longer is closed. By the wall's clock: others may stand still in a frozen process."""


type Arriving = Callable[[int, float], Awaitable[None]]
"""Is told how long an answer is going to be, once its first bytes are there, and how many seconds it may wait
before the others are read; 0 bytes if that was all of it. May raise TimeoutError."""


class Connections:
    """Those to one host, `limit` at a time; by TLS if it is said whom to trust."""

    def __init__(self, host: str, port: int, trust: Trust | None, streams: Streams, limit: int) -> None:
        self._host = host
        self._port = port
        self._trust = trust
        self._streams = streams
        self._turns = streams.turns(limit, OPEN_SECONDS)
        self._last: Secure | None = None
        self._resting: list[tuple[Stream, float]] = []  # and since when, the latest last

    async def exchange(
        self,
        request: Callable[[], bytes],
        seconds: float,
        left: float = math.inf,
        arriving: Arriving | None = None,
        most: int = SMALL_BODY_BYTES,
    ) -> HttpAnswer:
        """Sends what `request` makes, once, and awaits the answer for `seconds`, but ends when none are left.
        Its body has `most` bytes.

        Raises NotSentError or NoAnswerError.
        """
        ends = monotonic() + left
        opens_until = min(ends, monotonic() + OPEN_SECONDS)
        try:
            async with self._turns:
                return await self._in_turn(request, seconds, opens_until, ends, arriving, most)
        except TimeoutError as error:  # of its turn: in it, every OSError becomes an error of the call
            why = f"{self._host}: no call ended so that this one could begin"
            raise NotSentError(type(error).__name__, why) from error

    def close(self) -> None:
        """Closes those that rest."""
        while self._resting:
            self._resting.pop()[0].close()

    async def _in_turn(
        self,
        request: Callable[[], bytes],
        seconds: float,
        opens_until: float,
        ends: float,
        arriving: Arriving | None,
        most: int,
    ) -> HttpAnswer:
        rested = self._rested()
        stream = rested or await self._opened(opens_until)
        left = ends - monotonic()
        if left <= 0:
            stream.close()
            raise TooLateError
        try:
            answer = await _sent_and_answered(stream, request(), min(seconds, left), arriving, most)
        except (OSError, BadAnswerError) as error:
            stream.close()
            lost = isinstance(error, OSError | CutShortError)
            kind = NoAnswerError if lost else NotUnderstoodError
            raise kind(type(error).__name__, f"{self._host}: {error}") from error
        except BaseException:
            stream.close()
            raise
        if rested is None:
            self._last = stream.secure or self._last
        if answer.keep:
            self._resting.append((stream, time()))
        else:
            stream.close()
        return answer

    def _rested(self) -> Stream | None:
        while True:
            try:
                stream, since = self._resting.pop()
            except IndexError:  # none, or another thread was faster: tasks may send from several
                return None
            if 0 <= time() - since <= RESTED_SECONDS and stream.alive():
                return stream
            stream.close()

    async def _opened(self, until: float) -> Stream:
        secure = None if self._trust is None else Secure(self._trust.context)
        try:
            try:
                # A session is good for the context that it is of.
                same = secure and self._last and self._last.context is secure.context
                return await self._open(self._last if same else secure, until)
            except SSLCertVerificationError:
                wider = self._trust.wider_than(secure.context) if self._trust and secure else None
                if wider is None:
                    raise
                return await self._open(Secure(wider), until)
        except (OSError, ValueError) as error:
            kind = NotTrustedError if isinstance(error, SSLCertVerificationError) else NotSentError
            raise kind(type(error).__name__, f"no connection to {self._host}: {error}") from error

    async def _open(self, secure: Secure | None, until: float) -> Stream:
        left = max(0.1, until - monotonic())
        return await self._streams.open(self._host, self._port, secure, left)


async def _sent_and_answered(
    stream: Stream, request: bytes, seconds: float, arriving: Arriving | None, most: int
) -> HttpAnswer:
    ends = monotonic() + seconds
    try:
        await stream.send(request, seconds)
    except (ConnectionError, SSLEOFError) as error:
        # It closed before it had read all: perhaps after an answer, that the request is too large.
        try:
            return await _answer(stream, min(ends, monotonic() + LAST_WORD_SECONDS), None, most)
        except (OSError, BadAnswerError):
            raise error from None
    return await _answer(stream, ends, arriving, most)


async def _answer(stream: Stream, ends: float, arriving: Arriving | None, most: int) -> HttpAnswer:
    reader = AnswerReader(most)
    answer = None
    while answer is None:
        left = ends - monotonic()
        if left <= 0:  # also where the next piece is there already
            raise TimeoutError("the answer was not complete in time")
        answer = reader.feed(await stream.receive(left))
        if arriving is not None and reader.announced is not None:
            await arriving(reader.announced if answer is None else 0, max(0.0, ends - monotonic()))
            arriving = None
    return answer
