"""The output of a function: the standard output that it had when it began.

Tasks share the process. They may close or replace `sys.stdout`, redirect its descriptor, or print half a
line. Our lines go out all the same, each as a line of its own.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from time import monotonic, sleep
from typing import TextIO

WHOLE_LINE_SECONDS = 5.0
"""Longest wait for another process's line. One that was killed in the middle of it may never end."""


class Output:
    """Standard output and standard error of this process, as they are now."""

    def __init__(self) -> None:
        self._turns: int | None = None
        self._kept = (sys.stdout, sys.stderr)  # kept: otherwise their descriptors would be closed
        self._descriptor: int | None = None
        with suppress(AttributeError, OSError, ValueError):  # in a test it may have no descriptor
            self._theirs = sys.stdout.fileno()
            self._is = _identity(self._theirs)
            self._descriptor = os.dup(self._theirs)
        self._errors: list[tuple[int, tuple[int, int]]] = []
        with suppress(AttributeError, OSError, ValueError):
            self._errors.append((sys.stderr.fileno(), _identity(sys.stderr.fileno())))
        if self._descriptor is not None:
            sys.stdout, sys.stderr = _watched(sys.stdout), _watched(sys.stderr)
        self._streams = (sys.stdout, sys.stderr)

    def write(self, line: str) -> None:
        """Writes a line of ASCII. Never raises, as no caller could report the error."""
        if self._descriptor is None:
            with suppress(OSError, ValueError):
                self._streams[0].write(line + "\n")
                self._streams[0].flush()
            return
        half, _Descriptor.half_a_line = _Descriptor.half_a_line, False
        data = b"%b%b\n" % (b"\n" if half else b"", line.encode("ascii", "backslashreplace"))
        for descriptor in (self._descriptor, self._theirs):
            if self._leads_there(descriptor):
                with suppress(OSError), nullcontext() if self._turns is None else _turn(self._turns):
                    while data:
                        data = data[os.write(descriptor, data) :]
                return

    def take_turns(self) -> None:
        """Keeps lines whole where other processes write to the same pipe. One that is full takes a long line
        in pieces."""
        with suppress(OSError):  # another user's pipe can't be opened: lines go out as before
            self._turns = os.open(f"/dev/fd/{self._descriptor}", os.O_WRONLY | os.O_NONBLOCK)

    def restore(self) -> None:
        """Puts back standard output and standard error after a task, as far as possible."""
        if self._descriptor is None:
            return
        ours, theirs = self._leads_there(self._descriptor), self._leads_there(self._theirs)
        with suppress(OSError):
            if ours and not theirs:
                os.dup2(self._descriptor, self._theirs)
            elif theirs and not ours:
                self._descriptor = os.dup(self._theirs)
        # A child process, such as node, may have changed that for all who share them.
        for descriptor, output in ((self._descriptor, self._is), *self._errors):
            if _leads_to(descriptor, output):
                with suppress(OSError):
                    os.set_blocking(descriptor, True)
        if any(stream.closed for stream in self._streams):
            with suppress(OSError, ValueError):  # standard error's descriptor may be closed
                self._streams = (_watched(self._kept[0]), _watched(self._kept[1]))
        sys.stdout, sys.stderr = self._streams

    def close(self) -> None:
        """Puts back the process's own streams, for tests. A function's output is never closed."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            sys.stdout, sys.stderr = self._kept

    def _leads_there(self, descriptor: int) -> bool:
        return _leads_to(descriptor, self._is)


def _leads_to(descriptor: int, output: tuple[int, int]) -> bool:
    """Returns whether the descriptor leads to that file. Once closed, its number may be another file's."""
    try:
        return _identity(descriptor) == output
    except OSError:
        return False


@contextmanager
def _turn(turns: int) -> Iterator[None]:
    """Holds the lock, which each process has by a descriptor of its own, or goes on without it."""
    from fcntl import LOCK_EX, LOCK_NB, LOCK_UN, flock  # only a server needs it

    until = monotonic() + WHOLE_LINE_SECONDS
    while monotonic() < until:
        try:
            flock(turns, LOCK_EX | LOCK_NB)
            break
        except BlockingIOError:
            sleep(0.002)
        except OSError:
            break
    try:
        yield
    finally:
        with suppress(OSError):
            flock(turns, LOCK_UN)  # does nothing without the lock


class _Descriptor(io.FileIO):
    """The raw file of a stream. It writes each piece at once, as Lambda's own streams do."""

    half_a_line = False
    """True if the last write ended within a line. All streams share it: two may be the same pipe."""

    def write(self, data: io._WriteBuffer, /) -> int:  # type: ignore[name-defined]
        written = super().write(data)
        if written:
            _Descriptor.half_a_line = bytes(memoryview(data)[written - 1 : written]) != b"\n"
        return written


def _watched(stream: TextIO) -> TextIO:
    """Returns a stream to the same descriptor, which it leaves open, that notes whether a line has ended."""
    descriptor = _Descriptor(stream.fileno(), "w", closefd=False)
    return io.TextIOWrapper(
        descriptor,  # as Python itself does for unbuffered streams
        encoding=stream.encoding,
        errors=stream.errors,
        write_through=True,
    )


def _identity(descriptor: int) -> tuple[int, int]:
    """Returns the identity of the descriptor's file. Raises OSError if there is none."""
    found = os.fstat(descriptor)
    return found.st_dev, found.st_ino
