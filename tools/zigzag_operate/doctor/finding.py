"""The results of a rule: a fault, a fact that could not be looked at, or an advice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from zigzag_operate.doctor.facts import Facts, Resource


@dataclass(frozen=True, slots=True)
class Finding:
    """A fault.

    hazard -- of docs/reliability.md or docs/security.md, which can then happen.
    at     -- the resource's or the parameter's name, and the property.
    line   -- of the template; None for a deployed stack, or for what is not there.
    wrong  -- the sentence.
    change -- what to do in the template.
    type   -- the command that does it in the deployed stack, or None.
    """

    hazard: str
    at: str
    line: int | None
    wrong: str
    change: str
    type: str | None = None


@dataclass(frozen=True, slots=True)
class NotKnown:
    """A fact that no rule could judge, and what it needs."""

    at: str
    needs: str


@dataclass(frozen=True, slots=True)
class Advice:
    """A wish that many stacks have: no fault."""

    said: str
    change: str


type Found = Iterator[Finding | NotKnown | Advice]
type Rule = Callable[[Facts], Found]


def wrong(
    hazard: str, at: Resource, path: str, sentence: str, change: str, line: int | None = None
) -> Finding:
    """Returns a finding about a property of a resource, or with an empty path about all of it.

    line -- where that is known more closely than by the path.
    """
    where = f"{at.id}.{path}" if path else at.id
    return Finding(hazard, where, line or at.line(path or "Type"), sentence, change)


def of_parameter(facts: Facts, hazard: str, name: str, sentence: str, change: str) -> Finding:
    return Finding(hazard, name, facts.line(name), sentence, change)
