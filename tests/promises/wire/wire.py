"""A wire to AWS on virtual time: connections, the bytes on them, and all that goes wrong with both.

A fault of the sandbox takes one of several forms here: a call that fails was refused a connection, or had
its request reset, or was answered with 503. One whose answer is lost was done all the same.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from contextvars import ContextVar
from dataclasses import dataclass
from random import Random
from typing import Any, NamedTuple

from tests.promises.wire.aws import Aws, Request, request_of

from shared.aws.lean.streams import Secure
from zigzag_testing.faults import Faults
from zigzag_testing.virtual_time import VirtualClock

UNOPENED = ("connection refused", "connection timed out")
UNDONE = ("request reset", "request unanswered", "500", "503", "throttled")
DONE = ("answer reset", "answer never came", "half an answer", "500 though it was done")
SLOW = ("slow", "too slow")
RESTING = "closed while it rested"
FORMS = (*UNOPENED, *UNDONE, *DONE, *SLOW, RESTING)
"""Each form of a fault, by the name under which it is counted."""

GONE_SECONDS = 10.0
"""A connection that rested longer may be gone without a goodbye: it is not to be used."""

GOODBYE = b"\r\nconnection: close\r\n"

COMES_LATE = ("Invoke", "ReceiveMessage")
"""Calls that may arrive, and be done, when their caller has given up."""


@dataclass(slots=True, eq=False)
class Call:
    """A call of a port, and what became of it on the wire.

    sent     -- how many requests it made.
    troubles -- how many forms of faults struck it.
    records  -- of a call of records: its method, and its arguments.
    """

    sent: int = 0
    troubles: int = 0
    records: tuple[Any, ...] = ()


CALL: ContextVar[Call] = ContextVar("call")
"""The call of a port that is under way."""


def _call() -> Call:
    return CALL.get(None) or Call()  # nobody asks


class _Said(NamedTuple):
    """What comes back. `after` is what comes then: nothing; the end, if it is empty; or an error."""

    data: bytes = b""
    after: bytes | OSError | None = None


class Wire:
    """Between the processes of a world and AWS.

    struck  -- how often a fault struck in each form.
    misused -- what was sent over connections that their user could know, or fear, to be gone.
    """

    def __init__(self, aws: Aws, clock: VirtualClock, faults: Faults, random: Random) -> None:
        self.aws = aws
        self.clock = clock
        self.random = random
        self.struck: Counter[str] = Counter()
        self.misused: Counter[str] = Counter()
        self.faults = faults
        self._turns = Counter({forms: random.randrange(len(forms)) for forms in (UNOPENED, UNDONE, DONE)})

    async def connect(self, seconds: float) -> Connection:
        """Raises OSError."""
        match self.form("call failed", UNOPENED):
            case "connection refused":
                raise ConnectionRefusedError("a fault")
            case "connection timed out":
                await self.clock.sleep(seconds)
                raise TimeoutError("a fault")
        return Connection(self)

    def form(self, kind: str, forms: tuple[str, ...]) -> str | None:
        """Returns the form that a fault of this kind takes, if one strikes now."""
        if not self.faults.strike(kind):
            return None
        self._turns[forms] += 1  # in turn, so that each has its share
        form = forms[self._turns[forms] % len(forms)]
        self.note(form)
        return form

    def note(self, form: str) -> None:
        self.struck[form] += 1
        _call().troubles += 1

    def slowness(self) -> tuple[float, float]:
        """Returns how many seconds a request is on its way, and its answer."""
        before, after = self.faults.slowness()
        if before or after:
            self.note("slow")
        return before, after


class Connection:
    """One connection: the client's end of it, and what the other end does."""

    secure: Secure | None = None

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._unread = b""
        self._said: asyncio.Task[_Said] | None = None
        self._coming: deque[bytes | OSError] = deque()
        self._used_at: float | None = None
        self._rested: str | None = None  # "open", "closed" or "not to be used": once it is known
        self._closed = False

    async def send(self, data: bytes, seconds: float) -> None:
        if self._used_at is not None and not self._unread:
            self._send_after_a_rest()
        self._unread += data
        request = _read(self._unread)
        if request is not None:
            self._unread = b""
            _call().sent += 1
            self._said = asyncio.create_task(self._exchange(request))

    async def receive(self, seconds: float) -> bytes:
        if not self._coming:
            await self._await_what_is_said(seconds)
        came = self._coming.popleft()
        if isinstance(came, OSError):
            raise came
        if not came:
            self._coming.append(b"")  # the end stays
        return came

    def alive(self) -> bool:
        self._look()
        return self._rested != "closed"

    def close(self) -> None:
        self._closed = True

    def _send_after_a_rest(self) -> None:
        rested = self._seconds_rested()
        self._look()
        if rested > GONE_SECONDS:
            self._wire.misused["rested long"] += 1
        if self._rested in ("closed", "not to be used"):
            self._wire.misused[self._rested] += 1
            raise BrokenPipeError("the other side has closed")

    def _seconds_rested(self) -> float:
        return 0.0 if self._used_at is None else self._wire.clock.now() - self._used_at

    def _look(self) -> None:
        """Finds out, once for each rest, what has become of the connection."""
        if self._rested is not None or self._used_at is None:
            return
        self._rested = "open"
        if self._wire.faults.strike("call failed"):
            self._rested = "closed"
            self._wire.struck[RESTING] += 1  # it troubles no call

    async def _await_what_is_said(self, seconds: float) -> None:
        assert self._said is not None, "nothing was asked"
        ends = self._wire.clock.now() + seconds
        done, _ = await asyncio.wait({self._said}, timeout=max(0.0, seconds))
        if not done:
            self._wire.note("too slow")
            raise TimeoutError("no answer in time")
        data, after = self._said.result()
        self._said, self._used_at, self._rested = None, self._wire.clock.now(), None
        if len(data) > 1:  # it comes in two pieces
            cut = self._wire.random.randrange(1, len(data))
            self._coming += [data[:cut], data[cut:]]
        if after is not None:
            self._coming.append(after)
            if not after:
                # One may say so before its end has come.
                self._rested = "not to be used" if GOODBYE in data else "closed"
        if not self._coming:
            await self._wire.clock.sleep(max(0.0, ends - self._wire.clock.now()))
            raise TimeoutError("no answer")

    async def _exchange(self, request: Request) -> _Said:
        wire = self._wire
        on_its_way, on_its_way_back = wire.slowness()
        await _pass(wire.clock, on_its_way)
        if self._closed and request.operation not in COMES_LATE:
            return _Said()
        match wire.form("call failed", UNDONE):
            case "request reset":
                return _Said(after=ConnectionResetError("a fault"))
            case "request unanswered":
                return _Said(after=b"")
            case "throttled":
                return self._error(429 if request.operation == "Invoke" else 400, "ThrottlingException")
            case str() as status:
                return self._error(int(status))
        try:
            answer = (await wire.aws.answer(request)).to_bytes(chunked=wire.random.random() < 0.2)
        except ConnectionResetError as error:
            wire.note("answer reset")
            return _Said(after=error)
        return await self._answered(answer, on_its_way_back)

    async def _answered(self, answer: bytes, on_its_way_back: float) -> _Said:
        """Takes the answer back to the caller, unless a fault strikes it. The request is carried out."""
        form = self._wire.form("call's answer lost", DONE)
        await _pass(self._wire.clock, on_its_way_back)
        match form:
            case "answer reset":
                return _Said(after=ConnectionResetError("a fault"))
            case "answer never came":
                return _Said()
            case "half an answer":
                return _Said(answer[: len(answer) // 2], b"")
            case "500 though it was done":
                return self._error(500)
        return self._whole(answer)

    def _error(self, status: int, code: str = "InternalFailure") -> _Said:
        return self._whole(self._wire.aws.error(status, code, "a fault").to_bytes(chunked=False))

    def _whole(self, answer: bytes) -> _Said:
        """Answers in full. One answer in ten has a goodbye in its head."""
        if self._wire.random.random() >= 0.1:
            return _Said(answer)
        return _Said(answer.replace(b"\r\n", GOODBYE, 1), b"")


async def _pass(clock: VirtualClock, seconds: float) -> None:
    if seconds:
        await clock.sleep(seconds)


def _read(data: bytes) -> Request | None:
    """Returns the request, once it is complete."""
    head, end, body = data.partition(b"\r\n\r\n")
    if not end:
        return None
    request = request_of(head, body)
    length = int(request.headers["content-length"])
    assert len(body) <= length
    return request if len(body) == length else None
