"""Outages: for a while a service is away, slow, silent or refusing, for some processes or for all."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Literal, NamedTuple

from shared.ports.clock import Clock
from shared.ports.workers import Meaning

type Service = Literal["queue", "dead letters", "records", "invoke", "bucket"]
type How = Literal["away", "slow", "silent", "refusing"]

SERVICES: tuple[Service, ...] = ("queue", "dead letters", "records", "invoke")
HOWS: tuple[How, ...] = ("away", "slow", "silent", "refusing")
OUTAGES = tuple(f"{service} {how}" for service in SERVICES for how in HOWS)
"""The kinds of outages, by the names under which they are counted."""

OF_THE_BUCKET = ("bucket away", "bucket refusing")
"""Its kinds, as its calls block: they fail at once, or work."""

type Error = tuple[str, str]
"""An error's code and text, as a client gets them."""

UNREACHED: Error = ("EndpointConnectionError", "no connection")
DENIED: Error = ("AccessDenied", "not authorized")
UNANSWERED: Error = ("ReadTimeoutError", "no answer")


def meaning_of(error: Error) -> Meaning:
    """Returns what the adapters on AWS take the error to mean."""
    return {DENIED: Meaning.DEFINITE, UNANSWERED: Meaning.AMBIGUOUS}.get(error, Meaning.TRANSIENT)


SLOW_SECONDS = 10.0


class Outage(NamedTuple):
    """An outage of one service.

    how          -- "away": a call fails at once, without a connection. "slow": a call takes `slow_seconds`,
                    and then works. "silent": no answer comes. "refusing": access is denied.
    began, ended -- epoch seconds.
    share        -- the share of processes that it concerns, from 0 to 1.
    """

    service: Service
    how: How
    began: float
    ended: float
    share: float = 1.0
    slow_seconds: float = SLOW_SECONDS

    def __str__(self) -> str:
        return f"{self.service} {self.how}"


class Outages:
    """All outages of a sandbox. `seed` decides which processes they concern."""

    def __init__(self, seed: int = 0) -> None:
        self._seed = seed
        self._all: list[Outage] = []

    def plan(self, outages: Sequence[Outage]) -> None:
        self._all += outages

    def stop(self) -> None:
        self._all = []

    def of(self, service: Service, process: int, now: float) -> Outage | None:
        """Returns the outage of a service that a process has now, or None."""
        for number, outage in enumerate(self._all):
            is_on = outage.service == service and outage.began <= now < outage.ended
            if is_on and (outage.share >= 1 or self._chance(number, process) < outage.share):
                return outage
        return None

    def _chance(self, number: int, process: int) -> float:
        return Random(f"{self._seed} {number} {process}").random()


async def suffer(outage: Outage, clock: Clock, patience_seconds: float) -> Error | None:
    """Takes the time of a call and returns its error, or None if it is only slow.

    patience_seconds -- how long the client waits for an answer that does not come, over all its tries.
    """
    match outage.how:
        case "away":
            return UNREACHED
        case "refusing":
            return DENIED
        case "silent":
            await clock.sleep(patience_seconds)
            return UNANSWERED
        case "slow":
            await clock.sleep(outage.slow_seconds)
            return None
