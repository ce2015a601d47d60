"""The connections to one host, which are kept open. Chooses one for each call, and classifies its failure.

An idle connection may be gone: Lambda freezes a function between two events for a minute or an hour, and it
may not notice that the other side closed. So a connection that was idle for long is not used again, nor is
one that has received unexpected bytes. If a call fails after its first byte is sent, it is unknown whether it
was done.
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
"""Time for a turn and a new connection together. The answer's time is added, and the sum must fit into
DISPATCH_SECONDS. With little memory a function has little processor, and a handshake takes long."""

LAST_WORD_SECONDS = 0.5
"""Time for the last answer of a server that closed the connection while we were sending."""

RESTED_SECONDS = 10.0
"""An idle connection is closed after this time, by the wall clock: other clocks may stop in a frozen
process."""


type Arriving = Callable[[int, float], Awaitable[None]]
"""Takes the length of an answer once its first bytes are there, 0 if they were all, and the seconds for which
it may delay the rest. May raise TimeoutError."""


class Connections:
    """The connections to one host, at most `limit` at a time. They use TLS if `trust` is given."""

    def __init__(self, host: str, port: int, trust: Trust | None, streams: Streams, limit: int) -> None:
        self._host = host
        self._port = port
        self._trust = trust
        self._streams = streams
        self._turns = streams.turns(limit, OPEN_SECONDS)
        self._last: Secure | None = None
        self._resting: list[tuple[Stream, float]] = []  # each with its time, the latest last

    async def exchange(
        self,
        request: Callable[[], bytes],
        seconds: float,
        left: float = math.inf,
        arriving: Arriving | None = None,
        most: int = SMALL_BODY_BYTES,
    ) -> HttpAnswer:
        """Sends the bytes that `request` returns, once. Returns the answer, whose body has at most `most`
        bytes. The answer may take `seconds`, and all together `left`.

        Raises NotSentError or NoAnswerError.
        """
        now = monotonic()
        ends, opens_until = now + left, now + min(left, OPEN_SECONDS)
        try:
            async with self._turns:
                return await self._in_turn(request, seconds, opens_until, ends, arriving, most)
        except TimeoutError as error:  # of the wait for a turn: a later OSError is an error of the call
            why = f"{self._host}: no call ended so that this one could begin"
            raise NotSentError(type(error).__name__, why) from error

    def close(self) -> None:
        """Closes the idle connections."""
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
            except IndexError:  # none is left: tasks may send from several threads
                return None
            if 0 <= time() - since <= RESTED_SECONDS and stream.alive():
                return stream
            stream.close()

    async def _opened(self, until: float) -> Stream:
        secure = None if self._trust is None else Secure(self._trust.context)
        try:
            try:
                # A session is valid only for its own context.
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
        # The server closed before it had read all, perhaps after an answer that the request is too large.
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
        if left <= 0:  # even if the next piece is there already
            raise TimeoutError("the answer was not complete in time")
        answer = reader.feed(await stream.receive(left))
        if arriving is not None and reader.announced is not None:
            await arriving(reader.announced if answer is None else 0, max(0.0, ends - monotonic()))
            arriving = None
    return answer
