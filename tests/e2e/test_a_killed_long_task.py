"""A task of five minutes is killed in its middle: how soon does it start again?

Within the lease, one tick, and 15 s for a slow start: not after the 15 minutes that its function
may take. It is killed in the worst moment, just after a heartbeat, and the consumer does not linger.

The tests go on from one to the next, because each has pytest's `faulthandler_timeout` to end.
"""

from __future__ import annotations

import json
import time
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

from shared.lease import LEASE_SECONDS
from tasks import TASKS
from zigzag_local.emulator import Emulator

pytestmark = [pytest.mark.slow, pytest.mark.nightly]

TASK_SECONDS = 300
KILLED_AFTER_SECONDS = 70
TICK_SECONDS = 60
STARTS_SLOWLY_SECONDS = 15
WAIT_SECONDS = 250  # less than pytest gives one test, and more than what is asked

TWO = ("chaos", "chaos_once")  # a plain task, and one whose owner is recorded, too


@dataclass(frozen=True)
class Stage:
    deployed: Deployed
    folder: Path
    saboteur: Saboteur

    def runs(self, task: str) -> list[Run]:
        return Effects(self.folder).by_id[task]

    def visible_at(self) -> dict[str, float]:
        """Returns when each task's lease ends, as the queue has it."""
        queued = self.deployed.ledger.queued()
        return {json.loads(message["Body"])["id"]: message["VisibleAt"] for message in queued}


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Sets up the stack, with both tasks on its queue."""
    if not {"push_news", "crawl_page", "send_welcome_mail"} <= TASKS.keys():
        pytest.skip("the example tasks, which the ledger needs, were deleted")
    project, folder = tmp_path_factory.mktemp("project"), tmp_path_factory.mktemp("effects")
    tasks = dict.fromkeys(TWO, "chaos")
    with deployed_copy(project, tasks, "WorkerTimeout=900", on=Emulator()) as deployed:
        deployed.lingers_no_more()
        deployed.set_worker(CHAOS_FOLDER=str(folder))
        for task in TWO:
            deployed.send(json.dumps({"task": task, "payload": {"seconds": TASK_SECONDS}, "id": task}))
        yield Stage(deployed, folder, Saboteur(deployed.aws, folder))


def test_their_function_may_run_for_15_minutes(stage: Stage) -> None:
    name = stage.deployed.outputs["WorkerFunctionName"]

    assert stage.deployed.client("lambda").get_function_configuration(FunctionName=name)["Timeout"] == 900


@pytest.fixture(scope="module")
def begun(stage: Stage) -> Stage:
    if not wait_until(lambda: all(stage.runs(task) for task in TWO), WAIT_SECONDS):
        pytest.fail(stage.deployed.said())
    return stage


def test_each_has_begun_once(begun: Stage) -> None:
    assert [len(begun.runs(task)) for task in TWO] == [1, 1]


@pytest.fixture(scope="module")
def killed(begun: Stage) -> Stage:
    """Kills both workers, each right after a heartbeat."""
    stage = begun
    last = max(stage.runs(task)[0].began for task in TWO)
    wait_until(lambda: time.monotonic() > last + KILLED_AFTER_SECONDS, WAIT_SECONDS)
    for task in TWO:
        wait_for_a_beat(stage, task)
        assert stage.saboteur.kill(stage.runs(task)[0].process, "workers killed")
    return stage


def wait_for_a_beat(stage: Stage, task: str) -> None:
    """Waits until its lease is longer than it was."""
    before = stage.visible_at()[task]
    if not wait_until(lambda: stage.visible_at()[task] > before, LEASE_SECONDS, every=0.2):
        pytest.fail(stage.deployed.said())


def test_both_are_killed_in_the_middle_of_their_first_run(killed: Stage) -> None:
    for task in TWO:
        (run,) = killed.runs(task)
        assert run.ended is None
        assert run.killed is not None
        assert KILLED_AFTER_SECONDS <= run.killed - run.began < TASK_SECONDS


@pytest.fixture(scope="module")
def again(killed: Stage) -> Stage:
    wait_until(lambda: all(len(killed.runs(task)) > 1 for task in TWO), WAIT_SECONDS)
    return killed


@pytest.mark.parametrize("task", TWO)
def test_a_second_run_starts_within_the_lease_one_tick_and_15_seconds(
    again: Stage, task: str, record_property: Record
) -> None:
    first, *others = again.runs(task)

    assert len(others) == 1, again.deployed.said()
    assert first.killed is not None
    seconds = others[0].began - first.killed
    record_property(COUNTED, f"{task}: killed in its middle, a second start after {seconds:.1f} s")
    assert seconds <= LEASE_SECONDS + TICK_SECONDS + STARTS_SLOWLY_SECONDS
