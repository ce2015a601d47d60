"""2,000 tasks on the local AWS while it is done real harm: nothing lost, nothing done twice without a reason.

The functions' processes are killed with SIGKILL, from outside and by the tasks themselves, also between the
effect and the settling. The consumer is killed in the middle of a tick. Connections are cut, requests and
answers get lost, invokes are throttled, the local AWS answers nothing for seconds. Nobody invokes the
consumer but its rule. The true events are read from the chaos tasks' own file (effects.py) and from the wire
(wire.py), and never from what Zigzag says.

A killed worker's message comes back when its lease ends: the file takes about ten minutes. It waits in
several tests, in their order, because each of them has pytest's `faulthandler_timeout` to end.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import batched
from pathlib import Path
from random import Random
from typing import Any

import pytest
from tests.conftest import COUNTED, Record
from tests.e2e.conftest import Deployed
from tests.e2e.copies import deployed_copy
from tests.e2e.effects import Effects
from tests.e2e.saboteur import Saboteur
from tests.e2e.waiting import wait_until
from tests.e2e.wire import CUT, LOST, THROTTLED, UNANSWERED, Wire

from tasks import TASKS
from zigzag_local.emulator import Emulator
from zigzag_operate.audit import audit_of_stack

pytestmark = [pytest.mark.slow, pytest.mark.nightly]

MANY = 2000
PHASE_SECONDS = 250
"""Less than pytest gives one test."""

CHAOS = {"chaos": "chaos", "chaos_once": "chaos", "chaos_poison": "chaos"}

TWO = ("chaos", "chaos_once")  # a plain task, and an idempotent one

# Wishes of a task, besides taking up to 0.3 s, and how many of each of the two kinds have one.
HARM: dict[str, tuple[dict[str, Any], int]] = {
    "fails once": ({"fails": True}, 60),
    "rejected": ({"rejected": True}, 40),
    "dies before its effect": ({"dies": "before"}, 12),
    "dies after its effect": ({"dies": "after"}, 12),
    "dies while it is settled": ({"dies": "a moment later"}, 12),
}
WISHES = {"healthy": {}, "poison": {"dies": "always"}, **{kind: wish for kind, (wish, _) in HARM.items()}}
POISON = 4  # each kills its process at every start


# ---- What is sent ----


@dataclass(frozen=True)
class Sent:
    """A task, and what it is asked to do."""

    id: str
    task: str
    kind: str
    wish: dict[str, Any]

    @property
    def body(self) -> str:
        return json.dumps({"task": self.task, "payload": self.wish, "id": self.id})


def all_tasks(random: Random) -> list[Sent]:
    """Returns all tasks: poison first, because it takes longest."""
    poison = [("chaos_poison", "poison")] * POISON
    mixed = [(task, kind) for task in TWO for kind, (_, number) in HARM.items() for _ in range(number)]
    mixed += [(TWO[number % 2], "healthy") for number in range(MANY - len(poison) - len(mixed))]
    random.shuffle(mixed)
    return [
        Sent(f"chaos-{number}", task, kind, {**WISHES[kind], "seconds": round(random.uniform(0, 0.3), 3)})
        for number, (task, kind) in enumerate(poison + mixed)
    ]


# ---- What it runs on ----


@dataclass(frozen=True)
class Stage:
    """The deployed stack with the chaos tasks, the folder that they write to, and what was sent."""

    deployed: Deployed
    folder: Path
    wire: Wire
    saboteur: Saboteur
    sent: list[Sent]

    def effects(self) -> Effects:
        return Effects(self.folder)

    def ids(self, *, task: str | None = None, kind: str | None = None) -> set[str]:
        return {
            one.id for one in self.sent if one.task == (task or one.task) and one.kind == (kind or one.kind)
        }

    def left(self) -> int:
        """Returns how many messages are on the task queue, visible or not."""
        return self.deployed.count()

    def dead(self) -> set[str]:
        """Returns the ids of the dead letters: one is there twice if the answer to its sending got lost."""
        return {json.loads(letter["body"])["id"] for letter in self.deployed.ledger.dead_letters()}

    def dropped(self) -> int:
        """Returns how many events waited too long for a free worker."""
        now = datetime.now(UTC)
        name = {"Name": "FunctionName", "Value": self.deployed.outputs["WorkerFunctionName"]}
        found = self.deployed.client("cloudwatch").get_metric_statistics(
            Namespace="AWS/Lambda",
            MetricName="AsyncEventsDropped",
            Dimensions=[name],
            StartTime=now - timedelta(hours=1),
            EndTime=now + timedelta(minutes=1),
            Period=3600,
            Statistics=["Sum"],
        )
        return int(sum(point["Sum"] for point in found["Datapoints"]))

    def count(self) -> str:
        """Tells what was done, and what came of it."""
        effects, wire = self.effects(), self.wire
        counts = {
            "sent": len(self.sent),
            "succeeded": len(effects.succeeded),
            "dead": len(self.dead()),
            "left": self.left(),
            "starts": len(effects.runs),
            "effects that came again": effects.repeats(),
            "processes killed": len(effects.killed),
            **self.saboteur.done,
            "events dropped at their age": self.dropped(),
            **wire.fired,
            "requests": wire.passed.total(),
            "completions recorded": len(wire.recorded),
        }
        return ", ".join(f"{what} {number:,}" for what, number in counts.items())


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    if not {"push_news", "crawl_page", "send_welcome_mail"} <= TASKS.keys():
        pytest.skip("the example tasks, which the ledger needs, were deleted")
    project, folder = tmp_path_factory.mktemp("project"), tmp_path_factory.mktemp("effects")
    with (
        deployed_copy(project, CHAOS, on=Emulator()) as deployed,
        Wire(deployed.aws.endpoint, Random(3)) as wire,
    ):
        deployed.set_consumer(AWS_ENDPOINT_URL=wire.url, ZIGZAG_IN_FLIGHT_CAP="600")
        deployed.set_worker(AWS_ENDPOINT_URL=wire.url, CHAOS_FOLDER=str(folder))
        stage = Stage(deployed, folder, wire, Saboteur(deployed.aws, folder), all_tasks(Random(3)))
        send(deployed, stage.sent)
        yield stage


def send(deployed: Deployed, tasks: list[Sent]) -> None:
    sqs, url = deployed.client("sqs"), deployed.outputs["QueueUrl"]
    for batch in batched(tasks, 10, strict=False):
        entries = [{"Id": one.id, "MessageBody": one.body} for one in batch]
        assert not sqs.send_message_batch(QueueUrl=url, Entries=entries).get("Failed")


# ---- The harm ----


@pytest.fixture(scope="module")
def begun(stage: Stage) -> Stage:
    """Waits until the rule has fired."""
    if not wait_until(lambda: bool(stage.effects().runs), PHASE_SECONDS):
        pytest.fail(stage.deployed.said())
    return stage


@pytest.fixture(scope="module")
def harmed(begun: Stage) -> Stage:
    """Does all planned harm while the tasks are worked, each thing at its time."""
    stage, random = begun, Random(3)
    stage.wire.bad = True
    give_up_at = time.monotonic() + PHASE_SECONDS - 70  # what is late is then done at once
    for effects_first, harm in sorted(plan(), key=lambda step: step[0]):
        while len(stage.effects().succeeded) < effects_first and time.monotonic() < give_up_at:
            time.sleep(0.1)
        harm(stage, random)
    stage.wire.bad = False
    return stage


def plan() -> list[tuple[int, Callable[[Stage, Random], None]]]:
    """Returns the acts of harm, each with the number of effects at which it is done."""
    return [
        *((number, kill_a_worker) for number in range(60, 1800, 60)),
        *((number, cut_the_wire) for number in range(100, 1800, 100)),
        *((number, kill_the_consumer) for number in (250, 1000)),
        *((number, throttle_the_workers) for number in (450, 1250)),
        *((number, freeze_the_local_aws) for number in (700, 1500)),
    ]


def kill_a_worker(stage: Stage, random: Random) -> None:
    """Kills one in the middle of a task if there is one."""
    effects = stage.effects()
    alive = set(stage.saboteur.processes_of(stage.deployed.outputs["WorkerFunctionName"]))
    busy = [run.process for run in effects.under_way() if run.process in alive]
    # None that starts: MiniStack would end all others, too.
    started = [run.process for run in effects.runs[-50:] if run.process in alive]
    if busy or started:
        stage.saboteur.kill(random.choice(busy or started), "workers killed from outside")


def kill_the_consumer(stage: Stage, _: Random) -> None:
    """Kills it in the moment when it dispatches."""
    before = stage.wire.passed["Invoke"]
    wait_until(lambda: stage.wire.passed["Invoke"] > before, 20, every=0.01)
    for process in stage.saboteur.processes_of(stage.deployed.outputs["ConsumerFunctionName"]):
        stage.saboteur.kill(process, "consumers killed")


def cut_the_wire(stage: Stage, _: Random) -> None:
    stage.wire.cut()


def throttle_the_workers(stage: Stage, _: Random) -> None:
    """Lets one worker run at a time for some seconds. Events wait."""
    functions, name = stage.deployed.client("lambda"), stage.deployed.outputs["WorkerFunctionName"]
    functions.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=1)
    time.sleep(4)
    functions.delete_function_concurrency(FunctionName=name)
    stage.saboteur.done["times throttled"] += 1


def freeze_the_local_aws(stage: Stage, _: Random) -> None:
    """Freezes it for longer than the consumer waits for an invoke's answer."""
    stage.saboteur.freeze(6)


@pytest.fixture(scope="module")
def quiet(harmed: Stage) -> Stage:
    """Waits until most leases of killed workers have ended."""
    wait_until(lambda: harmed.left() == 0, PHASE_SECONDS)
    return harmed


@pytest.fixture(scope="module")
def drained(quiet: Stage) -> Stage:
    if not wait_until(lambda: quiet.left() == 0, PHASE_SECONDS):
        pytest.fail(f"{quiet.count()}; {quiet.deployed.said()}")
    return quiet


# ---- The tests, in the order of the phases ----


def test_each_kind_of_task_is_sent_plain_and_idempotent(stage: Stage) -> None:
    assert len(stage.ids()) == MANY
    assert all(stage.ids(task=task, kind=kind) for task in TWO for kind in ("healthy", *HARM))


def test_nobody_but_the_rule_wakes_the_consumer(begun: Stage) -> None:
    assert begun.deployed.firings() >= 1


def test_every_kind_of_harm_was_done(harmed: Stage) -> None:
    done = harmed.saboteur.done + harmed.wire.fired

    assert {
        "workers killed from outside",
        "consumers killed",
        "times throttled",
        "local AWS frozen",
        LOST,
        UNANSWERED,
        THROTTLED,
        CUT,
    } <= done.keys(), harmed.count()


def test_no_two_runs_of_one_message_overlap(quiet: Stage) -> None:
    assert quiet.effects().overlaps() == [], quiet.count()


def test_no_task_is_lost_each_has_succeeded_or_is_a_dead_letter(
    drained: Stage, record_property: Record
) -> None:
    record_property(COUNTED, f"real faults: {drained.count()}")
    succeeded, dead = drained.effects().succeeded, drained.dead()

    assert drained.ids() - succeeded - dead == set(), drained.count()
    assert len(drained.sent) == len(succeeded) + len(dead), drained.count()


def test_only_what_was_rejected_or_kills_its_process_always_is_dead(drained: Stage) -> None:
    assert drained.dead() == drained.ids(kind="rejected") | drained.ids(kind="poison"), drained.count()


def test_a_task_that_always_kills_its_process_is_tried_once_more_at_most(drained: Stage) -> None:
    starts = Counter(run.id for run in drained.effects().runs)

    assert {starts[id] for id in drained.ids(kind="poison")} <= {1, 2}


def test_no_idempotent_task_begins_after_its_completion_was_recorded(drained: Stage) -> None:
    recorded = drained.wire.recorded
    late = [
        run
        for run in drained.effects().runs
        if run.began > recorded.get(f"run#chaos_once#{run.id}", float("inf"))
    ]

    assert late == [], drained.count()


def test_every_idempotent_task_that_succeeded_is_recorded(drained: Stage) -> None:
    """Without that, the test before this one would say nothing."""
    idempotent = drained.ids(task="chaos_once") - drained.ids(kind="rejected")

    assert {f"run#chaos_once#{id}" for id in idempotent} <= drained.wire.recorded.keys()


def test_an_effect_comes_again_only_where_its_process_was_killed_after_it(drained: Stage) -> None:
    assert drained.effects().unexplained_repeats() == [], drained.count()


def test_an_audit_of_the_lines_finds_no_broken_promise(drained: Stage, record_property: Record) -> None:
    report = audit_of_stack(drained.deployed.target, time.time() - 3600, time.time())

    record_property(COUNTED, f"an audit: {report.deliveries:,} deliveries, {dict(report.causes)}")
    assert report.findings == []
    assert report.deliveries >= MANY
