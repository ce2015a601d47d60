"""The parts of a project: Zigzag's files, and the user's, which are written once."""

from __future__ import annotations

import tomllib
from pathlib import Path

from zigzag_project.places import emptied

ROOT = Path(__file__).resolve().parents[2]

FOLDERS = (
    *("src/consumer", "src/worker", "src/server", "src/shared", "src/zigzag", "src/package"),
    *("tools/zigzag_cli", "tools/zigzag_operate", "tools/zigzag_local", "tools/zigzag_testing"),
    "tools/zigzag_package",
)
LEFT_OUT = ("tools/zigzag_local/demo/", "tools/zigzag_local/ledger.py", "tools/zigzag_local/aws_cli.py")
"""Files that only the demo and Zigzag's own tests use."""

FILES = (
    *(
        "template.yaml",
        "src/requirements.txt",
        "constraints.txt",
        "zigzag",
        ".python-version",
        ".gitattributes",
    ),
    *("tools/make-environment", "tools/pip.txt", "tools/declared.py", "tools/audit.py"),
    ".devcontainer/devcontainer.json",
    *(f"tools/zigzag_project/{module}.py" for module in ("__init__", "places", "stamp", "fetch", "producer")),
)
ELSEWHERE = {
    "Makefile": "starter/Makefile",
    "requirements.txt": "starter/requirements.txt",
    "tests/zigzag/test_the_project_fits.py": "starter/tests/zigzag/test_the_project_fits.py",
    "tests/zigzag/test_the_table_of_tasks.py": "tests/project/checkout/test_the_table_of_tasks.py",
    "LICENSE-zigzag": "LICENSE",
}
"""The path in a project, and the one in Zigzag's tree."""

YOURS = {
    "README.md": "starter/README.md",
    "pyproject.toml": "starter/pyproject.toml",
    "samconfig.toml": "samconfig.toml",
    "src/tasks/__init__.py": "starter/src/tasks/__init__.py",
    "src/tasks/hello.py": "src/tasks/hello.py",
    "tests/tasks/test_hello.py": "starter/tests/tasks/test_hello.py",
    "events/consumer-tick.json": "events/consumer-tick.json",
    "events/environment.json": "events/environment.json",
    "events/worker-dispatch.json": "events/worker-dispatch.json",
    ".github/workflows/test.yml": "starter/.github/workflows/test.yml",
    ".gitignore": ".gitignore",
}


def zigzags(root: Path = ROOT) -> dict[str, Path]:
    """Returns Zigzag's files: the path in a project, and the file in the tree at `root`."""
    found = {path: root / path for path in FILES} | {path: root / at for path, at in ELSEWHERE.items()}
    for folder in FOLDERS:
        for file in sorted((root / folder).rglob("*")):
            path = file.relative_to(root).as_posix()
            if file.is_file() and "__pycache__" not in path and not path.startswith(LEFT_OUT):
                found[path] = file
    return {path: file for path, file in found.items() if not file.name.startswith(".DS_")}


def text_of(file: Path) -> str:
    """Returns the text of Zigzag's file for a project, with the user's places empty."""
    return emptied(file.read_text(encoding="utf-8"))


def yours(name: str, root: Path = ROOT) -> dict[str, str]:
    """Returns the texts of the user's files for a project of that name."""
    texts = {path: (root / at).read_text(encoding="utf-8") for path, at in YOURS.items()}
    texts["samconfig.toml"] = texts["samconfig.toml"].replace('"zigzag"', f'"{name}"')
    return {path: text.replace("my-queue", name) for path, text in texts.items()}


def version(root: Path = ROOT) -> str:
    """Returns Zigzag's version. Only pyproject.toml has it."""
    with (root / "pyproject.toml").open("rb") as file:
        return str(tomllib.load(file)["project"]["version"])
