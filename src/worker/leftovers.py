"""Removes what a task leaves behind in its process, so that the next one does not meet it.

Folder, variables, time zone, locale, signals, umask, limits and output are put back. If threads, child
processes, full memory or too many descriptors are left, the process ends once all is settled. Changes that a
task's module made at its import stay. All that this module calls was bound before a task could replace it.
"""

from __future__ import annotations

import os
import sys
from _locale import LC_ALL, setlocale  # `locale` itself takes long to load at a cold start

# Of the C module: `signal` makes an enum of each handler that it is asked for.
from _signal import (  # type: ignore[import-not-found]
    getsignal,
    pthread_sigmask,
    set_wakeup_fd,
    signal,
    valid_signals,
)
from _socket import getdefaulttimeout, setdefaulttimeout
from _thread import get_ident
from collections.abc import Iterator
from contextlib import suppress
from faulthandler import cancel_dump_traceback_later
from io import FileIO
from os import _exit, chdir, close, getcwd, getpid, listdir, stat, sysconf, umask, waitid, waitpid
from os import open as open_descriptor
from signal import ITIMER_PROF, ITIMER_REAL, ITIMER_VIRTUAL, SIG_BLOCK, SIG_SETMASK, SIGVTALRM, setitimer
from sys import getrecursionlimit, setrecursionlimit
from threading import enumerate as alive
from threading import main_thread
from time import tzset

from shared import log
from worker.interpreter import Interpreter
from worker.rlimits import ResourceLimits

FULL_MEMORY = 0.85
"""Share of the function's memory. With more in use, the next task might be killed."""

MAX_DESCRIPTORS = 512
"""Half of what Lambda allows a process (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html)."""

MAX_THREADS = 512
"""Half of what Lambda allows, by the same page. Threads that are daemons may stay, and each task may leave
one more."""

_SIGNALS = sorted(valid_signals() - {SIGVTALRM})  # that one is the alarm's
_TIMERS = (ITIMER_REAL, ITIMER_VIRTUAL, ITIMER_PROF)
_LOOK = os.WEXITED | os.WNOHANG | os.WNOWAIT
_THREADS = "/proc/self/task"
_MAIN = main_thread().ident
_PID = getpid()


class Before:
    """The state of the process before a task."""

    def __init__(self, environ: os._Environ[str]) -> None:
        # The dict inside `os.environ`: to read each variable by `os.environ` takes as long as a small task.
        self._environ = environ
        self._kept: dict[bytes, bytes] = environ.__dict__["_data"]
        self._threads = set(alive())
        self._children = _children()
        self._variables = self._kept.copy()
        self._folder = _folder()
        self._limits = ResourceLimits()
        self._interpreter = Interpreter()
        self._lowered: list[str] = []
        self._limit = getrecursionlimit()
        self._locale = setlocale(LC_ALL, None)
        self._signals = list(map(getsignal, _SIGNALS))
        self._blocked = pthread_sigmask(SIG_BLOCK, ())
        self._timeout = getdefaulttimeout()
        self._umask = umask(0o077)  # the only way to read it
        umask(self._umask)

    def put_back(self) -> str | None:
        """Puts back all that can be put back. Returns why the process must end, or None."""
        self._put_back()
        return "; ".join(self._left_behind()) or None

    def _put_back(self) -> None:
        if getrecursionlimit() != self._limit:
            setrecursionlimit(self._limit)  # first: the calls below need frames
        if getpid() == _PID:  # a forked child would wait for the thread that dumps, and was left behind
            cancel_dump_traceback_later()  # it may end the process
        self._interpreter.put_back()
        self._lowered = self._limits.put_back()  # the rest needs memory and descriptors, too
        log.restore()
        os.environ = self._environ  # noqa: B003 - a task may have put another in its place
        if self._kept != self._variables:
            self._put_back_variables()
        tzset()  # always: a task may have put back TZ without the time zone
        umask(self._umask)
        setdefaulttimeout(self._timeout)
        if self._folder is not None and _folder() != self._folder:
            with suppress(OSError):
                chdir(self._folder)
        if setlocale(LC_ALL, None) != self._locale:
            setlocale(LC_ALL, self._locale)
        if get_ident() == _MAIN:
            self._put_back_signals()

    def _put_back_variables(self) -> None:
        for name, value in list(self._kept.items()):
            if name not in self._variables:
                del os.environb[name]
            elif value != self._variables[name]:
                os.environb[name] = self._variables[name]
        for name in self._variables.keys() - self._kept.keys():
            os.environb[name] = self._variables[name]

    def _put_back_signals(self) -> None:
        for timer in _TIMERS:  # first: one whose handler is gone ends the process
            setitimer(timer, 0)
        if (now := list(map(getsignal, _SIGNALS))) != self._signals:
            for number, before, is_now in zip(_SIGNALS, self._signals, now, strict=True):
                if before is not None and is_now != before:
                    signal(number, before)
        pthread_sigmask(SIG_SETMASK, self._blocked)
        set_wakeup_fd(-1)  # its number may be another file's by now, into which each signal writes a byte

    def _left_behind(self) -> Iterator[str]:
        if self._lowered:
            yield f"its task lowered a limit of its process for good: {', '.join(self._lowered)}"
        threads = [one.name for one in alive() if one not in self._threads and not one.daemon]
        if threads:
            yield f"its task left threads behind: {', '.join(threads)[:200]}"
        children = [name for child in sorted(_children() - self._children) if (name := _running(child))]
        if children:
            yield f"its task left child processes behind: {', '.join(children)[:200]}"


def own_digits() -> None:
    """Gives the running code its own decimal context: contexts share one that the module has used."""
    decimal = sys.modules.get("decimal")
    if decimal is not None:
        decimal.setcontext(decimal.getcontext().copy())


def end_a_child(of: int) -> None:
    """Ends this process if it is not process `of` but a child that the task forked and that returned from the
    task. It would settle the message a second time, and ask for the next one."""
    if getpid() == of:
        return
    error = sys.exception()
    status = getattr(error, "code", None) if isinstance(error, SystemExit) else int(error is not None)
    with suppress(Exception):
        if error is not None and not isinstance(error, SystemExit):
            sys.excepthook(type(error), error, error.__traceback__)
        sys.stdout.flush()
    _exit(status if isinstance(status, int) else int(status is not None))


def worn_out(memory_mb: int, of: int) -> str | None:
    """Returns why the process must not run another task, or None.

    memory_mb -- the most that it ever had resident.
    of        -- the function's memory in MB; 0 if it is not known.
    """
    if of and memory_mb >= FULL_MEMORY * of and (now := _resident_mb()) >= FULL_MEMORY * of:
        return f"{now} MB of its {of} MB of memory are in use"
    try:
        lowest = open_descriptor(os.devnull, os.O_RDONLY)  # the lowest free one: all below it are open
        close(lowest)
    except OSError:  # none is free
        lowest = MAX_DESCRIPTORS
    if lowest >= MAX_DESCRIPTORS:
        return f"{lowest} descriptors are open"
    return f"{threads} threads run" if (threads := _running_threads()) >= MAX_THREADS else None


def _running_threads() -> int:
    """Returns the number of this process's threads, those of C code too; 0 if the kernel does not tell."""
    try:
        return stat(_THREADS).st_nlink - 2  # of a folder: one link for each folder in it
    except OSError:
        return 0


def _folder() -> str | None:
    try:
        return getcwd()
    except OSError:  # it was deleted
        return None


def _children() -> set[int]:
    """Returns the ids of the child processes, ended or not; {0} if the kernel does not name them."""
    try:
        waitid(os.P_ALL, 0, _LOOK)
    except ChildProcessError:  # usually there is none
        return set()
    found = set()
    try:
        for thread in listdir(_THREADS):
            with FileIO(f"{_THREADS}/{thread}/children") as children:
                found |= {int(pid) for pid in children.read().split()}
    except OSError:
        return {0}
    return found


def _running(child: int) -> str:
    """Returns the name of a running child process. Reaps one that has ended, and returns ''."""
    if child == 0:
        return "of unknown names"
    with suppress(OSError):
        if waitid(os.P_PID, child, _LOOK) is not None:
            waitpid(child, 0)
            return ""
        with FileIO(f"/proc/{child}/comm") as name:
            return name.read().strip().decode(errors="replace")
    return ""


def _resident_mb() -> int:
    with suppress(OSError), FileIO("/proc/self/statm") as pages:
        return int(pages.read().split()[1]) * sysconf("SC_PAGE_SIZE") // (1024 * 1024)
    return 0
