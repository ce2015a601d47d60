"""A server in real processes, on an AWS of moto's over HTTP, with tasks of a test's own."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import boto3
from tests.stacks import TABLE

SRC = Path(__file__).parents[2] / "src"
SOON_SECONDS = 100.0
"""More than anything here takes that does not wait for a lease."""

TASKS = """
import json, os, subprocess, threading, time
from zigzag import task

def note(what, name):
    with open(os.environ["NOTES"], "a") as notes:
        notes.write(json.dumps({"what": what, "name": name, "pid": os.getpid(), "at": time.time()}) + "\\n")

@task(attempts=3)
def takes(payload: dict) -> None:
    note("began", payload["name"])
    try:
        ends = time.time() + payload.get("seconds", 0)
        while time.time() < ends:
            time.sleep(0.05)
        if payload.get("leaves"):
            child = subprocess.Popen(["sleep", "300"])
            note(f"child {child.pid}", payload["name"])
    finally:
        note("cleaned up", payload["name"])
    note("ended", payload["name"])

@task(attempts=3, timeout=3000)
async def takes_its_time(payload: dict) -> None:
    import asyncio
    note("began", payload["name"])
    await asyncio.sleep(payload["seconds"])
    note("ended", payload["name"])
"""

_numbers = itertools.count(1)


class Place:
    """A stack's queues and table at moto, tasks of a test's own, and leases that may be short."""

    def __init__(self, folder: Path, aws: dict[str, str], lease_seconds: int | None = None) -> None:
        # Only what differs: the rest is compiled already.
        changed, self.notes = folder / "src", folder / "notes"
        _copy("tasks", changed)
        (changed / "tasks" / "own.py").write_text(TASKS)
        with (changed / "tasks" / "__init__.py").open("a") as table:
            table.write('TASKS |= dict.fromkeys(("takes", "takes_its_time"), "tasks.own")\n')
        if lease_seconds is not None:
            _copy("shared", changed)
            _shorten(changed / "shared" / "lease.py", lease_seconds)
        number = next(_numbers)
        self.sqs = boto3.client("sqs")
        self.urls = {
            name: self.sqs.create_queue(QueueName=f"{name}-{number}")["QueueUrl"]
            for name in ("tasks", "urgent", "dead")
        }
        self.table = f"records-{number}"
        boto3.client("dynamodb").create_table(TableName=self.table, **TABLE["Properties"])
        self.variables = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "ZIGZAG_"))},
            **aws,
            "PYTHONPATH": os.pathsep.join(map(str, (changed, SRC))),
            "NOTES": str(self.notes),
            "ZIGZAG_QUEUE_URL": self.urls["tasks"],
            "ZIGZAG_QUEUES": f"urgent:6={self.urls['urgent']}",
            "ZIGZAG_DEAD_LETTER_QUEUE_URL": self.urls["dead"],
            "ZIGZAG_RECORDS_TABLE": self.table,
            "ZIGZAG_FLOW_CONTROL": "false",
        }

    def send(self, name: str, task: str = "takes", queue: str = "tasks", **payload: Any) -> None:
        body = json.dumps({"task": task, "payload": {"name": name, **payload}})
        self.sqs.send_message(QueueUrl=self.urls[queue], MessageBody=body)

    def noted(self, what: str) -> list[str]:
        """Returns the names of the tasks that have noted it."""
        return [note["name"] for note in self.all_notes() if note["what"] == what]

    def all_notes(self) -> list[dict[str, Any]]:
        text = self.notes.read_text() if self.notes.exists() else ""
        return [json.loads(line) for line in text.splitlines()]

    def waiting(self, queue: str = "tasks") -> tuple[int, int]:
        """Returns how many messages are visible, and how many are not."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        said = self.sqs.get_queue_attributes(QueueUrl=self.urls[queue], AttributeNames=names)["Attributes"]
        return int(said[names[0]]), int(said[names[1]])

    @contextmanager
    def server(self, *options: str, **variables: str) -> Iterator[Server]:
        server = Server([sys.executable, "-m", "server", *options], {**self.variables, **variables})
        with server:
            yield server


class Server:
    """A server that runs, and what it has logged."""

    def __init__(self, command: list[str], variables: dict[str, str]) -> None:
        self.lines: list[dict[str, Any]] = []
        self.errors = ""
        self._process = subprocess.Popen(
            command, env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self._readers = [threading.Thread(target=self._read), threading.Thread(target=self._read_errors)]

    def __enter__(self) -> Self:
        for reader in self._readers:
            reader.start()
        return self

    def __exit__(self, *_: object) -> None:
        for number in (signal.SIGTERM,) * 3:
            if self._process.poll() is None:
                self.signal(number)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self._process.wait(0.2)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(SOON_SECONDS)
        self._process.kill()
        self._process.wait()
        for reader in self._readers:
            reader.join()
        print(*self.lines, self.errors, sep="\n")  # shown if the test fails
        for stream in (self._process.stdout, self._process.stderr):
            if stream is not None:
                stream.close()

    @property
    def pid(self) -> int:
        return self._process.pid

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def ended(self, seconds: float = SOON_SECONDS) -> int:
        """Waits for its end, and returns its status."""
        return self._process.wait(seconds)

    def processes(self) -> list[int]:
        """Returns the processes that serve now."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text()
        return [int(pid) for pid in children.split()]

    def logged(self, message: str) -> list[dict[str, Any]]:
        return [line for line in self.lines if line["message"] == message]

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.lines.append(json.loads(line))

    def _read_errors(self) -> None:
        assert self._process.stderr is not None
        self.errors = self._process.stderr.read()


def wait_until(is_so: Callable[[], object], seconds: float = SOON_SECONDS) -> None:
    give_up_at = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < give_up_at, "it has not come true"
        time.sleep(0.05)


def is_there(pid: int) -> bool:
    """Returns whether the process runs: one that has ended may still be named."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _copy(package: str, into: Path) -> None:
    shutil.copytree(SRC / package, into / package, ignore=shutil.ignore_patterns("__pycache__"))


def _shorten(lease: Path, seconds: int) -> None:
    text = lease.read_text()
    for name, value in (("LEASE_SECONDS", seconds), ("SAFETY_SECONDS", seconds // 4)):
        text, found = re.subn(rf"^{name} = \d+$", f"{name} = {value}", text, flags=re.MULTILINE)
        assert found == 1
    lease.write_text(text)
