"""The command line of a server, and the queue that it names."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from shared.aws.choice import LEAN
from shared.lease import MAX_RUN_SECONDS
from shared.ports.queue import MAX_POLL_SECONDS
from shared.queues import DEFAULT, TaskQueue, is_fifo
from shared.settings import SettingError, read
from worker.settings import WorkerSettings

MAX_AT_A_TIME = 256
"""Most tasks that a server runs at once. Each has a process."""

DEFAULT_GRACE_SECONDS = 20
"""Time for the running tasks after a SIGTERM. To end what outlasts it takes 6 s more, and Kubernetes and ECS
kill a container after 30 s
(https://docs.aws.amazon.com/AmazonECS/latest/developerguide/container_definition_timeout.html)."""

RELEASE_LEFT_SECONDS = 5
"""Time of the grace that is left after the longest receive: what it brought is released."""

_DEFAULTS = {
    "ZIGZAG_QUEUES": "",
    "ZIGZAG_OTHER_DEAD_LETTER_QUEUE_URL": "",
    "ZIGZAG_SCHEDULER": "",
    "ZIGZAG_METRICS": "false",
    "ZIGZAG_LARGE_BUCKET": "",
    "ZIGZAG_FAILURE_TOPIC": "",
    "ZIGZAG_REPLY_TO": "",
    "ZIGZAG_TRANSPORT": LEAN,
}
"""Variables of the worker function that a server need not have."""


class Options(NamedTuple):
    """The options.

    queue   -- the name of the queue.
    at_once -- how many tasks run at once.
    timeout -- most seconds of a task.
    grace   -- seconds for the running tasks after a SIGTERM.
    memory  -- MB of memory of each process; 0 if it is not limited.
    """

    queue: str
    at_once: int
    timeout: int
    grace: int
    memory: int

    @property
    def poll_seconds(self) -> int:
        """The longest wait of a receive. It ends within the grace: nobody has what it brings otherwise."""
        return max(1, min(MAX_POLL_SECONDS, self.grace - RELEASE_LEFT_SECONDS))

    def to_arguments(self) -> list[str]:
        """Returns the command line that has these options."""
        return [f"--{name.replace('_', '-')}={value}" for name, value in self._asdict().items()]


def options_of(arguments: Sequence[str]) -> Options:
    """Returns the options. For a wrong one, says what it may be, and exits with status 2."""
    parser = ArgumentParser(
        prog="python -m server",
        description="Serves a queue of the stack on this machine: receives messages, and runs their tasks.",
    )
    parser.add_argument("--queue", default=DEFAULT, metavar="NAME", help="the queue's name; default: default")
    parser.add_argument(
        "--at-once",
        type=_whole(1, MAX_AT_A_TIME, "tasks, each in a process of its own"),
        default=1,
        metavar="N",
        help="how many tasks run at once, each in a process of its own; default: 1",
    )
    parser.add_argument(
        "--timeout",
        type=_whole(1, MAX_RUN_SECONDS, "seconds: SQS hides a message for 12 hours from its receive"),
        default=MAX_RUN_SECONDS,
        metavar="SECONDS",
        help=f"most time of a task; default: {MAX_RUN_SECONDS}, which is also the most",
    )
    parser.add_argument(
        "--grace",
        type=_whole(0, MAX_RUN_SECONDS, "seconds"),
        default=DEFAULT_GRACE_SECONDS,
        metavar="SECONDS",
        help=f"time for the running tasks after a SIGTERM; default: {DEFAULT_GRACE_SECONDS}",
    )
    parser.add_argument(
        "--memory",
        type=_whole(0, 1 << 24, "MB; 0 is no limit"),
        default=0,
        metavar="MB",
        help="memory of each task's process, which is replaced when it is nearly used up; default: no limit",
    )
    given = parser.parse_args(arguments)
    return Options(given.queue, given.at_once, given.timeout, given.grace, given.memory)


def _whole(least: int, most: int, what: str) -> Callable[[str], int]:
    def parse(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = least - 1
        if not least <= number <= most:
            raise ArgumentTypeError(f"{text!r}; it may be {least} to {most} {what}")
        return number

    return parse


def settings_of(environ: Mapping[str, str]) -> WorkerSettings:
    """Returns the settings: the worker function's variables. Raises SettingError."""
    return read(WorkerSettings, {**_DEFAULTS, **environ})


def queue_of(settings: WorkerSettings, name: str) -> TaskQueue:
    """Returns the queue of that name. Raises SettingError if the stack has none, or no dead letters."""
    urls = {named: url for url, named in settings.names.items()}
    if name not in urls:
        raise SettingError(
            f"--queue is {name!r}; the queues of the stack are: {', '.join(sorted(urls))}. "
            "ZIGZAG_QUEUES has all but the first, as the stack's output Queues"
        )
    url, dead_letters = urls[name], settings.dead_letters_of(urls[name])
    if is_fifo(url) != is_fifo(dead_letters):
        raise SettingError(
            f"--queue is {name!r}, whose dead letters need a queue of its kind, FIFO or not: "
            "set ZIGZAG_OTHER_DEAD_LETTER_QUEUE_URL to the stack's output OtherDeadLetterQueueUrl"
        )
    return TaskQueue(name, url, dead_letters)
