"""A saboteur of a local AWS: kills the processes of its functions, and holds it up.

Only what belongs to that local AWS is touched, each process by a handle that can't be another's.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from collections import Counter
from pathlib import Path

from tests.e2e.effects import FILE

from zigzag_local import processes
from zigzag_local.running import LocalAws


class Saboteur:
    """Works on `aws`, and writes each kill into the chaos tasks' file in `folder`."""

    def __init__(self, aws: LocalAws, folder: Path) -> None:
        self.done: Counter[str] = Counter()
        self._aws = aws
        self._folder = folder

    def processes_of(self, function: str) -> list[str]:
        """Returns the processes that run the function now, in the words of the chaos tasks' file."""
        named = f"AWS_LAMBDA_FUNCTION_NAME={function}".encode()
        return [
            name
            for pid in processes.find(self._aws.directory)
            if (name := _name(pid)) and named in _variables(pid)
        ]

    def kill(self, process: str, what: str) -> bool:
        """Sends it SIGKILL, if it is still there."""
        pid = int(process.partition("-")[0])
        try:
            handle = os.pidfd_open(pid)
        except ProcessLookupError:
            return False
        try:
            if _name(pid) != process or pid not in processes.find(self._aws.directory):
                return False
            self._write({"what": "killed", "id": "", "run": "", "process": process, "at": time.monotonic()})
            with contextlib.suppress(ProcessLookupError):  # it killed itself meanwhile
                signal.pidfd_send_signal(handle, signal.SIGKILL)
        finally:
            os.close(handle)
        self.done[what] += 1
        return True

    def freeze(self, seconds: float) -> None:
        """Makes the local AWS take requests, and answer none, for so long."""
        os.kill(self._aws.pid, signal.SIGSTOP)
        try:
            time.sleep(seconds)
        finally:
            os.kill(self._aws.pid, signal.SIGCONT)
        self.done["local AWS frozen"] += 1

    def _write(self, line: dict[str, object]) -> None:
        file = os.open(self._folder / FILE, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        try:
            os.write(file, json.dumps(line).encode() + b"\n")
        finally:
            os.close(file)


def _name(pid: int) -> str | None:
    """Returns number and start of a process that is there."""
    try:
        return f"{pid}-{Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()[19]}"
    except OSError:
        return None


def _variables(pid: int) -> list[bytes]:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return []
