"""Reads a page of docs/patterns/ as a reader does who follows it: files, parameters, commands, scripts.

CONTRIBUTING.md, "Pages of patterns", says what a page looks like.
"""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.project.docs.pages import ROOT, Block, blocks
from tests.project.template.yours import pasted

INDEX = ROOT / "docs" / "patterns" / "README.md"
PATTERNS = sorted(page for page in INDEX.parent.glob("*.md") if page != INDEX)

_NAMED = re.compile(r"(?:#|//) (?P<path>[\w./-]+\.\w+)(?P<where>,.*)?\n")
_PLACE = re.compile(r", under `?YOURS: (?P<place>[\w ]+)`?")
_TABLE = re.compile(r", (?:one more line|two more lines) in (?P<name>[A-Z]+)")
_END = re.compile(r"\{\}$|^\}$", re.MULTILINE)
ANYTHING = "…"


@dataclass(frozen=True)
class File:
    """A file of the reader's project, or lines of one. `where` says in which place of it; empty is all."""

    path: str
    where: str
    text: str
    line: int


@dataclass(frozen=True)
class Command:
    """A command, and the lines that it prints. Without any, the page does not show them."""

    text: str
    prints: tuple[str, ...]
    line: int

    @property
    def fails(self) -> bool:
        """Returns whether the page shows an error."""
        return any(line.startswith("zigzag: ") or "rror" in line for line in self.prints)


@dataclass(frozen=True)
class Script:
    """A piece of Python."""

    text: str
    line: int


@dataclass(frozen=True)
class Page:
    name: str
    files: list[File]
    parameters: dict[str, str]
    steps: list[Command | Script]


def read(page: Path) -> Page:
    return parsed(page.stem, page.read_text(encoding="utf-8"))


def parsed(name: str, text: str) -> Page:
    """Returns what the page says is to be done. A block of any other kind is only to be looked at."""
    found = Page(name, [], {}, [])
    in_consoles = "".join(block.text for block in blocks(text, "console"))
    for block in blocks(text):
        if block.language == "toml":
            found.parameters.update(_parameters(tomllib.loads(block.text)))
        elif file := file_of(block):
            found.files.append(file)
            if file.path.endswith(".py") and "/" not in file.path and file.path not in in_consoles:
                found.steps.append(Script(file.text, file.line))
        elif block.language == "console":
            found.steps.extend(_commands(block))
        elif block.language == "python":
            found.steps.append(Script(block.text, block.line))
    return found


def file_of(block: Block) -> File | None:
    """Returns the file that the block's first line names; None if it names none."""
    named = _NAMED.match(block.text)
    if named is None:
        return None
    return File(named["path"], named["where"] or "", block.text[named.end() :], block.line)


def write(project: Path, file: File) -> None:
    """Writes the file into the project as a reader does. Raises AssertionError if its place is not there."""
    target = project / file.path
    target.parent.mkdir(parents=True, exist_ok=True)
    before = target.read_text(encoding="utf-8") if file.where else ""
    if not file.where:
        after = file.text
    elif place := _PLACE.match(file.where):
        after = pasted(before, place["place"], file.text)
    else:
        table = _TABLE.match(file.where)
        assert table, f"line {file.line}: which place is{file.where}?"
        begun, name, rest = before.partition(f"\n{table['name']}")
        after = begun + name + _END.sub(lambda end: _closed(end[0], file.text), rest, count=1)
    assert after != before, f"line {file.line}: {file.path} has no place{file.where}"
    target.write_text(after, encoding="utf-8")


def _closed(end: str, line: str) -> str:
    """Returns the end of a table with one more line, of a table without any as well."""
    return f"{line}}}" if end == "}" else f"{{\n{line}}}"


def prints(expected: Sequence[str], said: str, *, among_others: bool = False) -> bool:
    """Returns whether a command has printed these lines, in which `…` stands for anything.

    among_others -- whether other lines may be before, between and behind them.
    """
    lines = [line.rstrip() for line in said.rstrip().splitlines()]
    if among_others:
        left = iter(lines)
        wanted = (re.compile(_pattern(line)) for line in expected if line != ANYTHING)
        return all(any(map(one.fullmatch, left)) for one in wanted)
    whole = "".join(r"(?:.*\n)*?" if line == ANYTHING else _pattern(line) + r"\n" for line in expected)
    return re.fullmatch(whole, "".join(f"{line}\n" for line in lines)) is not None


def _pattern(line: str) -> str:
    """Returns the pattern of a line. Three dots at its end may be nothing, and so may the space before."""
    return ".*".join(map(re.escape, re.sub(rf" {ANYTHING}$", ANYTHING, line.rstrip()).split(ANYTHING)))


def _parameters(settings: Any) -> dict[str, str]:
    """Returns the template's parameters in a part of samconfig.toml, however deep it is there."""
    if not isinstance(settings, dict):
        return {}
    found: dict[str, str] = {}
    for name, value in settings.items():
        if name == "parameter_overrides":
            pairs = shlex.split(value) if isinstance(value, str) else value
            found |= dict(pair.split("=", 1) for pair in pairs)
        else:
            found |= _parameters(value)
    return found


def _commands(block: Block) -> Iterator[Command]:
    lines = block.text.splitlines()
    at = 0
    while at < len(lines):
        line, begun = lines[at], at
        at += 1
        if not line.startswith("$ "):
            continue
        text = line[2:]
        while at < len(lines) and _goes_on(text):
            text += "\n" + lines[at]
            at += 1
        end = at
        while end < len(lines) and not lines[end].startswith("$ "):
            end += 1
        said = tuple(lines[at:end])
        while said and not said[-1].strip():
            said = said[:-1]
        yield Command(text, said, block.line + begun)
        at = end


def _goes_on(command: str) -> bool:
    """Returns whether the next line belongs to the command: after a backslash, or within quotes."""
    try:
        shlex.split(command)
    except ValueError:
        return True
    return command.endswith("\\")
