"""The orders of the supervisor to a process, over a real pipe."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from math import inf
from threading import Event

import pytest

from server.control import DRAIN, END, Control
from worker.deadline import SOFT_SECONDS
from zigzag.in_place import run_in_place

WAIT_SECONDS = 10.0


class Pipe:
    """A control, and the supervisor's end of its pipe. `interrupted` is set when its task is interrupted."""

    def __init__(self) -> None:
        self.reads, self.writes = os.pipe()
        self.interrupted = Event()
        self.control = Control(self.reads, self.interrupted.set)
        self.control.begin()

    def sleep(self) -> None:
        """Sleeps as a process does that has nothing to receive: an order ends it."""
        run_in_place(self.control.sleep(WAIT_SECONDS))


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    """Yields a pipe. A thread that waits for an order ends with it."""
    pipe = Pipe()
    yield pipe
    for descriptor in (pipe.writes, pipe.reads):
        try:
            os.close(descriptor)
        except OSError:
            continue


def order(what: bytes) -> Callable[[Pipe], object]:
    return lambda pipe: os.write(pipe.writes, what)


@pytest.mark.parametrize(
    "happens",
    [
        pytest.param(order(DRAIN), id="the supervisor asks it to stop"),
        pytest.param(lambda pipe: os.close(pipe.writes), id="the supervisor is dead"),
    ],
)
def test_a_process_receives_nothing_more_if(pipe: Pipe, happens: Callable[[Pipe], object]) -> None:
    assert not pipe.control.asked

    happens(pipe)
    pipe.sleep()

    assert pipe.control.asked
    assert pipe.control.seconds_left() == inf
    assert not pipe.interrupted.is_set()


def test_the_second_order_interrupts_the_task_and_leaves_time_to_settle_its_message(pipe: Pipe) -> None:
    order(DRAIN + END)(pipe)

    assert pipe.interrupted.wait(WAIT_SECONDS)
    assert pipe.control.asked
    assert 0 < pipe.control.seconds_left() <= SOFT_SECONDS
