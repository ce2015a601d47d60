"""The game day: a stack on the local AWS gets into trouble, and an operator who knows no cure gets it out.

`make gameday` takes some twenty minutes; a minute of alarms and schedules takes 3 s there. The operator
types what the alarm that rings says, what `./zigzag status` says, and what the alarm's section of
docs/operations.md says, in its order. Who deploys the good release again, or repairs the service, is somebody
else: `mend`. At last, the runbook's commands that nothing needed are typed as well. It ends with 1 if nothing
rang, an order is lost or was shipped twice, a command of the runbook is not taken, or an audit of all lines
finds a broken promise.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from tests.e2e.conftest import Deployed
from tests.e2e.copies import deploy_copy
from tests.gameday.operator import Operator, Signal
from tests.gameday.world import World

from zigzag_local.emulator import Emulator
from zigzag_local.ledger import Ledger

PARAMETERS = ("AlarmEmail=a@example.com", "LingerSeconds=0", "WatchAlways=false", "WorkerTimeout=10")
MINUTE_SECONDS = 3
"""Of the alarms. On a busy machine a tick may take some of the ten after which the consumer is silent."""
SIGNAL_SECONDS = 90
SILENT_SECONDS = 185
"""After three minutes `status` calls a consumer silent: on AWS that is before the alarm, which takes ten."""
SETTLE_SECONDS = 6
"""Time for a command to show an effect."""
QUIET_SECONDS = 150
"""Time for all alarms to fall silent."""
LEASE_SECONDS = 70
"""Time for what is under way after the last command: what a killed process holds is hidden for a minute."""
ROUNDS = 4
NOTHING = "none"


@dataclass(frozen=True)
class Trouble:
    """A trouble, as a test of the stack, its signals and its runbook.

    begin -- makes it, with the trouble's name.
    mend  -- what somebody else mends after the operator has looked.
    again -- done each second until something rings.
    kills -- whether the first redrive is killed.
    looks -- seconds after the signal when the operator looks.
    """

    name: str
    begin: Callable[[World, str], object]
    mend: Callable[[World], object] = lambda world: None
    again: Callable[[World, str], object] = lambda world, name: None
    kills: bool = False
    looks: float = 0.0


def bad_deploy(world: World, name: str) -> None:
    world.release("bad")
    world.send(name, 30)


def away(world: World, name: str) -> None:
    world.service("down")
    world.send(name, 40)


def backlog(world: World, name: str) -> None:
    world.service("slow")
    world.send(name, 5_000)


def silence(world: World, name: str) -> None:
    world.deployed.set_rule(enabled=False)
    world.send(name, 5)


def back(world: World) -> None:
    world.service()


TROUBLES = (
    Trouble("a bad deploy", bad_deploy, lambda world: world.release("good")),
    Trouble("a poison flood", lambda world, name: world.send(name, 60, "no order")),
    Trouble(
        "no worker",
        lambda world, _: world.reserve_no_worker(),
        again=lambda world, name: world.send(name, 1),
    ),
    Trouble("a silent consumer", silence, looks=SILENT_SECONDS),
    Trouble("a service is away", away, back),
    Trouble("5,000 at once", backlog, back),
    Trouble("a killed redrive", away, back, kills=True),
)


@dataclass
class Outcome:
    """The end of a trouble: what called the operator, its sentence, and the last command that helped."""

    trouble: str
    signal: str = NOTHING
    sentence: str = ""
    command: str = ""
    lost: int = 0
    twice: int = 0


def main() -> int:
    console = Console(width=80)
    with Emulator(minute=MINUTE_SECONDS) as aws, tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        (work / "project").mkdir()
        outputs = deploy_copy(work / "project", aws, {"ship": "gameday"}, *PARAMETERS)
        deployed = Deployed(aws, outputs, Ledger(aws, outputs))
        deployed.set_worker(GAMEDAY_FOLDER=folder, GAMEDAY_RELEASE="good")
        world = World(deployed, work)
        operator = Operator(aws, outputs, deployed.client("cloudwatch"), work)
        asked = sys.argv[1:]
        troubles = [one for one in TROUBLES if not asked or any(word in one.name for word in asked)]
        found = [lived_through(one, world, operator, console) for one in troubles]
        for one in found:
            one.lost = len(world.open(one.trouble))
            one.twice = sum(n > 1 for id, n in world.done().items() if id.startswith(f"{one.trouble} "))
        audit = json.loads(operator.type("./zigzag audit --since 2h --json").out)
        not_taken = operator.type_the_rest()
    console.print(table(found, said_of(audit)))
    console.print(*(f"not taken: {command}" for command in not_taken), sep="\n")
    wrong = any(one.signal == NOTHING or one.lost or one.twice for one in found)
    return int(wrong or bool(not_taken) or audit.get("findings") != [])


def lived_through(trouble: Trouble, world: World, operator: Operator, console: Console) -> Outcome:
    """Makes the trouble, and lets the operator do what the signals say."""
    until(lambda: not operator.ringing(), QUIET_SECONDS)
    began, outcome = time.monotonic(), Outcome(trouble.name)
    print(f"{trouble.name}:", flush=True)
    trouble.begin(world, trouble.name)
    rang = threading.Event()
    threading.Thread(target=_again, args=(trouble, world, rang), daemon=True).start()
    killer = Killer(world)
    operator.on_start = killer.on_start if trouble.kills else lambda process: None
    for _ in range(ROUNDS):  # what is still wrong rings again
        signal = operator.wait_for_a_signal(SIGNAL_SECONDS, trouble.looks)
        rang.set()
        if signal is None:
            break
        if outcome.signal == NOTHING:
            outcome.signal, outcome.sentence = signal.name.removesuffix("Alarm"), signal.sentence
        follow(signal, trouble, world, operator, outcome)
        until(lambda: not world.open(trouble.name), LEASE_SECONDS)
        if not world.open(trouble.name):
            break
    assert killer.has_killed is trouble.kills, "the redrive was over before it could be killed"
    took = time.monotonic() - began
    console.print(f"{trouble.name}: {outcome.signal}, {took:.0f} s, {len(world.open(trouble.name))} left")
    return outcome


def follow(signal: Signal, trouble: Trouble, world: World, operator: Operator, outcome: Outcome) -> None:
    """Types what the signal says, each command once, until the trouble is over. After the first looks,
    somebody mends it."""
    typed = set[str]()
    for number, command in enumerate(operator.commands(signal)):
        if number == len(signal.types):
            trouble.mend(world)
        if command in typed:
            continue
        typed.add(command)
        left = len(world.open(trouble.name))
        operator.type(command)
        if settled(world, trouble.name) < left:
            outcome.command = command
        if not world.open(trouble.name):
            break


def _again(trouble: Trouble, world: World, rang: threading.Event) -> None:
    while not rang.wait(1):
        trouble.again(world, trouble.name)


class Killer:
    """Kills the first redrive of many letters, in the middle."""

    def __init__(self, world: World) -> None:
        self._world, self.has_killed = world, False

    def on_start(self, process: subprocess.Popen[str]) -> None:
        if "--rate" in list(process.args) and not self.has_killed:  # type: ignore[arg-type]
            threading.Thread(target=self._kill, args=(process,), daemon=True).start()

    def _kill(self, process: subprocess.Popen[str]) -> None:
        before = len(self._world.deployed.ledger.dead_letters())
        while process.poll() is None:
            if len(self._world.deployed.ledger.dead_letters()) <= before - 10:
                process.kill()
                self.has_killed = True
                return
            time.sleep(0.1)


def until(is_so: Callable[[], bool], seconds: float) -> None:
    end = time.monotonic() + seconds
    while not is_so() and time.monotonic() < end:
        time.sleep(0.5)


def settled(world: World, trouble: str) -> int:
    """Waits while the last command has an effect. Returns of how many orders nothing has become yet."""
    left, end = len(world.open(trouble)), time.monotonic() + SETTLE_SECONDS
    while left and time.monotonic() < end:
        time.sleep(0.5)
        if (now := len(world.open(trouble))) < left:
            left, end = now, time.monotonic() + SETTLE_SECONDS
    return left


def said_of(audit: dict[str, Any]) -> str:
    """Returns what the audit of all lines found, and what it could not judge."""
    found = [f"{one['kind']}: {one['said']}" for one in audit.get("findings", ())]
    counted = f"{audit.get('deliveries', 0):,} deliveries, {sum(audit.get('causes', {}).values())} possible"
    said = "; ".join(found or ["no finding" if "findings" in audit else str(audit.get("error"))])
    return "; ".join([f"audit: {said} ({counted} duplicates)", *audit.get("unknown", ())])


def table(found: list[Outcome], audit: str) -> Table:
    told = Table(title="The game day", caption=audit, width=80)
    for column in ("trouble", "signal", "sentence", "command", "lost", "twice"):
        told.add_column(column, overflow="fold")
    for one in found:
        told.add_row(one.trouble, one.signal, one.sentence, one.command, str(one.lost), str(one.twice))
    return told


if __name__ == "__main__":
    sys.exit(main())
