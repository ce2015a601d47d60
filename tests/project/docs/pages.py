"""What do the pages say? Their code blocks, the code in their text, their links."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
STARTER = ROOT / "starter" / "README.md"
"""The page of a project of a user's own. The files that it names are there, not here."""

PAGES = sorted(
    page
    for page in ROOT.rglob("*.md")
    if page != STARTER and not any(part.startswith(".") for part in page.relative_to(ROOT).parts)
)

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")


@dataclass(frozen=True)
class Block:
    """A fenced block of a page: its language, its text, and the number of its first line."""

    language: str
    text: str
    line: int


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def read(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def blocks(text: str, language: str | None = None) -> list[Block]:
    """Returns the fenced blocks, in their order: with `language`, only those of it."""
    found = [
        Block(*match.groups(), text.count("\n", 0, match.start()) + 2) for match in _BLOCK.finditer(text)
    ]
    return [block for block in found if language in (None, block.language)]


def in_text(text: str) -> list[str]:
    """Returns the words in single backticks, outside of blocks."""
    return _CODE.findall(_BLOCK.sub("", text))


def links(text: str) -> list[str]:
    return _LINK.findall(_BLOCK.sub("", text))


def anchors(page: Path) -> set[str]:
    """Returns the links to headings of the page, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", _BLOCK.sub("", page.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def commands(text: str) -> list[str]:
    """Returns each command of shell blocks, transcripts and code in the text. Joined by `&&`, each is one."""
    lines = [line for block in blocks(text, "sh") for line in _joined(block.text)]
    lines += [
        line[2:] for block in blocks(text, "console") for line in _joined(block.text) if line.startswith("$ ")
    ]
    told = [code for code in in_text(text) if " " in code]
    whole = [line.partition(" # ")[0].strip() for line in lines + told]
    return [one.strip() for line in whole for one in line.split("&&") if one.strip()]


def _joined(text: str) -> list[str]:
    """Returns the lines of a shell's text. Those that a backslash continues are one."""
    return re.sub(r"\\\n\s*", "", text).splitlines()


def named_tests() -> dict[str, list[str]]:
    """Returns the tests of the hazards of both pages, by their hazard, each as pytest takes it."""
    found: dict[str, list[str]] = {}
    hazard = ""
    for words in map(str.split, read("tests/project/docs/hazards.txt").splitlines()):
        hazard = words[0] if len(words) == 2 else hazard
        assert len(words) == 1 or hazard not in found, f"{hazard} is there twice"
        found.setdefault(hazard, []).append(words[-1])
    return found
