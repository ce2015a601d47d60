"""`python -m zigzag_project new DIR` makes a project; `… upgrade DIR` upgrades one to this version."""

from __future__ import annotations

import sys
from pathlib import Path

from zigzag_project.new import new
from zigzag_project.stamp import ProjectError
from zigzag_project.upgrade import upgrade


def main(arguments: list[str]) -> str | None:
    """Runs the command and prints what to do next. Returns the error in a sentence, or None."""
    try:
        match arguments:
            case ["new", folder] if folder:
                print(new(Path(folder)), end="")
            case ["new", *_]:
                return "zigzag: name the folder of your project: make new-project DIR=../my-queue"
            case ["upgrade", folder]:
                print(upgrade(Path(folder)), end="")
            case _:
                return "usage: python -m zigzag_project new|upgrade DIR"
    except ProjectError as error:
        return f"zigzag: {error}"
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
