"""Is everything there that the pages point to? Links, headings, files, make's targets, decisions."""

from __future__ import annotations

import re
from collections import Counter

from tests.project.docs.pages import PAGES, ROOT, STARTER, anchors, blocks, commands, in_text, links, name_of

# Files that a reader makes, or a command.
MADE = {
    "app.py",
    "template.json",
    "mutants.md",
    "once_in_sql.py",
    "src/tasks/take_order.py",
    "tests/tasks",
    "tests/tasks/",
    "tests/tasks/test_take_order.py",
    ".venv/bin",
    ".venv/bin/pytest",
}
TOP = {entry.name for entry in ROOT.iterdir()}
FOLDERS = ("src/", "tools/", "tests/", "docs/", "events/")
PATH = re.compile(r"[\w.-]+(/[\w.-]+)*/?")
FILE = re.compile(r"[\w-]+\.(py|md|toml|yaml|txt|json|svg)")

TEXTS = {page: page.read_text(encoding="utf-8") for page in PAGES}


def test_every_relative_link_leads_to_a_file_and_a_heading() -> None:
    broken = []
    for page, text in TEXTS.items():
        for link in links(text):
            path, _, anchor = link.partition("#")
            target = page.parent / path if path else page
            if "://" not in link and not (target.exists() and (not anchor or anchor in anchors(target))):
                broken.append(f"{name_of(page)}: {link}")

    assert broken == []


def test_every_file_that_is_named_exists() -> None:
    missing = []
    for page, text in TEXTS.items():
        words = in_text(text) + [word for command in commands(text) for word in command.split()]
        named = {word for word in words if _is_a_path(word)} - MADE
        at = (ROOT, page.parent, STARTER.parent)  # or in a project of a user's own
        gone = [name for name in named if not any((folder / name).exists() for folder in at)]
        missing += [f"{name_of(page)}: {name}" for name in gone]

    assert missing == []


def _is_a_path(word: str) -> bool:
    if not PATH.fullmatch(word):
        return False
    return word.startswith(FOLDERS) or word in TOP or FILE.fullmatch(word) is not None


def test_every_make_target_that_is_named_exists() -> None:
    every_block = [block.text for text in TEXTS.values() for block in blocks(text, "sh")]
    told = [code for text in TEXTS.values() for code in in_text(text)] + "\n".join(every_block).splitlines()
    makefiles = "".join((at / "Makefile").read_text(encoding="utf-8") for at in (ROOT, STARTER.parent))
    targets = set(re.findall(r"^([a-z][a-z-]*):", makefiles, re.MULTILINE))

    assert {name for code in told for name in re.findall(r"^make ([a-z][a-z-]*)", code)} <= targets


def test_each_decision_has_a_number_of_its_own_and_its_three_parts() -> None:
    decisions = sorted((ROOT / "docs" / "adr").glob("*.md"))
    numbers = Counter(page.name[:4] for page in decisions)

    assert list(numbers) == [f"{number:04}" for number in range(1, len(decisions) + 1)]
    for page in decisions:
        text = page.read_text(encoding="utf-8")
        assert text.startswith(f"# {int(page.name[:4])}. ")
        assert re.findall(r"^## (.+)$", text, re.MULTILINE) == ["Context", "Decision", "Consequences"]


def test_every_decision_that_the_code_names_is_there() -> None:
    decisions = {page.name[:4] for page in (ROOT / "docs" / "adr").glob("*.md")}
    code = [file for folder in ("src", "tools") for file in (ROOT / folder).rglob("*.py")]

    named = {number for file in code for number in re.findall(r"docs/adr/(\d{4})", file.read_text("utf-8"))}

    assert named <= decisions
