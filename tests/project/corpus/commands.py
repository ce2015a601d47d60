"""The commands of `./zigzag` with their options, and the targets of a project's Makefile."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from typer.main import get_command

from zigzag_cli.app import app
from zigzag_project.parts import ROOT

MAKEFILE = ROOT / "starter" / "Makefile"


def written() -> Iterator[tuple[str, Any]]:
    for path, _ in _commands([], get_command(app)):
        yield " ".join(["./zigzag", *path]), {"zigzag": path}
    for target in _targets():
        yield f"make {target}", {"make": target}


def _commands(path: list[str], command: Any) -> Iterator[tuple[list[str], Any]]:
    yield path, command
    for name, one in getattr(command, "commands", {}).items():
        yield from _commands([*path, name], one)


def _targets() -> list[str]:
    return re.findall(r"^([a-z-]+):(?!=)", MAKEFILE.read_text(encoding="utf-8"), re.MULTILINE)


def read(form: Mapping[str, Any]) -> Any:
    """Returns what can be typed behind the command. Raises LookupError if it is gone."""
    if "make" in form:
        return _targets()[_targets().index(form["make"])]
    command: Any = get_command(app)
    for name in form["zigzag"]:
        command = command.commands[name]
    options = [one for one in command.params if one.param_type_name == "option"]
    arguments = [one for one in command.params if one.param_type_name == "argument"]
    return {
        "options": {name: one.nargs * (not one.is_flag) for one in options for name in one.opts},
        "needs": [one.name for one in command.params if one.required],
        "arguments": [one.name for one in arguments],
    }


def lost(old: Any, now: Any) -> Iterator[str]:
    """Yields what was typed at the old version, and fails today."""
    if isinstance(old, str):
        return
    values = {0: "no value", 1: "a value"}
    for option, number in old["options"].items():
        if option not in now["options"]:
            yield f"one without the option {option}"
        elif now["options"][option] != number:
            yield f"one whose {option} has {values.get(now['options'][option], 'several values')}"
    yield from (f"one that needs {name}" for name in now["needs"] if name not in old["needs"])
    if now["arguments"][: len(old["arguments"])] != old["arguments"]:
        yield f"one with the arguments {', '.join(now['arguments'])}"
