"""`zigzag dead-letters edit`."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
from pathlib import Path
from tempfile import mkstemp
from time import monotonic
from typing import Annotated

import typer

import zigzag_operate
from zigzag_cli.answer import answer
from zigzag_cli.filters import with_filter
from zigzag_cli.options import Json, with_target
from zigzag_cli.within import endless
from zigzag_operate import Filter, Kind, OperateError, Target

AT_ONCE_SECONDS = 1.0
"""A person takes longer."""

_PART = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[{}\[\],:]|[^\s{}\[\],:"]+')
"""Of JSON: a text, a sign, or a number and such."""

_HALF = re.compile("[\ud800-\udfff]")


@with_target
@with_filter
def edit(
    target: Target,
    which: Filter,
    queue: Annotated[str | None, typer.Option(help="To this queue, if it is unknown of which one.")] = None,
    save: Annotated[
        Path | None, typer.Option(help="First writes the letter to the end of this file, as a line of JSON.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Opens one letter's body in $EDITOR, checks the new one, and sends it. Refuses if it runs already."""
    if which == Filter():
        raise OperateError("name one letter, by its --id as `show` tells it", Kind.WRONG)
    endless()
    editor = _Editor()
    try:
        edited = zigzag_operate.edit(target, which, editor.change, queue=queue, save=save)
    except OperateError as error:
        raise OperateError(f"{error}{editor.kept()}", error.kind) from error
    editor.forget()
    answer(edited, as_json, f"sent as {edited.message_id}, and the letter is deleted")


class _Editor:
    """The editor of the environment, and the file that it has open."""

    def __init__(self) -> None:
        self._file: Path | None = None
        self._before = ""

    def change(self, body: str) -> str:
        """Returns the body as the editor left it. Raises OperateError if there is no editor, or it fails."""
        editor = os.environ.get("VISUAL") or os.environ.get("EDITOR")
        if not editor:
            raise OperateError("no editor is set: export EDITOR, for example as nano", Kind.WRONG)
        number, name = mkstemp(suffix=".json")  # only its owner may read it
        self._file, self._before = Path(name), _readable(body)
        with open(number, "w", encoding="utf-8") as file:
            file.write(self._before)
        began = monotonic()
        try:
            _wait_for([*shlex.split(editor), name])
            text = self._file.read_text(encoding="utf-8").rstrip("\n")
        except (OSError, ValueError, subprocess.CalledProcessError) as error:
            raise OperateError(f"the editor {editor!r} failed, so nothing was sent: {error}") from error
        if text == self._before and monotonic() - began < AT_ONCE_SECONDS:
            said = f"the editor {editor!r} came back at once, and nothing was changed or sent"
            raise OperateError(
                f"{said}: if it opens a window, have it wait, as `code --wait` does", Kind.WRONG
            )
        return body if text == self._before else text

    def kept(self) -> str:
        """Returns where the changed text is. Deletes one that was not changed."""
        if self._file is None or not self._file.exists():
            return ""
        if self._file.read_text(encoding="utf-8", errors="replace").rstrip("\n") == self._before:
            self.forget()
            return ""
        return f". Your text is in {self._file}"

    def forget(self) -> None:
        if self._file is not None:
            self._file.unlink(missing_ok=True)


def _wait_for(command: list[str]) -> None:
    """Runs the editor to its end. A ^C is the editor's: it ends neither this nor, by this, the editor."""
    before = signal.signal(signal.SIGINT, lambda number, frame: None)
    try:
        subprocess.run(command, check=True)
    finally:
        signal.signal(signal.SIGINT, before)


def _readable(body: str) -> str:
    """Returns a JSON body with a line for each field, and its numbers and keys as they are written."""
    try:
        json.loads(body)
    except (ValueError, RecursionError):
        return body
    lines, depth, before = [""], 0, ""
    for part in _PART.findall(body):
        begins, ends = before in ("{", "["), part in ("}", "]")
        depth -= ends
        if begins != ends or before == ",":
            lines.append("  " * depth)
        lines[-1] += ": " if part == ":" else _legible(part)
        depth += part in ("{", "[")
        before = part
    return "\n".join(lines)


def _legible(part: str) -> str:
    """Returns a text with its characters in place of escapes, unless it has half a character."""
    if not part.startswith('"'):
        return part
    text = json.dumps(json.loads(part), ensure_ascii=False)
    return part if _HALF.search(text) else text
