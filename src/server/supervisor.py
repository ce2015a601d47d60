"""Keeps the processes of a server running, and ends them after a signal.

A process ends after a task that broke it, as the worker function's does. Another one takes its place.
All that the task has started ends with it.

| signal (SIGTERM or SIGINT) | what happens |
|---|---|
| the first | none receives any more; the running tasks have the grace to end, and are then interrupted |
| the second | the running tasks are interrupted now, and their messages are visible at once |
| the third | all processes are killed; the messages come again when their leases end |
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from math import inf
from time import monotonic

from server.control import DRAIN, END, REPLACED_STATUS
from server.signals import Signals
from shared import log
from worker.deadline import SOFT_SECONDS

KILL_SECONDS = SOFT_SECONDS + 1
"""Seconds from the interrupt until a process that still runs is killed."""

KILL_AGAIN_SECONDS = 1.0
"""Seconds until a process is killed again. The kernel may need a while."""

SHORT_LIFE_SECONDS = 5.0
"""A signal that ended a younger process would probably end the next one, too."""

FIRST_PAUSE_SECONDS, MAX_PAUSE_SECONDS = 1.0, 60.0
"""Bounds of the pause until a process is started again that failed at its start: it would fail again."""

_LOOK = os.WEXITED | os.WNOHANG | os.WNOWAIT


def failed_at_its_start(status: int, lived_seconds: float) -> bool:
    """Returns whether another process would probably fail in the same way.

    A negative status is that of a signal. A task may have killed its process, but soon after its start it
    was more likely something that kills the next one, too. One that has lived for longer than the longest
    pause need not be held back.
    """
    short = MAX_PAUSE_SECONDS if status > 0 else SHORT_LIFE_SECONDS
    return status not in (0, REPLACED_STATUS) and lived_seconds < short


def pause_seconds(failed: int) -> float:
    """Returns how long to wait, after so many processes in a row that failed at their start."""
    return min(FIRST_PAUSE_SECONDS * 2.0 ** (min(failed, 10) - 1), MAX_PAUSE_SECONDS) if failed else 0.0


class Supervisor:
    """Runs processes.

    command -- starts a process; the descriptor of its orders and `arguments` are added.
    grace   -- seconds for the running tasks after the first signal.
    """

    def __init__(
        self, command: Sequence[str], arguments: Sequence[str], *, processes: int, grace: float
    ) -> None:
        self._command = command
        self._arguments = arguments
        self._places = [_Place() for _ in range(processes)]
        self._grace = grace
        self._asked = 0
        self._end_at = self._kill_at = inf
        self._status = 0

    def run(self) -> int:
        """Runs until a signal, and returns the exit status: 1 if a process had to be killed."""
        with Signals(signal.SIGTERM, signal.SIGINT, signal.SIGCHLD) as signals:
            try:
                while True:
                    self._reap()
                    if self._asked and not any(place.process for place in self._places):
                        return self._status
                    self._act()
                    for number in signals.wait(self._seconds_to_next()):
                        if number != signal.SIGCHLD:
                            self._ask()
            finally:
                self._kill()

    def _act(self) -> None:
        """Does what is due."""
        now = monotonic()
        if not self._asked:
            for place in self._places:
                if place.process is None and now >= place.start_at:
                    self._start(place)
        elif now >= self._kill_at:
            self._kill()
            self._kill_at = now + KILL_AGAIN_SECONDS
        elif now >= self._end_at:
            self._tell(END)
            self._end_at, self._kill_at = inf, now + KILL_SECONDS

    def _start(self, place: _Place) -> None:
        try:
            place.start(self._command, self._arguments)
        except OSError as error:  # the machine has no memory or no number for one more
            log.write(logging.ERROR, "a process can't be started", reason=str(error))
            place.start_at = monotonic() + MAX_PAUSE_SECONDS

    def _seconds_to_next(self) -> float:
        starts = [place.start_at for place in self._places if place.process is None and not self._asked]
        return max(0.0, min([*starts, self._end_at, self._kill_at]) - monotonic())

    def _ask(self) -> None:
        self._asked += 1
        now = monotonic()
        if self._asked == 1:
            log.write(logging.INFO, "the server stops", grace_seconds=self._grace)
            self._tell(DRAIN)
            self._end_at = now + self._grace
        elif self._asked == 2:
            self._end_at = now if self._kill_at == inf else inf
        else:
            self._kill_at = now

    def _tell(self, order: bytes) -> None:
        for place in self._places:
            place.tell(order)

    def _reap(self) -> None:
        for place in self._places:
            place.reap(stopping=bool(self._asked))
        with suppress(ChildProcessError):  # orphans of tasks, if this is the first process of a container
            while (found := os.waitid(os.P_ALL, 0, _LOOK)) is not None:
                if any(place.process and place.process.pid == found.si_pid for place in self._places):
                    return
                os.waitpid(found.si_pid, 0)

    def _kill(self) -> None:
        for place in self._places:
            if place.process is not None:
                self._status = 1
                place.kill()


class _Place:
    """The place of one process.

    start_at -- when the next process may be started, by the monotonic clock.
    """

    def __init__(self) -> None:
        self.process: subprocess.Popen[bytes] | None = None
        self.start_at = 0.0
        self._orders = -1
        self._began = 0.0
        self._failed = 0

    def start(self, command: Sequence[str], arguments: Sequence[str]) -> None:
        reads, self._orders = os.pipe()
        try:
            self.process = subprocess.Popen(
                [*command, str(reads), *arguments],
                stdin=subprocess.DEVNULL,
                pass_fds=(reads,),
                start_new_session=True,  # so that what its tasks start can be ended with it
            )
        finally:
            os.close(reads)
            if self.process is None:
                os.close(self._orders)
        self._began = monotonic()

    def tell(self, order: bytes) -> None:
        if self.process is not None:
            with suppress(BrokenPipeError):  # it has just ended
                os.write(self._orders, order)

    def reap(self, *, stopping: bool) -> None:
        """Clears the place if its process has ended."""
        if self.process is None or os.waitid(os.P_PID, self.process.pid, _LOOK) is None:
            return
        self._end_group()  # before its id is free for others
        status = self.process.wait()
        self.process = None
        os.close(self._orders)
        if stopping:
            return
        lived = monotonic() - self._began
        self._failed = self._failed + 1 if failed_at_its_start(status, lived) else 0
        pause = pause_seconds(self._failed)
        self.start_at = monotonic() + pause
        level = logging.INFO if status in (0, REPLACED_STATUS) else logging.ERROR
        lived = round(lived, 1)
        log.write(level, "a process is replaced", status=status, lived_seconds=lived, in_seconds=pause)

    def kill(self) -> None:
        self._end_group()

    def _end_group(self) -> None:
        """Ends the process and all that its tasks have started, except what has left its session."""
        if self.process is not None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)
