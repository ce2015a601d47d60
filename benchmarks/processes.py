"""Runs a program until its end, on the clients' processor, and measures it."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import machine

MAX_RUN_SECONDS = 1200


class ArmFailedError(Exception):
    """An arm failed. The text is its output."""


@dataclass(frozen=True, slots=True)
class Ran:
    """The figures of a program's run.

    cpu_seconds -- its user and system time, with start and end.
    said        -- its last line, if that is JSON.
    log_bytes   -- the size of its whole output.
    """

    started_at: float
    wall_seconds: float
    cpu_seconds: float
    said: dict[str, Any]
    log_bytes: int


def run(command: Sequence[str], environment: Mapping[str, str], folder: Path) -> Ran:
    """Runs a command. Raises ArmFailedError if its status is not 0."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as errors:
        started_at = time.monotonic()
        with on_the_clients_processor():
            process = subprocess.Popen(
                command, env=environment, cwd=folder, stdin=subprocess.DEVNULL, stdout=out, stderr=errors
            )
        limit = threading.Timer(MAX_RUN_SECONDS, process.kill)
        limit.start()
        try:
            _, status, usage = os.wait4(process.pid, 0)
        except BaseException:
            process.kill()
            process.wait()
            raise
        finally:
            limit.cancel()
        wall_seconds = time.monotonic() - started_at
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        errors.seek(0)
        written = out.read()
        if process.returncode != 0:
            said = (written[-2000:] + errors.read()[-2000:]).decode(errors="replace")
            raise ArmFailedError(f"{' '.join(command)} ended with {process.returncode}:\n{said}")
    cpu_seconds = usage.ru_utime + usage.ru_stime
    return Ran(started_at, wall_seconds, cpu_seconds, _last_line(written), len(written))


@contextmanager
def on_the_clients_processor() -> Iterator[None]:
    """Moves this process to the clients' processor for the block. Programs started in it stay there."""
    if machine.CLIENT_CPU is None:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {machine.CLIENT_CPU})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _last_line(written: bytes) -> dict[str, Any]:
    lines = written.strip().splitlines()
    try:
        said = json.loads(lines[-1]) if lines else {}
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}
