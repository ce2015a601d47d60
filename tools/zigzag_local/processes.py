"""Finds the processes of a local AWS, and ends them all.

A local AWS has a private directory. It is the TMPDIR of its server, and so of every process that the server
starts. Processes are found by that variable, not by a number, which another process may have by now. The
module needs only the standard library, as the guard runs it in a bare interpreter.
"""

import contextlib
import os
import shutil
import signal
import time
from pathlib import Path

TERM_SECONDS = 3.0  # for a normal end; the emulator has no data worth a longer wait
KILL_SECONDS = 5.0  # for the kernel to remove killed processes

CLAIM = "zigzag-local-aws"
"""The file that marks a local AWS's directory. It has the directory's own path."""


def marker(directory: Path) -> str:
    """Returns the value of TMPDIR that marks the processes of the local AWS in `directory`."""
    return str(directory / "tmp")


def claim(directory: Path) -> None:
    """Marks a new directory as a local AWS's own, which may be removed with all its content."""
    (directory / CLAIM).write_text(str(directory.resolve()))


def is_ours(directory: Path) -> bool:
    """Returns whether this user made the directory for a local AWS, and it was not moved."""
    try:
        claimed = (directory / CLAIM).read_text()
        owner = directory.lstat().st_uid
    except (OSError, ValueError):
        return False
    return directory.is_absolute() and claimed == str(directory) and owner == os.getuid()


def find(directory: Path) -> list[int]:
    """Returns the ids of the running processes of the local AWS in `directory`."""
    numbers = (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal())
    return [pid for pid in numbers if _belongs(pid, directory)]


def end(directory: Path) -> None:
    """Ends every process of the local AWS in `directory`, then removes that, if it is a local AWS's."""
    for number, seconds in ((signal.SIGTERM, TERM_SECONDS), (signal.SIGKILL, KILL_SECONDS)):
        if _end_all(directory, number, seconds):
            break
    if is_ours(directory):
        shutil.rmtree(directory, ignore_errors=True)


def _belongs(pid: int, directory: Path) -> bool:
    try:
        variables = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:  # it has ended, or belongs to another user
        return False
    return b"TMPDIR=" + os.fsencode(marker(directory)) in variables


def _end_all(directory: Path, number: signal.Signals, seconds: float) -> bool:
    """Signals all processes, and those they start meanwhile. Returns whether all ended in `seconds`."""
    deadline = time.monotonic() + seconds
    signalled: set[int] = set()
    while running := set(find(directory)):
        for pid in running - signalled:
            _signal(pid, directory, number)
        signalled |= running
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def _signal(pid: int, directory: Path, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        handle = os.pidfd_open(pid)  # refers to this process even if its number is reused
        try:
            if _belongs(pid, directory):
                signal.pidfd_send_signal(handle, number)
        finally:
            os.close(handle)
