"""One queue is served by Lambda and by a server at once: the promises hold, no matter what goes wrong."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule, run_state_machine_as_test
from tests.promises.hostile import promises
from tests.promises.hostile.servers import Servers
from tests.promises.hostile.test_promises import CI, Hostile
from tests.promises.hostile.world import HostileWorld
from tests.support import slow

from shared.queues import DEFAULT

LONG_SECONDS = 20 * 60


class WithAServer(Hostile):
    """Three processes serve next to Lambda. They are killed, and replaced by others, at any time."""

    def __init__(self) -> None:
        super().__init__()
        self.servers: Servers | None = None

    @initialize(data=st.data())
    def begin(self, data: st.DataObject) -> None:
        Hostile.begin(self, data)
        self.servers = Servers(self._there.sandbox, 3, data.draw(st.sampled_from([300, 3600]), "timeout"))

    @rule(number=st.integers(0, 2))
    def kill(self, number: int) -> None:
        assert self.servers is not None
        self.servers.kill(number)

    @rule(number=st.integers(0, 2))
    def drain(self, number: int) -> None:
        assert self.servers is not None
        self.servers.drain(number)

    def teardown(self) -> None:
        """Kills the processes, before Lambda works what is left: days pass then, whose polls take long."""
        if self.servers is not None:
            self.servers.end()
        super().teardown()


class InOrderWithAServer(WithAServer):
    FIFO = True


class WithAServerWhileLeasesHold(WithAServer):
    LEASES_HOLD = True


class InOrderWithAServerWhileLeasesHold(WithAServerWhileLeasesHold):
    FIFO = True


@pytest.mark.parametrize(
    ("machine", "examples"),
    [
        pytest.param(WithAServer, 6, id="nothing is lost"),
        pytest.param(InOrderWithAServer, 6, id="nothing is lost of a FIFO queue"),
        pytest.param(WithAServerWhileLeasesHold, 6, id="nothing overlaps while leases hold"),
        pytest.param(InOrderWithAServerWhileLeasesHold, 5, id="a FIFO queue is in order while leases hold"),
        *slow((WithAServer, 25), (InOrderWithAServer, 15)),
        *slow((WithAServerWhileLeasesHold, 15), (InOrderWithAServerWhileLeasesHold, 15)),
    ],
)
def test_what_is_promised_holds(machine: type[Hostile], examples: int) -> None:
    run_state_machine_as_test(machine, settings=settings(CI, max_examples=examples))


@pytest.fixture
def world() -> Any:
    world = HostileWorld({}, flow_control=True)
    yield world
    world.close()


def test_an_exact_cap_holds_over_lambda_and_a_server(world: HostileWorld) -> None:
    world.sandbox.limit_at_once(3)
    servers = Servers(world.sandbox, 4)
    for _ in range(40):
        world.send("plain", seconds=20)

    world.settle_down()

    servers.end()
    assert world.trail.most_at_once() == 3
    promises.check_every_message_ended(world)


def test_a_pause_holds_for_lambda_and_a_server(world: HostileWorld) -> None:
    servers = Servers(world.sandbox, 2)
    world.sandbox.run_for(65)
    world.sandbox.pause()
    for _ in range(10):
        world.send("plain")

    world.sandbox.run_for(600)

    assert [life.starts for life in world.trail.lives] == [[]] * 10
    world.sandbox.resume()
    world.settle_down()
    servers.end()
    promises.check_every_message_ended(world)


def test_a_task_of_20_minutes_that_only_a_server_has_the_time_for_gets_there_at_last(
    world: HostileWorld,
) -> None:
    """Lambda interrupts it, and each time it uses up an attempt. So such tasks have a queue of their own,
    which `Concurrency` or a pause keeps from Lambda."""
    world.sandbox.schedule = None
    servers = Servers(world.sandbox, 2)
    for _ in range(4):
        world.send("once", seconds=LONG_SECONDS)

    world.sandbox.run_for(3 * LONG_SECONDS)

    servers.end()
    assert world.sandbox.dead_letters == []
    assert [len(life.starts) for life in world.trail.lives] == [1] * 4
    assert len(world.sandbox.queues[DEFAULT]) == 0
