"""The output of a function: its standard output, as it was when the function began.

Tasks share the process: they close `sys.stdout`, put others in its place, point its descriptor elsewhere,
or print half a line. Our lines go out all the same, each as a line of its own.
"""

from __future__ import annotations

import io
import os
import sys
from contextlib import suppress
from typing import TextIO


class Output:
    """Standard output and standard error of this process, from now on."""

    def __init__(self) -> None:
        self._kept = (sys.stdout, sys.stderr)  # or their descriptors would be closed with them
        self._descriptor: int | None = None
        with suppress(AttributeError, OSError, ValueError):  # a test's, say, has no descriptor
            self._theirs = sys.stdout.fileno()
            self._is = _identity(self._theirs)
            self._descriptor = os.dup(self._theirs)
        if self._descriptor is not None:
            sys.stdout, sys.stderr = _watched(sys.stdout), _watched(sys.stderr)
        self._streams = (sys.stdout, sys.stderr)

    def write(self, line: str) -> None:
        """Writes a line of ASCII. Never raises: there is nobody left to tell."""
        if self._descriptor is None:
            with suppress(OSError, ValueError):
                self._streams[0].write(line + "\n")
                self._streams[0].flush()
            return
        half, _Descriptor.half_a_line = _Descriptor.half_a_line, False
        data = b"%b%b\n" % (b"\n" if half else b"", line.encode("ascii", "backslashreplace"))
        for descriptor in (self._descriptor, self._theirs):
            if self._leads_there(descriptor):
                with suppress(OSError):
                    while data:
                        data = data[os.write(descriptor, data) :]
                return

    def restore(self) -> None:
        """Undoes what a task has done to its standard output and standard error, as far as it can be."""
        if self._descriptor is None:
            return
        ours, theirs = self._leads_there(self._descriptor), self._leads_there(self._theirs)
        with suppress(OSError):
            if ours and not theirs:
                os.dup2(self._descriptor, self._theirs)
            elif theirs and not ours:
                self._descriptor = os.dup(self._theirs)
        if any(stream.closed for stream in self._streams):
            with suppress(OSError, ValueError):  # standard error's descriptor may be gone for good
                self._streams = (_watched(self._kept[0]), _watched(self._kept[1]))
        sys.stdout, sys.stderr = self._streams

    def close(self) -> None:
        """Gives back what was taken. For tests: a function's is never closed."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            sys.stdout, sys.stderr = self._kept

    def _leads_there(self, descriptor: int) -> bool:
        """Whether it does still: closed, its number may be another file's by now."""
        try:
            return _identity(descriptor) == self._is
        except OSError:
            return False


class _Descriptor(io.FileIO):
    """What a stream writes to: each piece at once, as Lambda's own streams do."""

    half_a_line = False
    """Of any stream: two may be one pipe."""

    def write(self, data: io._WriteBuffer, /) -> int:  # type: ignore[name-defined]
        written = super().write(data)
        if written:
            _Descriptor.half_a_line = bytes(memoryview(data)[written - 1 : written]) != b"\n"
        return written


def _watched(stream: TextIO) -> TextIO:
    """The same stream, which knows whether its last line has ended. To close it closes no descriptor."""
    descriptor = _Descriptor(stream.fileno(), "w", closefd=False)
    return io.TextIOWrapper(
        descriptor,  # as Python itself does for unbuffered streams
        encoding=stream.encoding,
        errors=stream.errors,
        write_through=True,
    )


def _identity(descriptor: int) -> tuple[int, int]:
    """Of the file behind it. Raises OSError if there is none."""
    found = os.fstat(descriptor)
    return found.st_dev, found.st_ino
