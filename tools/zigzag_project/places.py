"""Separates the user's lines in a file of Zigzag's: those in its marked places.

A place begins below its marker, a line such as `# ==== YOURS: parameters ====`. It ends before the next
marker, or before the next line that is indented less than the marker. Only the text counts, as for a person
with an editor.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import takewhile

_MARKER = "# ==== YOURS:"


def split(text: str) -> tuple[str, dict[str, str]]:
    """Returns Zigzag's part with the markers, and the text of each place by its marker."""
    ours, places = [], {}
    place, indent = "", 0
    for line in text.splitlines(keepends=True):
        bare = line.strip()
        indented = len(line) - len(line.lstrip())
        if bare.startswith(_MARKER):
            place, indent = bare, indented
            places[place] = ""
            ours.append(line)
        elif place and (not bare or indented >= indent):
            places[place] += line
        else:
            place = ""
            ours.append(line)
    return "".join(ours), places


def joined(ours: str, places: Mapping[str, str]) -> str:
    """Returns the text that `split` divides into these two. A missing place is empty."""
    lines = ours.splitlines(keepends=True)
    return "".join(line + places.get(line.strip(), "") for line in lines)


def emptied(text: str) -> str:
    """Returns the text with its places emptied, except for their first comment and blank lines."""
    ours, places = split(text)
    return joined(ours, {marker: _comment(place) for marker, place in places.items()})


def _comment(place: str) -> str:
    lines = place.splitlines(keepends=True)
    said = list(takewhile(lambda line: line.strip().startswith("#"), lines))
    blank = list(takewhile(lambda line: not line.strip(), reversed(lines[len(said) :])))
    return "".join(said + blank)
