"""The `zigzag` command: its commands by name, and its ends."""

from __future__ import annotations

import sys
from contextlib import suppress
from errno import ENOSPC
from typing import Annotated

import typer

from zigzag_cli import dead_letters, local
from zigzag_cli.answer import EXIT_CODES, answer, begin, end, unwritten
from zigzag_cli.audit import audit
from zigzag_cli.call import call
from zigzag_cli.completion import completion
from zigzag_cli.cost import cost
from zigzag_cli.doctor import doctor
from zigzag_cli.erase import erase
from zigzag_cli.limits import limit, limits
from zigzag_cli.logs import logs
from zigzag_cli.outputs import outputs
from zigzag_cli.pause import pause, resume
from zigzag_cli.peek import peek
from zigzag_cli.scheduled import cancel, scheduled
from zigzag_cli.schema import schema
from zigzag_cli.send import send
from zigzag_cli.status import queues, status
from zigzag_cli.tasks import tasks
from zigzag_cli.version import version
from zigzag_cli.within import END_SECONDS, TooLongError
from zigzag_local.errors import LocalAwsError
from zigzag_operate import OperateError
from zigzag_operate.target import PROJECT

app = typer.Typer(
    help="Zigzag: sends tasks, shows the queue, and runs all of it on this machine.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
_ENOUGH = 141
"""What a shell says of a program whose reader, such as `head`, has read enough."""

FLOW = (pause, resume, limit, limits)
SHOWN = (tasks, schema, outputs, completion, doctor, audit, cost)
COMMANDS = (send, call, status, queues, peek, logs, *FLOW, scheduled, cancel, erase, *SHOWN)
for command in COMMANDS:
    app.command(epilog=EXIT_CODES)(command)
app.add_typer(dead_letters.app, name="dead-letters")
app.add_typer(local.app, name="local")


def _version(wanted: bool) -> None:
    if wanted:
        answer(version(PROJECT), False, version(PROJECT))
        raise typer.Exit


@app.callback()
def _of_all(
    version: Annotated[
        bool, typer.Option("--version", help="Show Zigzag's version.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """Zigzag: send tasks, see what becomes of them, and run it all on this machine."""


def main() -> None:
    """Runs the command. A failure is one sentence on standard error, or with --json an object."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError):  # so that a terminal of any encoding shows every character
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    begin()
    try:
        app(prog_name="./zigzag")
    except TooLongError:
        end(f"AWS did not answer within {END_SECONDS:.0f} s; what was asked for may have been done")
    except OperateError as error:
        if isinstance(error.__cause__, BrokenPipeError):
            sys.exit(_ENOUGH)
        end(str(error), error.kind)
    except LocalAwsError as error:
        end(str(error))
    except OSError as error:
        if error.errno != ENOSPC:
            raise
        end(str(unwritten(error)))  # of a help
