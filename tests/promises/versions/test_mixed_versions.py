"""A consumer of one version, and a worker of another, as they are for some seconds of each deployment and
after a rollback: the promises hold, with a gate, a killed worker, and a redrive that is killed in between."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import pytest
from benchmarks.template import environment_of
from tests.project.corpus import versions
from tests.project.corpus.forms import from_text
from tests.promises.versions.stack import QUEUE, Stack, Version
from tests.support import body_of

from shared.ports.gates import Rate
from shared.ports.queue import Outgoing
from zigzag_project.parts import ROOT

pytestmark = pytest.mark.slow

AT_ONCE = 3
MAX_TICKS = 80
FUNCTIONS = ("ConsumerFunction", "WorkerFunction")

TASKS = '''
"""Tasks that leave a trail, and misbehave as their payload says."""
import json, os, time
from zigzag import Backoff, Context, Reject, task

SOON = Backoff(first=1, longest=5)

def act(payload, context):
    began = note(payload, "began")
    if began <= payload.get("kills", 0):
        os._exit(1)
    if began <= payload.get("fails", 0):
        raise ValueError("broken")
    if payload.get("rejects") and not os.path.exists(os.environ["TRAIL"] + ".repaired"):
        raise Reject("not repaired yet")
    note(payload, "done")

def note(payload, what):
    with open(os.environ["TRAIL"], "a+") as trail:
        trail.write(json.dumps([payload["id"], what]) + "\\n")
        trail.flush()
        trail.seek(0)
        return sum(json.loads(line) == [payload["id"], what] for line in trail)

@task(attempts=4, backoff=SOON)
def plain(payload: dict, context: Context) -> None:
    act(payload, context)

@task(attempts=4, backoff=SOON, idempotent=True)
def once(payload: dict, context: Context) -> None:
    act(payload, context)

@task(attempts=4, backoff=SOON, idempotent=True)
def first(payload: dict, context: Context):
    act(payload, context)
    return once.then({"id": "after-" + payload["id"]})

TASKS = {"plain": plain, "once": once, "first": first}
'''

MISBEHAVIOUR: tuple[dict[str, Any], ...] = ({}, {"fails": 1}, {"kills": 1}, {"fails": 2}, {"rejects": True})

Choose = Callable[[str, int], Version]


def today() -> Version:
    return Version("today", ROOT / "src", {name: environment_of(name) for name in FUNCTIONS})


@pytest.fixture(params=[pytest.param(one, id=one.name) for one in versions.versions()])
def before(request: pytest.FixtureRequest, tmp_path: Path) -> Version:
    """An earlier version, as its corpus has it."""
    folder: Path = request.param
    said = {one.what: one.means for one in from_text((folder / "defaults.jsonl").read_text(encoding="utf-8"))}
    source = versions.unpacked(folder, tmp_path / "src")
    return Version(folder.name, source, {name: said[name] for name in FUNCTIONS})


class Drain:
    """Sends, and drains the queue by functions of several versions."""

    def __init__(self, folder: Path) -> None:
        (folder / "tasks").mkdir()
        (folder / "tasks" / "__init__.py").write_text(TASKS)
        self._trail = folder / "trail"
        self._trail.touch()
        self._stack = Stack(folder, TRAIL=str(self._trail))
        self.sent: dict[str, dict[str, Any]] = {}

    def __enter__(self) -> Drain:
        stack = self._stack.__enter__()
        stack.does(lambda: stack.gates.cap(QUEUE, AT_ONCE))
        stack.does(lambda: stack.gates.limit(QUEUE, Rate(0.02, 5)))
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.__exit__()

    def send_all(self) -> None:
        """Sends a message of each task for each misbehaviour."""
        for name in ("plain", "once", "first"):
            for number, how in enumerate(MISBEHAVIOUR):
                id = f"{name}-{number}"
                self.sent[id] = how
                self._stack.send(Outgoing(body_of(name, {"id": id, **how}, id=id)))
                if name == "first":
                    self.sent[f"after-{id}"] = {}

    def send_again(self) -> None:
        """Sends what idempotent tasks have done once more, under the same ids."""
        for id in [id for id in self.sent if id.startswith(("once", "first"))]:
            self._stack.send(Outgoing(body_of(id.partition("-")[0], {"id": id}, id=id)))

    def run(self, choose: Choose, ticks: int = MAX_TICKS) -> None:
        """Ticks until the queue is empty."""
        for number in range(ticks):
            self._stack.tick(choose("consumer", number), partial(choose, "worker", number))
            if not len(self._stack.queue):
                return
            self._stack.clock.ahead += 60

    def redrive(self, *, killed: bool = False) -> None:
        """Redrives the letters of tasks that reject, which are repaired by now."""
        self._trail.with_name("trail.repaired").touch()
        self._stack.clock.ahead += 2  # since the last redrive, which hid them for a second
        self._stack.redrive(killed=killed)

    def noted(self, what: str) -> Counter[str]:
        lines = map(json.loads, self._trail.read_text().splitlines())
        return Counter(id for id, how in lines if how == what)

    def letters(self) -> dict[str, str]:
        """Returns the reasons of the dead letters, by their tasks' ids."""
        notes = [
            json.loads(one.attributes["zigzag"]["StringValue"]) for one in self._stack.dead_letters.messages
        ]
        return {note["id"]: note["reason"] for note in notes}

    def broken(self) -> Iterator[str]:
        """Yields each promise that was broken, once all is done."""
        began, done = self.noted("began"), self.noted("done")
        for id, how in self.sent.items():
            if done[id] != 1:
                yield f"{id} is {'lost' if not done[id] else f'done {done[id]} times'}"
            starts = 1 + how.get("fails", 0) + how.get("kills", 0) + bool(how.get("rejects"))
            if began[id] != starts:
                yield f"{id} was started {began[id]} times, not {starts}"
        yield from (f"a letter of {id}: {reason}" for id, reason in self.letters().items())
        yield from dict.fromkeys(self._stack.errors)
        if len(self._stack.queue):
            yield f"{len(self._stack.queue)} messages are left"
        if (most := max(self._stack.held, default=0)) > AT_ONCE:
            yield f"{most} ran at once"


@pytest.fixture
def drain(tmp_path: Path) -> Iterator[Drain]:
    with Drain(tmp_path) as drain:
        yield drain


def of_both(before: Version) -> dict[str, list[Choose]]:
    """Returns who works in each of four drains: two versions side by side, and a deployment with a
    rollback."""
    now, random = today(), Random(1)
    mixed: Choose = lambda _, tick: random.choice([before, now]) if tick else before  # noqa: E731
    alone = [partial(_same, one) for one in (before, now)]
    return {
        "a consumer of today": [lambda function, _: now if function == "consumer" else before] * 4,
        "a worker of today": [lambda function, _: before if function == "consumer" else now] * 4,
        "there and back": [mixed, *alone, mixed],
    }


def _same(version: Version, function: str, tick: int) -> Version:
    return version


@pytest.mark.parametrize("who", ["a consumer of today", "a worker of today", "there and back"])
def test_versions_that_work_together_break_no_promise(who: str, before: Version, drain: Drain) -> None:
    first, redriven, again, repeated = of_both(before)[who]
    # Given messages of tasks that fail, kill their worker or are rejected, behind a gate
    drain.send_all()
    # When they are drained,
    drain.run(first)
    assert sorted(drain.letters()) == sorted(id for id, how in drain.sent.items() if how.get("rejects"))
    # redriven by a command that is killed, and typed again,
    drain.redrive(killed=True)
    drain.run(redriven)
    drain.redrive()
    drain.run(again)
    # and sent once more
    drain.send_again()
    drain.run(repeated)

    # Then nothing is lost, and nothing done twice
    assert list(drain.broken()) == []


def test_a_worker_that_does_not_understand_the_event_is_found(before: Version, drain: Drain) -> None:
    file = before.source / "shared" / "lease.py"
    told = file.read_text(encoding="utf-8")
    file.write_text(told.replace('value["StartBy"]', 'value["Start"]'), encoding="utf-8")
    assert file.read_text(encoding="utf-8") != told
    drain.send_all()

    drain.run(of_both(before)["a consumer of today"][0], ticks=2)

    assert "plain-0 is lost" in drain.broken()
