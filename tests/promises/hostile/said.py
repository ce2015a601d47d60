"""A list of what was said to a queue's gate, when and by whom, kept outside of the code that decides."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import inf
from typing import Any, NamedTuple

from tests.support import watch

from shared.ports.auto import Cut
from shared.ports.gates import Gate, gate_of
from shared.queues import DEFAULT
from zigzag_testing import Sandbox
from zigzag_testing.faults import PROCESS


class Told(NamedTuple):
    """A task's Unavailable that reached the gate.

    process     -- the worker's.
    name        -- by which its message counts.
    received_at -- when that was received.
    gate        -- as it was then.
    """

    at: float
    process: int
    name: str
    received_at: float
    gate: Gate


class Opened(NamedTuple):
    """The end of all that was told, by a success, or by an operator.

    received_at -- when the message was received that succeeded; infinity if it was received to try, or if it
                   was an operator.
    resumed     -- whether it was an operator, who takes back all.
    """

    at: float
    received_at: float
    resumed: bool = False


class Look(NamedTuple):
    """A consumer's look at a gate that is shut, while messages wait, at a time when one may be received."""

    at: float
    consumer: int


class Said:
    """All of that, in order.

    refused, accepted -- when a call of the service was answered so, and in which process.
    rates   -- seconds from start to start, from when on: each change of a rate that finds itself.
    """

    def __init__(self, sandbox: Sandbox, received_at: Callable[[int], float]) -> None:
        self.told: list[Told] = []
        self.opened: list[Opened] = []
        self.looks: list[Look] = []
        self.cuts: list[Cut] = []
        self.rates: list[tuple[float, float]] = []
        self.refused: list[tuple[float, int]] = []
        self.accepted: list[tuple[float, int]] = []
        self._sandbox = sandbox
        self._received_at = received_at
        self._doubted = False
        if sandbox.gates is None:
            return
        watch(sandbox.gates, "unavailable", self._note_told)
        watch(sandbox.gates, "succeeded", lambda _, __, now, at: self._note_opened(inf if at == now else at))
        watch(sandbox.gates, "resume", lambda *_: self._note_opened(inf, resumed=True))
        watch(sandbox.gates, "read", self._note_look)
        watch(sandbox.gates, "swap", lambda answer, *_: self._note_rate(answer[1]))
        watch(sandbox.gates, "limit", lambda *_: self._note_rate(self.gate))
        watch(sandbox.gates, "cut", self._note_cut)

    @property
    def gate(self) -> Gate:
        assert self._sandbox.gates is not None
        return gate_of(self._sandbox.gates.attributes[DEFAULT])

    def _note_told(self, gate: Gate, _: str, name: str, *__: Any) -> None:
        process = PROCESS.get()
        self.told.append(Told(self._now(), process, name, self._received_at(process), gate))
        self._doubted = True

    def _note_opened(self, received_at: float, *, resumed: bool = False) -> None:
        if resumed or (self._doubted and not self.gate.breaker.failing):
            self.opened.append(Opened(self._now(), received_at, resumed))
            self._doubted = False

    def _note_look(self, gates: Mapping[str, Gate], _: object) -> None:
        now, gate, visible = self._now(), gates[DEFAULT], self._sandbox.queue.next_visible_at()
        may_try = gate.breaker.is_shut(now) and gate.breaker.shut_until <= now and not gate.paused
        if gate.at_once is not None:
            may_try &= len(gate.held) < gate.at_once
        if may_try and gate.next <= now and visible is not None and visible <= now:
            self.looks.append(Look(now, PROCESS.get()))

    def _note_rate(self, gate: Gate) -> None:
        if gate.auto is not None and gate.rate is not None:
            self.rates.append((self._now(), gate.rate.every))

    def _note_cut(self, done: bool, _: str, cut: Cut) -> None:
        if done:
            self.cuts.append(cut)
            self._note_rate(self.gate)

    def _now(self) -> float:
        return self._sandbox.clock.now()
