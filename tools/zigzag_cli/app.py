"""The commands of `zigzag`: their options, and how their answers are shown."""

from __future__ import annotations

import json
import os
import sys
from contextlib import suppress
from typing import Annotated, Any, NoReturn

import typer
from rich.table import Table
from rich.text import Text

from shared.queues import DEFAULT
from tasks import TASKS
from zigzag.send import Options
from zigzag_cli import local, send, status, tasks
from zigzag_cli.failure import BAD_PAYLOAD, FAILED, WRONG_OPTION, Failure
from zigzag_cli.gates import StackGates, is_controlled
from zigzag_cli.limits import at, at_once_of, limit_words, longest_of, paused_words, rate_of, trip_of
from zigzag_cli.options import Json, Queue
from zigzag_cli.plain import plain
from zigzag_cli.target import PROJECT, Target, with_target
from zigzag_cli.version import version
from zigzag_cli.within import END_SECONDS, TooLongError, endless
from zigzag_local.errors import LocalAwsError
from zigzag_local.readable import harmless

EXIT_CODES = (
    "Exit codes: 0 done · 1 AWS or the local AWS said no · 2 wrong option · 3 no such task, or a bad payload"
)

app = typer.Typer(
    help="Zigzag: sends tasks, shows the queue, and runs all of it on this machine.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(local.app, name="local")

_answered: list[bool] = []
"""Has an entry once the answer is printed as JSON: no second object may follow it."""


def _version(wanted: bool) -> None:
    if wanted:
        print(version(PROJECT))
        raise typer.Exit


@app.callback()
def _of_all(
    version: Annotated[
        bool, typer.Option("--version", help="Show Zigzag's version.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """Zigzag: send tasks, see what becomes of them, and run it all on this machine."""


@app.command("send", epilog=EXIT_CODES)
@with_target
def send_command(
    target: Target,
    task: Annotated[str, typer.Argument(help="The task's name, as in `zigzag tasks`.")],
    payload: Annotated[
        str, typer.Argument(help="JSON; `-` reads it from standard input.", callback=send.given)
    ] = "{}",
    id: Annotated[str | None, typer.Option(help="The task's id; without it, the MessageId.")] = None,
    delay: Annotated[
        int, typer.Option(min=0, max=900, help="Seconds until it may start; not on a FIFO queue.")
    ] = 0,
    group: Annotated[
        str | None, typer.Option(help="The group; a FIFO queue runs the tasks of a group in the order sent.")
    ] = None,
    deduplication_id: Annotated[
        str | None, typer.Option(help="FIFO only: SQS drops a second message of this id for five minutes.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Sends a task, after checking its payload against the task's model."""
    found = tasks.load(task, TASKS)
    checked = send.checked(found, payload)
    options = Options(id=id, delay_seconds=delay, group=group, deduplication_id=deduplication_id)
    sent = send.send(target, found.name, checked, options)
    named = "" if id is None else f" with the id {id}"
    said = f"sent {task}{named}, in the message {sent['message_id']}"
    try:
        _answer(sent, as_json, said)
    except Failure as failure:  # the message is sent: a retry would send it twice
        print(f"zigzag: {said}; but {failure}", file=sys.stderr)


@app.command("status", epilog=EXIT_CODES)
@with_target
def status_command(
    target: Target,
    as_json: Json = False,
) -> None:
    """Shows the queue: waiting, in flight, delayed, the oldest, dead letters; if it is closed, why."""
    counts = status.status(target)
    closed = StackGates(target).why_closed() if is_controlled(target.stack_as_it_is()) else None
    table = Table.grid(padding=(0, 2))
    for name, words in status.WORDS.items():
        shown = "unknown" if counts[name] is None else f"{counts[name]:,}"
        table.add_row(words, shown)
    if closed:
        table.add_row("nothing is received", Text(harmless(closed)))
    _answer({**counts, "closed": closed}, as_json, table)


@app.command("pause", epilog=EXIT_CODES)
@with_target
def pause_command(
    target: Target,
    queue: Queue = DEFAULT,
    wait: Annotated[bool, typer.Option("--wait", help="Waits until none is in flight.")] = False,
    as_json: Json = False,
) -> None:
    """Pauses a queue: nothing is received until `zigzag resume`. Says when SQS drops messages."""
    gates = StackGates(target, queue)
    paused = gates.pause()
    _answer(paused, as_json, paused_words(paused))
    if wait:
        endless()
        gates.wait(lambda many: print(f"{many:,} in flight, or waiting for a retry", file=sys.stderr))


@app.command("resume", epilog=EXIT_CODES)
@with_target
def resume_command(
    target: Target,
    queue: Queue = DEFAULT,
    as_json: Json = False,
) -> None:
    """Ends the pause of a queue: the next tick receives again."""
    resumed = StackGates(target, queue).resume()
    _answer(resumed, as_json, f"{queue} is not paused any more: the next tick receives")


@app.command("limit", epilog=EXIT_CODES)
@with_target
def limit_command(
    target: Target,
    queue: Queue = DEFAULT,
    rate: Annotated[str | None, typer.Option(help="Most starts: 5/s, 30/min, 100/h.")] = None,
    burst: Annotated[int | None, typer.Option(min=1, max=1000, help="Most at once, after a rest.")] = None,
    at_once: Annotated[
        int | None, typer.Option(help="Most that run at once, 1 to 30. More: WorkerConcurrency.")
    ] = None,
    trip: Annotated[int | None, typer.Option(help="So many messages that say Unavailable shut it.")] = None,
    longest: Annotated[str | None, typer.Option(help="Shut for so long at most: 30min, 6h.")] = None,
    none: Annotated[bool, typer.Option("--none", help="Removes the limits.")] = False,
    as_json: Json = False,
) -> None:
    """Limits how often tasks start, or how many run at once, over all workers. For more than 30 at once use
    the parameter WorkerConcurrency; for one at a time by a key, a FIFO group."""
    if none == any(one is not None for one in (rate, at_once, trip, longest)):
        raise Failure("name a --rate, an --at-once, a --trip or a --longest; or else --none", WRONG_OPTION)
    limits = rate_of(rate, burst), at_once_of(at_once), trip_of(trip), longest_of(longest)
    limited = StackGates(target, queue).limit(*limits)
    _answer(limited, as_json, limit_words(limited))


@app.command("limits", epilog=EXIT_CODES)
@with_target
def limits_command(
    target: Target,
    as_json: Json = False,
) -> None:
    """Shows for each queue whether it is open, since when it is paused, its limits, and how many wait."""
    limits = StackGates(target).limits()
    table = Table("queue", "state", "since", "every", "burst", "at once", "waiting", box=None)
    for name, one in limits.items():
        since = one["paused_since"] or one["unavailable_since"]
        since = "" if since is None else at(since)
        rate = one["rate"]
        said = ("", "") if rate is None else (f"{rate['every_seconds']:g} s", str(rate["burst"]))
        at_once = "" if one["at_once"] is None else f"{one['held']} of {one['at_once']}"
        table.add_row(
            name, Text(harmless(one["closed"] or "open")), since, *said, at_once, f"{one['waiting']:,}"
        )
    _answer(limits, as_json, table)


@app.command("tasks", epilog=EXIT_CODES)
def tasks_command(as_json: Json = False) -> None:
    """Lists all tasks: payload fields, attempts, backoff, whether they are idempotent."""
    described = [tasks.describe(name, TASKS) for name in sorted(TASKS)]
    _answer(described, as_json, "\n".join(tasks.words(one) for one in described if "error" not in one))
    broken = [f"{one['name']}: {one['error']}" for one in described if "error" in one]
    if broken:
        raise Failure("\n".join(broken), BAD_PAYLOAD)


def _answer(value: Any, as_json: bool, shown: str | Table) -> None:
    """Prints the value, or its words. Raises Failure if standard output can't be written."""
    try:
        if as_json:
            _answered.append(True)
            print(json.dumps(value), flush=True)
        elif isinstance(shown, str):
            print(shown, flush=True)
        else:
            plain(soft_wrap=not sys.stdout.isatty()).print(shown)
    except (OSError, ValueError) as error:
        with suppress(OSError, ValueError):  # otherwise Python tries again at its exit, and fails with 120
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise Failure(f"the answer can't be written: {error}") from error


def main() -> None:
    """Runs the command. A failure is one sentence on standard error, or with --json an object."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError):  # so that a terminal of any encoding shows every character
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    _answered.clear()
    try:
        app(prog_name="./zigzag")
    except TooLongError:
        _end(f"AWS did not answer within {END_SECONDS:.0f} s; what was asked for may have been done", FAILED)
    except (Failure, LocalAwsError) as failure:
        _end(str(failure), failure.exit_code if isinstance(failure, Failure) else FAILED)


def _end(sentence: str, exit_code: int) -> NoReturn:
    if "--json" in sys.argv and not _answered:
        with suppress(OSError, ValueError):
            print(json.dumps({"error": sentence}), flush=True)
    else:
        print(f"zigzag: {harmless(sentence)}", file=sys.stderr)
    sys.exit(exit_code)
