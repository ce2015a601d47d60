"""How is text shown that somebody else chose? As it is: with its brackets, colons and numbers."""

from __future__ import annotations

from rich.console import Console


def plain(*, soft_wrap: bool = False) -> Console:
    """A console that takes no text for markup: `[/x]` would be an error there, and `[red]` gone."""
    return Console(soft_wrap=soft_wrap, markup=False, emoji=False, highlight=False)
