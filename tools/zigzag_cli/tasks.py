"""`zigzag tasks`."""

from __future__ import annotations

from zigzag_cli.answer import answer
from zigzag_cli.options import Json
from zigzag_operate import Kind, OperateError
from zigzag_operate.tasks import Broken, Described, described


def tasks(as_json: Json = False) -> None:
    """Lists all tasks: payload fields, attempts, backoff, whether they are idempotent, on_failure."""
    found = described()
    answer(found, as_json, "\n".join(_words(one) for one in found if isinstance(one, Described)))
    broken = [f"{one.name}: {one.error}" for one in found if isinstance(one, Broken)]
    if broken:
        raise OperateError("\n".join(broken), Kind.BAD_PAYLOAD)


def _words(task: Described) -> str:
    """Returns the task in lines for a terminal of any width, its name whole."""
    fields = {"any": "object"} if task.payload is None else task.payload
    payload = ", ".join(f"{name}: {kind}" for name, kind in fields.items())
    once = ", once for an id" if task.idempotent else ""
    wait = f"{task.backoff.first:g} to {task.backoff.longest:g} s"
    if task.on_failure != {"default": "dead-letter"}:
        once += "; on failure " + ", ".join(
            word if name == "default" else f"{word} ({name})" for name, word in task.on_failure.items()
        )
    first = f"{task.name}  {task.summary}".rstrip()
    return f"{first}\n  {payload}\n  {task.attempts} attempts, after {wait}{once}"
