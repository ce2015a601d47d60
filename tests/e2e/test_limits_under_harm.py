"""On the local AWS: a service is away that all tasks need, and the worker with the only permit is killed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.conftest import COUNTED, Record
from tests.e2e.conftest import Deployed
from tests.e2e.copies import deployed_copy
from tests.e2e.effects import Effects, Run
from tests.e2e.saboteur import Saboteur
from tests.e2e.waiting import wait_until

from consumer.summary import UNAVAILABLE
from shared.lease import LEASE_SECONDS
from zigzag_local.emulator import Emulator
from zigzag_operate import StackGates

pytestmark = [pytest.mark.slow, pytest.mark.nightly]

TICK_SECONDS = 60
STARTS_SLOWLY_SECONDS = 15
WAIT_SECONDS = 250  # less than pytest gives one test, and more than what is asked


@dataclass(frozen=True)
class Stage:
    deployed: Deployed
    gates: StackGates
    folder: Path
    saboteur: Saboteur

    def send(self, task: str, id: str, **payload: object) -> None:
        self.deployed.send(json.dumps({"task": task, "payload": payload, "id": id}))

    def runs(self, id: str) -> list[Run]:
        return Effects(self.folder).by_id[id]


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Sets up a stack whose flow is controlled. Its schedule fires each minute, and no tick lingers."""
    project, folder = tmp_path_factory.mktemp("project"), tmp_path_factory.mktemp("effects")
    tasks = {"chaos": "chaos", "needs_a_service": "away"}
    with deployed_copy(project, tasks, "FlowControl=true", on=Emulator()) as deployed:
        deployed.lingers_no_more()
        deployed.set_worker(CHAOS_FOLDER=str(folder))
        yield Stage(deployed, StackGates(deployed.target), folder, Saboteur(deployed.aws, folder))


IDS = {f"needs it {number}" for number in range(4)}


@pytest.fixture(scope="module")
def away(stage: Stage) -> Stage:
    """Takes a service away that tasks need which have two attempts each. Two that say so shut the queue."""
    (stage.folder / "away").touch()
    stage.gates.limit(trip=2)
    for id in IDS:
        stage.send("needs_a_service", id)
    return stage


def test_while_a_service_is_away_the_queue_shuts(away: Stage) -> None:
    shut = wait_until(lambda: away.gates.why_closed() == UNAVAILABLE, WAIT_SECONDS)

    assert shut, away.deployed.said()


def test_once_it_is_back_all_succeed_and_none_is_a_dead_letter(away: Stage) -> None:
    (away.folder / "away").unlink()

    assert wait_until(lambda: Effects(away.folder).succeeded >= IDS, WAIT_SECONDS), away.deployed.said()
    assert away.deployed.ledger.dead_letters() == []
    assert away.gates.why_closed() is None


@pytest.fixture(scope="module")
def killed(stage: Stage) -> Stage:
    """Kills the worker of the only task that may run, while another one waits."""
    stage.gates.limit(at_once=1)
    stage.send("chaos", "killed", seconds=600)
    if not wait_until(lambda: bool(stage.runs("killed")), WAIT_SECONDS):
        pytest.fail(stage.deployed.said())
    stage.send("chaos", "next")
    assert stage.saboteur.kill(stage.runs("killed")[0].process, "workers killed")
    return stage


def test_the_permit_of_a_killed_worker_is_the_next_ones_within_the_lease_and_one_tick(
    killed: Stage, record_property: Record
) -> None:
    assert wait_until(lambda: bool(killed.runs("next")), WAIT_SECONDS), killed.deployed.said()

    dead, after = killed.runs("killed")[0], killed.runs("next")[0]
    assert dead.killed is not None
    seconds = after.began - dead.killed
    record_property(COUNTED, f"its permit is free, and the next task starts, after {seconds:.1f} s")
    assert seconds <= LEASE_SECONDS + TICK_SECONDS + STARTS_SLOWLY_SECONDS
