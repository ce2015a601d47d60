"""The corpus: a folder a version, with a file for each kind of forms, and the code that wrote them.

1.0.0rc1/messages.jsonl, events.jsonl, …    the forms, one a line
1.0.0rc1/src.tar.xz                         both functions as they were, for mixed versions
1.0.0rc1/SHA256SUMS                         of these files
"""

from __future__ import annotations

import hashlib
import io
import re
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from tests.project.corpus import (
    commands,
    defaults,
    events,
    foreign,
    forms,
    gates,
    keys,
    letters,
    lines,
    messages,
    python,
    records,
    stack,
)
from tests.project.corpus.forms import Kind

from zigzag_project.parts import ROOT, version

CORPUS = Path(__file__).parent
SUMS = "SHA256SUMS"
ARCHIVE = "src.tar.xz"
MAX_ARCHIVE_BYTES = 300_000

KINDS = {
    "messages": Kind(messages.written, messages.read, forms.lost, forms.lost),
    "foreign": Kind(foreign.written, foreign.read, forms.lost),
    "events": Kind(events.written, events.read, forms.lost, forms.lost),
    "letters": Kind(letters.written, letters.read, forms.lost, forms.lost),
    "records": Kind(records.written, records.read, forms.lost, forms.lost),
    "keys": Kind(keys.written, keys.read, forms.lost),
    "gates": Kind(gates.written, gates.read, forms.lost, forms.lost),
    "lines": Kind(lines.written, lines.read, forms.lost, forms.lost_keys),
    "stack": Kind(stack.written, stack.read, stack.lost),
    "defaults": Kind(defaults.written, defaults.read, forms.lost),
    "python": Kind(python.written, python.read, python.lost),
    "commands": Kind(commands.written, commands.read, commands.lost),
}
OF_THE_MIDDLE_NUMBER = ("defaults",)
"""Kinds that a new middle number of the version may change."""

ARCHIVED = ("consumer", "shared", "worker", "zigzag")


class CorpusError(Exception):
    """The corpus can't be written or read. The text says what to do."""


def versions(corpus: Path = CORPUS) -> list[Path]:
    """Returns the folders of all versions."""
    return sorted(sums.parent for sums in corpus.glob(f"*/{SUMS}"))


def kinds_for(old: str, now: str) -> list[str]:
    """Returns the kinds of a version's forms that another version must read."""
    same = _middle(old) == _middle(now)
    return [kind for kind in KINDS if same or kind not in OF_THE_MIDDLE_NUMBER]


def _middle(name: str) -> tuple[str, ...]:
    return tuple(name.split(".")[:2])


def is_released(name: str, changelog: str | None = None) -> bool:
    """Returns whether the changelog gives the version a date."""
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8") if changelog is None else changelog
    return not re.search(rf"^## {re.escape(name)}, unreleased$", text, re.MULTILINE)


def write(corpus: Path = CORPUS, changelog: str | None = None, source: Path = ROOT / "src") -> Path:
    """Writes the folder of this version, and returns it. Raises CorpusError if that is released.

    source -- the folder of both functions' code.
    """
    folder = corpus / version()
    if folder.exists() and is_released(version(), changelog):
        raise CorpusError(
            f"{version()} is released, and its corpus stays as it is: raise the version in pyproject.toml, "
            "begin its part of CHANGELOG.md, then type make corpus"
        )
    folder.mkdir(exist_ok=True)
    texts = {f"{name}.jsonl": forms.to_text(kind.forms()) for name, kind in KINDS.items()}
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    (folder / ARCHIVE).write_bytes(archived(source))
    (folder / SUMS).write_text(sums_of(folder), encoding="utf-8")
    return folder


def sums_of(folder: Path) -> str:
    """Returns the sums of the folder's files, as `sha256sum` writes them."""
    others = sorted(file for file in folder.iterdir() if file.name != SUMS)
    return "".join(f"{hashlib.sha256(one.read_bytes()).hexdigest()}  {one.name}\n" for one in others)


def changed(folder: Path) -> list[str]:
    """Returns the files of the folder that are not as they were written."""
    kept, now = (folder / SUMS).read_text(encoding="utf-8").splitlines(), sums_of(folder).splitlines()
    return sorted({line.split()[-1] for line in set(kept) ^ set(now)})


def stale(folder: Path) -> list[str]:
    """Returns the forms that today's code writes or reads in another way than the folder has them."""
    found: list[str] = []
    for name, kind in KINDS.items():
        kept = {one.what: one for one in _kept(folder, name)}
        now = {one.what: one for one in kind.forms()}
        both = (kept | now).keys()
        found += [f"{name}: {what}" for what in both if kept.get(what) != now.get(what)]
    return found


def _kept(folder: Path, kind: str) -> list[forms.Form]:
    return forms.from_text((folder / f"{kind}.jsonl").read_text(encoding="utf-8"))


def offences(folder: Path, kinds: Iterable[str] | None = None) -> Iterator[str]:
    """Yields what today's code does not read, or no longer writes, of a version's forms.

    kinds -- of forms; without them, all that it must read.
    """
    for kind in kinds_for(folder.name, version()) if kinds is None else kinds:
        yield from (f"{kind}: {one}" for one in KINDS[kind].offences(_kept(folder, kind)))


def archived(source: Path) -> bytes:
    """Returns both functions' code, the same bytes for the same code."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:xz") as archive:
        for folder in ARCHIVED:
            for file in sorted((source / folder).rglob("*.py")):
                entry = tarfile.TarInfo(file.relative_to(source).as_posix())
                entry.size = file.stat().st_size
                archive.addfile(entry, io.BytesIO(file.read_bytes()))
    return packed.getvalue()


def unpacked(folder: Path, into: Path) -> Path:
    """Unpacks a version's code. Returns the folder that its modules are in."""
    with tarfile.open(folder / ARCHIVE) as archive:
        archive.extractall(into, filter="data")
    return into
