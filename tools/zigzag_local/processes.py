"""Which processes belong to a local AWS, and how do all of them end?

A local AWS has a private directory, which is the TMPDIR of its server and so of every process that
the server starts. Processes are found by that, not by a number that may have been given to somebody
else since. Standard library only: the guard runs this in a bare interpreter.
"""

import contextlib
import os
import shutil
import signal
import time
from pathlib import Path

TERM_SECONDS = 3.0  # for an orderly end; the emulator holds nothing worth more waiting
KILL_SECONDS = 5.0  # for the kernel to take away what was killed

CLAIM = "zigzag-local-aws"
"""The file in a local AWS's directory that says so, by the directory's own path."""


def marker(directory: Path) -> str:
    """The value of TMPDIR that marks the processes of the local AWS in `directory`."""
    return str(directory / "tmp")


def claim(directory: Path) -> None:
    """Mark a new directory as a local AWS's own: it may be removed with all that is in it."""
    (directory / CLAIM).write_text(str(directory.resolve()))


def is_ours(directory: Path) -> bool:
    """Whether the directory was made for a local AWS, by this user, and stands where it was made."""
    try:
        claimed = (directory / CLAIM).read_text()
        owner = directory.lstat().st_uid
    except (OSError, ValueError):
        return False
    return directory.is_absolute() and claimed == str(directory) and owner == os.getuid()


def find(directory: Path) -> list[int]:
    """The process ids of the local AWS in `directory`, ended ones left out."""
    numbers = (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal())
    return [pid for pid in numbers if _belongs(pid, directory)]


def end(directory: Path) -> None:
    """End every process of the local AWS in `directory`, then remove the directory, if it is one's own."""
    for number, seconds in ((signal.SIGTERM, TERM_SECONDS), (signal.SIGKILL, KILL_SECONDS)):
        if _end_all(directory, number, seconds):
            break
    if is_ours(directory):
        shutil.rmtree(directory, ignore_errors=True)


def _belongs(pid: int, directory: Path) -> bool:
    try:
        variables = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:  # it ended meanwhile, or it is somebody else's
        return False
    return b"TMPDIR=" + os.fsencode(marker(directory)) in variables


def _end_all(directory: Path, number: signal.Signals, seconds: float) -> bool:
    """Signal all and whatever they start meanwhile; say whether all ended within `seconds`."""
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
        handle = os.pidfd_open(pid)  # holds this very process, even if its number is reused
        try:
            if _belongs(pid, directory):
                signal.pidfd_send_signal(handle, number)
        finally:
            os.close(handle)
