"""Pause, resume, limit and limits: they read and write a queue's gate."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from math import inf
from time import sleep, time
from typing import Any

from consumer.flow.gate import CLOCKS_SECONDS, LOOK_AGAIN_SECONDS, why_closed
from consumer.summary import UNAVAILABLE
from shared.aws.boto import BotoTransport
from shared.aws.dynamodb_gates import DynamoDbGates
from shared.lease import KEPT_SECONDS
from shared.ports.auto import FASTEST, SLOWEST, Auto
from shared.ports.breaker import LONGEST, QUIET_SECONDS, TRIP
from shared.ports.gates import AT_ONCE, BURST, EVERY, HELD, MAY_BE, Gate, GatesError, Rate, gate_of
from shared.ports.queue import MAX_POLL_SECONDS
from shared.queues import DEFAULT, TaskQueue
from zigzag.in_place import run_in_place
from zigzag_operate.counts import counts
from zigzag_operate.errors import Kind, OperateError
from zigzag_operate.limits import Between, Limited, Limits, Paused, Resumed, Starts
from zigzag_operate.queues import named, queues_of
from zigzag_operate.target import Stack, Target
from zigzag_operate.tasks import expiring
from zigzag_operate.trigger import NO_LIMITS, is_by_events
from zigzag_operate.who import LIMITED, PAUSED, RESUMED, Note, by_of, note, notes_or_none

LATE_SECONDS = 60
"""Seconds by which SQS's count may be old."""


class StackGates:
    """The gates of a stack. Raises OperateError if it has none, or if the queue does not belong to it.

    stack -- what is known of it; None reads it.
    """

    def __init__(self, target: Target, queue: str = DEFAULT, stack: Stack | None = None) -> None:
        stack = stack or target.stack_as_it_is()
        self._queue = named(stack, queue)
        if is_by_events(stack):
            raise OperateError(NO_LIMITS.format(stack=target.stack))
        if not is_controlled(stack):
            raise OperateError(
                f"the flow of the stack {target.stack!r} is not controlled: set its parameter FlowControl to "
                "true, as docs/configuration.md shows, and deploy it"
            )
        self._target = target
        self._all = queues_of(stack)
        transport = BotoTransport(attempts=4, clients={"dynamodb": target.client("dynamodb")})
        self._table = stack.outputs["RecordsTableName"]
        self._gates = DynamoDbGates(transport, self._table)

    def pause(self) -> Paused:
        """Pauses the queue: nothing is received any more, but by a poll under way."""
        now = time()
        _done(self._gates.pause(self._queue.name, now))
        self._note(PAUSED, now)
        try:
            seen = counts(self._target, self._queue)
        except OperateError as error:
            raise OperateError(f"{self._queue.name} is paused; but {error}") from error
        oldest = seen.oldest_seconds
        drops_from = None if oldest is None else time() + KEPT_SECONDS - oldest
        return Paused(self._queue.name, seen.waiting + seen.in_flight + seen.delayed, drops_from, expiring())

    def wait(self, tell: Callable[[int], object]) -> None:
        """Waits until the queue has no message in flight, by two counts of SQS in a row: one alone may be
        old.

        tell -- called with each count that is not 0.
        """
        sleep(LOOK_AGAIN_SECONDS + MAX_POLL_SECONDS)  # a poll under way may still bring messages
        in_a_row = 0
        while True:
            in_flight = counts(self._target, self._queue).in_flight
            in_a_row = 0 if in_flight else in_a_row + 1
            if in_a_row == 2:
                return
            if in_flight:
                tell(in_flight)
            sleep(LATE_SECONDS)

    def resume(self) -> Resumed:
        """Ends the pause of the queue, and opens it if it is shut."""
        _done(self._gates.resume(self._queue.name, time()))
        self._note(RESUMED, time())
        return Resumed(self._queue.name)

    def limit(
        self,
        rate: Rate | Auto | None = None,
        at_once: int | None = None,
        trip: int | None = None,
        longest: float | None = None,
    ) -> Limited:
        """Sets the given limits and leaves the others; without any, removes all.

        rate          -- an Auto finds it by itself.
        at_once       -- 1 to 30.
        trip, longest -- when the breaker shuts, and for how many seconds.

        Raises OperateError for a value that no gate has, and for a rate or a cap of a FIFO queue, whose
        messages are received in groups.
        """
        rate, auto = (Rate(rate.first), rate) if isinstance(rate, Auto) else (rate, None)
        _check(rate, auto, at_once, trip, longest)
        none = (rate, at_once, trip, longest) == (None,) * 4
        if self._queue.fifo and (rate or at_once):
            raise OperateError(
                "a FIFO queue takes no limit: one task at a time of each group runs anyway", Kind.WRONG
            )
        if none or (rate is not None and not (auto is None and self._has(rate))):
            _done(self._gates.limit(self._queue.name, rate, auto))
        if at_once is not None or none:
            _done(self._gates.cap(self._queue.name, at_once))
        if trip is not None or longest is not None or none:
            _done(self._gates.break_at(self._queue.name, trip, longest))
        self._note(LIMITED, time())
        try:
            waiting = counts(self._target, self._queue).waiting
        except OperateError as error:
            raise OperateError(f"{self._queue.name} has this limit; but {error}") from error
        takes = None if auto else _takes_seconds(waiting, rate)
        told = _told(rate), _bounds(auto)
        return Limited(self._queue.name, *told, at_once, trip, longest, none, waiting, takes)

    def _has(self, rate: Rate) -> bool:
        """Returns whether this is the rate already. To set it again would forget the next slot, and so grant
        a start. It does if that is too far away: another clock may have been wrong."""
        gate = self._read()[self._queue.name]
        return (gate.rate, gate.auto) == (rate, None) and gate.next <= time() + rate.every + CLOCKS_SECONDS

    def why_closed(self) -> str | None:
        """Returns why the consumer receives nothing from the queue, or None."""
        try:
            return why_shut(self._queue, self._read()[self._queue.name], time())
        except OperateError as error:
            return str(error)

    def limits(self) -> dict[str, Limits]:
        """Returns the state and the limits of each queue, by its name."""
        now, seen = time(), self._read()
        by = notes_or_none(self._target, self._table, self._all)
        return {queue: self._limits(queue, gate, now, by.get(queue, {})) for queue, gate in seen.items()}

    def _note(self, what: str, at: float) -> None:
        note(self._target, self._table, self._queue.name, what, at)

    def _limits(self, queue: str, gate: Gate, now: float, by: dict[str, Note]) -> Limits:
        waiting, breaker = counts(self._target, self._all[queue]).waiting, gate.breaker
        quiet = now - max(breaker.last, breaker.begun) > QUIET_SECONDS and not breaker.is_shut(now)
        return Limits(
            closed=why_shut(self._all[queue], gate, now),
            paused_since=gate.since,
            rate=_told(gate.rate),
            auto=_bounds(gate.auto),
            next_slot=max(now, gate.next) if gate.next else None,
            at_once=gate.at_once,
            held=sum(until >= now for until in gate.held.values()),
            unavailable_since=None if quiet else breaker.unavailable_since,
            next_try=max(now, breaker.shut_until) if breaker.is_shut(now) else None,
            open_by=breaker.since + breaker.longest if breaker.is_shut(now) else None,
            failing=0 if quiet else len(breaker.failing),
            trip=breaker.trip,
            longest_seconds=breaker.longest,
            waiting=waiting,
            takes_seconds=_takes_seconds(waiting, gate.rate),
            by=by_of(by, gate),
        )

    def _read(self) -> dict[str, Gate]:
        return _done(self._gates.read([*self._all]))


def why_shut(queue: TaskQueue, gate: Gate, now: float) -> str | None:
    """Returns why the consumer receives nothing from the queue, or None."""
    shut = UNAVAILABLE if gate.breaker.is_shut(now) else None
    return why_closed(queue, gate, now) or shut


def is_controlled(stack: Stack) -> bool:
    """Returns whether the stack has gates."""
    return stack.parameters.get("FlowControl") == "true"


def _check(
    rate: Rate | None, auto: Auto | None, at_once: int | None, trip: int | None, longest: float | None
) -> None:
    """Raises OperateError for a value that would close the queue, as the consumer does not understand it."""
    set_to = {AT_ONCE: at_once, TRIP: trip, LONGEST: longest}
    if rate is not None:
        set_to |= {EVERY: rate.every * 1000, BURST: rate.burst}
    if auto is not None:
        set_to |= {SLOWEST: auto.slowest * 1000, FASTEST: auto.fastest * 1000}
    said = {name: float(value) for name, value in set_to.items() if value is not None}
    if odd := gate_of({HELD: {}, **said}).odd:
        raise OperateError(f"no gate has such a value: {', '.join(map(_what_may_be, odd))}", Kind.WRONG)


def _what_may_be(name: str) -> str:
    """Returns what an attribute may be, with a rate in seconds."""
    least, most, _ = MAY_BE[name]
    least = least / 1000 if name in (EVERY, SLOWEST, FASTEST) else least
    return f"{name} may be at least {least:g}" if most == inf else f"{name} may be {least:g} to {most:g}"


def _done[R](call: Coroutine[Any, Any, R]) -> R:
    try:
        return run_in_place(call)
    except GatesError as error:
        raise OperateError(f"the table of records refused: {error}") from error


def _takes_seconds(waiting: int, rate: Rate | None) -> float | None:
    return None if rate is None else max(0, waiting - rate.burst) * rate.every


def _bounds(auto: Auto | None) -> Between | None:
    return None if auto is None else Between(auto.slowest, auto.fastest)


def _told(rate: Rate | None) -> Starts | None:
    return None if rate is None else Starts(rate.every, rate.burst)
