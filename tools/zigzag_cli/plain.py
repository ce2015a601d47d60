"""Shows foreign text unchanged, with its brackets, colons and numbers."""

from __future__ import annotations

from rich.console import Console


def plain(*, soft_wrap: bool = False) -> Console:
    """Returns a console without markup, where `[/x]` would be an error, and `[red]` would disappear."""
    return Console(soft_wrap=soft_wrap, markup=False, emoji=False, highlight=False)
