"""What is a mutation? One mechanism of the code, broken on purpose: a text, and what to put in its place."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Mutation:
    """A mechanism broken.

    name    -- what the code does then, as a sentence.
    hazards -- the rows of docs/reliability.md that it opens again.
    file    -- in which it is, from the project's folder.
    old     -- the exact text, which is there once; `new` is what takes its place.
    """

    name: str
    hazards: str
    file: str
    old: str
    new: str

    def broken(self, text: str) -> str:
        """The file's text with the mechanism broken. Raises ValueError if `old` is not there just once."""
        if (times := text.count(self.old)) != 1:
            raise ValueError(f"{self.name}: its old text is {times} times in {self.file}, and must be once")
        return text.replace(self.old, self.new)
