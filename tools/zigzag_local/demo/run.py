"""The demo, step by step: start, build, deploy, send, watch, count."""

import json
import tempfile
import time
from collections.abc import Sequence
from itertools import batched
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from zigzag_local import aws_cli, stack
from zigzag_local.demo.batch import Sent, batch
from zigzag_local.demo.progress import Progress, Watch
from zigzag_local.demo.site import site
from zigzag_local.emulator import Emulator
from zigzag_local.ledger import Ledger
from zigzag_local.running import LocalAws
from zigzag_local.steps import deploy_in_steps, step

GIVE_UP_SECONDS = 240
"""Most time after the sends: the first tick comes within a minute, the last retry half a minute later."""

LOOK_SECONDS = 0.5


def run(project: Path, console: Console) -> bool:
    """Shows the queue on a local AWS, which ends afterwards. Returns whether every message is accounted for.

    Raises LocalAwsError.
    """
    with site() as pages, Emulator() as aws:
        console.print(f"A local AWS runs at {aws.endpoint}: MiniStack, on this machine only")
        ledger = _deploy(project, aws, console)
        messages = batch(pages)
        _send(aws, stack.outputs(project, aws.environment())["QueueUrl"], messages, console)
        with step(console, "the schedule, rate(1 minute), wakes the consumer: in about a minute"):
            watch = Watch(ledger, messages)
            progress = _watch(watch, console)
    console.print(_table(messages, watch))
    console.print(
        f"{progress.sent} sent = {progress.done} done + {progress.dead} dead letters"
        if progress.over
        else f"[red]{progress.unaccounted} of {progress.sent} messages are unaccounted for[/red]"
    )
    return progress.over


def _deploy(project: Path, aws: LocalAws, console: Console) -> Ledger:
    environment, build_dir = aws.environment(), aws.directory / "sam" / "build"
    deploy_in_steps(project, environment, build_dir, aws.directory / "sam.log", console)
    return Ledger(aws, stack.outputs(project, environment))


def _send(aws: LocalAws, queue_url: str, messages: Sequence[Sent], console: Console) -> None:
    with (
        step(console, f"aws sqs send-message-batch: {len(messages)} messages"),
        tempfile.NamedTemporaryFile("w", suffix=".json", dir=aws.directory) as file,
    ):
        for ten in batched(messages, 10, strict=False):
            entries = [{"Id": str(id), "MessageBody": message.body} for id, message in enumerate(ten)]
            file.seek(0)
            file.truncate()
            json.dump(entries, file)
            file.flush()
            entries_from = f"file://{file.name}"
            aws_cli.run(aws, "sqs", "send-message-batch", "--queue-url", queue_url, "--entries", entries_from)


def _watch(watch: Watch, console: Console) -> Progress:
    """Shows the progress until all messages have ended, or the time is over: on a terminal in one line that
    changes, elsewhere in a line for each change."""
    give_up_at = time.monotonic() + GIVE_UP_SECONDS
    progress, shown = watch.look(), ""
    with console.status(str(progress)) as status:
        while not progress.over and time.monotonic() < give_up_at:
            progress = watch.look()
            if str(progress) != shown and not console.is_terminal:
                console.print(f"  {progress}")
            shown = str(progress)
            status.update(shown)
            time.sleep(LOOK_SECONDS)
    return progress


def _table(messages: Sequence[Sent], watch: Watch) -> Table:
    table = Table("message", "sent", "done", "retried", "dead", title="Counted from the effects")
    table.add_column("why", overflow="fold")
    for row in dict.fromkeys(message.row for message in messages):
        ours = [message for message in messages if message.row == row]
        dead = [message for message in ours if message.is_dead(watch.effects)]
        reasons = {watch.effects.dead[message.body] for message in dead}
        done = sum(message.is_done(watch.effects) for message in ours)
        retried = sum(message.body in watch.retried for message in ours)
        counts = (len(ours), done, retried, len(dead))
        why = Text("\n".join(sorted(reasons)))  # as plain text: it may have brackets
        table.add_row(row, *(str(count) if count else "" for count in counts), why)
    return table
