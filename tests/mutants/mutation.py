"""What is a mutation? One mechanism of the code, named, and what takes its place.

    @breaks("where the cap is used up nothing is polled", "H45", "consumer.flow.cap:InFlightCap._trickle")
    def _(original, self):
        return 0

    sets("one empty poll ends a queue's turn", "H30", "consumer.source:EMPTY_POLLS", 1)

What a mechanism answers or does is broken, not how it is written: its code may change, the mutation stays.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from tests.mutants import mechanism
from tests.mutants.mechanism import MutationError


@dataclass(frozen=True, slots=True)
class Mutation:
    """A mechanism broken.

    name    -- what the code does then, as a sentence.
    hazards -- the rows of docs/reliability.md that it opens again.
    target  -- the mechanism, as `tests.mutants.mechanism` finds it.
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
        """The function below takes the place of the target: it gets the original, and what that would get."""

        def add(damage: Callable[..., Any]) -> None:
            instead = partial(mechanism.damaged, damage=damage)
            self.mutations.append(Mutation(name, hazards, target, instead))

        return add

    def answers(self, name: str, hazards: str, target: str, value: Any = None) -> None:
        """The target answers that, whatever it is asked, and does nothing else."""
        self.breaks(name, hazards, target)(lambda original, *arguments, **named: value)

    def sets(self, name: str, hazards: str, target: str, value: Any) -> None:
        """The value takes the place of the target."""
        self.mutations.append(Mutation(name, hazards, target, lambda original: value))
