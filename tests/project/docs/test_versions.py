"""Is what docs/versions.md says of the version so?"""

from __future__ import annotations

import json
import re
from pathlib import Path

from tests.project.docs.pages import ROOT, read
from tests.project.template.reading import TEMPLATE, parsed

from zigzag_project import parts
from zigzag_project.places import split

PAGE = read("docs/versions.md")


def test_the_version_is_semantic_and_stands_in_one_place() -> None:
    version = parts.version()
    elsewhere = [
        str(file.relative_to(ROOT))
        for file in [*(ROOT / "src").rglob("*.py"), *(ROOT / "tools").rglob("*.py")]
        if version in file.read_text(encoding="utf-8")
    ]

    assert re.fullmatch(r"\d+\.\d+\.\d+(rc\d+)?", version)
    assert elsewhere == []


def test_the_changelog_begins_with_the_version() -> None:
    (newest, *_) = re.findall(r"^## (\S+)", read("CHANGELOG.md"), re.MULTILINE)

    assert newest.rstrip(",") == parts.version()


def test_the_places_that_are_promised_keep_their_names() -> None:
    """A user's text is kept by its place's name: a name that changes is a place that is gone."""
    marked = {
        path: list(split(file.read_text(encoding="utf-8"))[1])
        for path, file in parts.zigzags().items()
        if split(file.read_text(encoding="utf-8"))[1]
    }

    assert marked == {
        "template.yaml": [
            "# ==== YOURS: parameters ====",
            "# ==== YOURS: senders ====",
            "# ==== YOURS: senders to a FIFO queue ====",
            "# ==== YOURS: workers of queues ====",
            "# ==== YOURS: environment variables ====",
            "# ==== YOURS: the worker function ====",
            "# ==== YOURS: permissions ====",
            "# ==== YOURS: schedules ====",
            "# ==== YOURS: resources ====",
            "# ==== YOURS: outputs ====",
        ],
        "src/requirements.txt": ["# ==== YOURS: the packages your tasks import, pinned, a line each ===="],
        "requirements.txt": ["# ==== YOURS: what your tests and tools need, pinned, a line each ===="],
        "Makefile": ["# ==== YOURS: targets ===="],
    }


def test_a_resource_that_holds_data_keeps_its_logical_id() -> None:
    """A resource of another id is another one: the old queue is left with its messages."""
    resources = parsed(TEMPLATE.read_text(encoding="utf-8"))["Resources"]

    assert {name: resources[name]["Type"] for name in ("TaskQueue", "DeadLetterQueue", "RecordsTable")} == {
        "TaskQueue": "AWS::SQS::Queue",
        "DeadLetterQueue": "AWS::SQS::Queue",
        "RecordsTable": "AWS::DynamoDB::Table",
    }


def test_the_container_has_the_python_of_the_project() -> None:
    container = json.loads(Path(ROOT / ".devcontainer" / "devcontainer.json").read_text(encoding="utf-8"))

    assert re.fullmatch(r"python:3\.13\.\d+-\w+", container["image"])
    assert container["image"].startswith(f"python:{read('.python-version').strip()}.")
