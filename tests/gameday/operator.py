"""The operator of the game day: knows no cure, and types what an alarm, `status` and the runbook say."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from tests.project.docs.pages import ROOT, read

from zigzag_local.running import LocalAws

SAYS = re.compile(r"^(?P<wrong>.+)\. Type: (?P<type>.+)\. Read: docs/operations\.md#(?P<anchor>[\w-]+)$")
TYPED = re.compile(r"^((?:\./zigzag|aws) .+)$|`((?:\./zigzag|aws) [^`\n]+)`", re.MULTILINE)
GROUP_OF_THE_PAGE = "7c1e93aa"
COMMAND_SECONDS = 60
ADD_YES = "--yes"
NOT_UNDERSTOOD = re.compile(r"^Usage:|Traceback|^usage:|the following arguments are required", re.MULTILINE)
"""Words by which a program refuses a command, or says that it fails."""


class Signal(NamedTuple):
    """A call of the operator: its name, its sentence, what it says to type, and the runbook's section."""

    name: str
    sentence: str
    types: tuple[str, ...]
    anchor: str | None


class Said(NamedTuple):
    status: int
    out: str
    error: str


def runbook(anchor: str) -> list[str]:
    """Returns the commands of a section of the runbook, in their order."""
    for section in re.split(r"^##+ ", read("docs/operations.md"), flags=re.MULTILINE):
        heading, _, text = section.partition("\n")
        if heading.lower().replace(" ", "-") == anchor:
            return [one or other for one, other in TYPED.findall(text)]
    raise LookupError(f"docs/operations.md has no section {anchor}")


def all_commands() -> list[str]:
    """Returns each command of the runbook once, in its order."""
    return [*dict.fromkeys(one or other for one, other in TYPED.findall(read("docs/operations.md")))]


class Operator:
    """At a terminal of the project, with the local AWS as its account.

    folder -- where files are saved.
    """

    def __init__(self, aws: LocalAws, outputs: dict[str, str], cloudwatch: Any, folder: Path) -> None:
        self._aws, self._cloudwatch, self._folder = aws, cloudwatch, folder
        self._names = {_variable(name): value for name, value in outputs.items()}
        self.typed = set[str]()
        self.on_start: Callable[[subprocess.Popen[str]], object] = lambda process: None

    def ringing(self) -> dict[str, str]:
        """Returns the descriptions of the alarms that are on, by the alarms' names in the template."""
        found = self._cloudwatch.describe_alarms(StateValue="ALARM")["MetricAlarms"]
        return {one["AlarmName"].split("-")[1]: one["AlarmDescription"] for one in found}

    def wait_for_a_signal(self, seconds: float, looks: float = 0.0) -> Signal | None:
        """Waits for an alarm. Returns it with what `status` says then, or None if all is silent.

        looks -- so many seconds later `status` is asked.
        """
        end = time.monotonic() + seconds
        while not (on := self.ringing()):
            if time.monotonic() > end:
                return None
            time.sleep(1)
        name, description = next(iter(sorted(on.items())))
        said = SAYS.match(description)
        assert said, description
        time.sleep(looks)
        status = self.status()
        print(f"  {status.get('verdict')}", flush=True)
        types = tuple(filter(None, (said["type"], status.get("type"))))
        return Signal(name, status.get("verdict") or f"{said['wrong']}.", types, said["anchor"])

    def status(self) -> dict[str, Any]:
        said = self.type("./zigzag status --json")
        return dict(json.loads(said.out)) if said.out else {}

    def commands(self, signal: Signal) -> Iterator[str]:
        """Yields what the signal says to type, then what its section of the runbook says."""
        yield from signal.types
        if signal.anchor:
            yield from runbook(signal.anchor)

    def type(self, command: str) -> Said:
        """Runs a command, with the stack's own names in it."""
        self.typed.add(command)
        words = shlex.split(self._filled(command))
        said = self._run(words)
        if ADD_YES in said.error and ADD_YES not in words:  # it says so where nobody can be asked
            said = self._run([*words, ADD_YES])
        if said.status < 0:  # somebody killed it
            said = self._run(words)
        print(f"  $ {command}  -> {said.status} {said.error.strip()[:100]}", flush=True)
        return said

    def type_the_rest(self) -> list[str]:
        """Types each command of the runbook that nothing has needed. Returns those that no program takes."""
        rest = [command for command in all_commands() if command not in self.typed]
        said = {command: self.type(command) for command in rest}
        # A task's traceback is in the log, on standard output: that is an answer.
        return [command for command, one in said.items() if NOT_UNDERSTOOD.search(one.error)]

    def _run(self, words: list[str]) -> Said:
        programs = Path(sys.executable).parent
        program = {
            "./zigzag": [sys.executable, "-m", "zigzag_cli"],
            "aws": [str(programs / "aws"), "--endpoint-url", self._aws.endpoint],
        }[words[0]]
        path = f"{ROOT / 'src'}:{ROOT / 'tools'}"
        process = subprocess.Popen(
            [*program, *words[1:]],
            env={**self._aws.environment(), "PYTHONPATH": path},
            cwd=self._folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.on_start(process)
        out, error = process.communicate(timeout=COMMAND_SECONDS)
        return Said(process.returncode, out, error)

    def _filled(self, command: str) -> str:
        """Puts this stack's names in the place of the page's: variables, and the name of the group."""
        if GROUP_OF_THE_PAGE in command:
            seen = json.loads(self._run(["./zigzag", "dead-letters", "--json"]).out or "{}")
            groups = " ".join(one["group"] for one in seen.get("groups", []))
            command = command.replace(GROUP_OF_THE_PAGE, groups or "00000000")
        if "ALARM_NAME" in command:
            alarms = self._cloudwatch.describe_alarms()["MetricAlarms"]
            self._names["ALARM_NAME"] = alarms[0]["AlarmName"]
        if "RULE_NAME" in command:
            rules = self._run(shlex.split("aws events list-rules --name-prefix zigzag --output json"))
            self._names["RULE_NAME"] = json.loads(rules.out)["Rules"][0]["Name"]
        return re.sub(r"\$([A-Z_]+)", lambda found: self._names[found[1]], command)


def _variable(output: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", output).upper()
