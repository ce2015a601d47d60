"""Mutations: each names one mechanism of the code, and has something to take its place.

    @breaks("where the cap is used up nothing is polled", "H45", "consumer.flow.cap:InFlightCap._small_polls")
    def _(original, self):
        return 0

    sets("one empty poll ends a queue's turn", "H30", "consumer.source:EMPTY_POLLS", 1)

A mutation breaks what a mechanism answers or does, not how it is written: the code may change, it stays.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from tests.project.mutants import mechanism
from tests.project.mutants.mechanism import MutationError


@dataclass(frozen=True, slots=True)
class Mutation:
    """A mechanism broken.

    name    -- what the code does then, as a sentence.
    hazards -- the rows of docs/reliability.md that it opens again.
    target  -- the mechanism, as `tests.project.mutants.mechanism` finds it.
    instead -- from the original to what takes its place.
    """

    name: str
    hazards: str
    target: str
    instead: Callable[[Any], Any]

    def check(self) -> None:
        """Raises MutationError if it can't be made, or would change nothing."""
        original = mechanism.find(self.target).original
        if self.instead(original) == original:
            raise MutationError("it is so already")

    def make(self) -> None:
        """Breaks the mechanism, in this process. Raises MutationError."""
        place = mechanism.find(self.target)
        place.put(self.instead(place.original))


class Part:
    """Mutations of one subject."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.mutations: list[Mutation] = []

    def breaks(self, name: str, hazards: str, target: str) -> Callable[[Callable[..., Any]], None]:
        """Puts the function below in the place of the target. It gets the original, and its arguments."""

        def add(damage: Callable[..., Any]) -> None:
            instead = partial(mechanism.damaged, damage=damage)
            self.mutations.append(Mutation(name, hazards, target, instead))

        return add

    def answers(self, name: str, hazards: str, target: str, value: Any = None) -> None:
        """Makes the target answer that, no matter what it is asked, and do nothing else."""
        self.breaks(name, hazards, target)(lambda original, *arguments, **named: value)

    def sets(self, name: str, hazards: str, target: str, value: Any) -> None:
        """Puts the value in the place of the target."""
        self.mutations.append(Mutation(name, hazards, target, lambda original: value))
