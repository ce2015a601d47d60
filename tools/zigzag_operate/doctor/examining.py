"""Examines a template or a deployed stack: reads its facts, and judges them by all rules."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from zigzag_operate.doctor import live, template
from zigzag_operate.doctor.commands import with_command
from zigzag_operate.doctor.facts import Facts, Unknown
from zigzag_operate.doctor.finding import Advice, Finding, NotKnown
from zigzag_operate.doctor.rules import RULES
from zigzag_operate.doctor.source import read
from zigzag_operate.errors import Kind, OperateError
from zigzag_operate.target import Target
from zigzag_operate.tasks import Broken, described

MALFORMED = (AttributeError, IndexError, KeyError, RecursionError, TypeError, ValueError)
"""Errors by a number where a mapping should be, and the like: such a file is cfn-lint's to judge."""

BUILT = Path(".aws-sam") / "build"


@dataclass(frozen=True, slots=True)
class Report:
    """The results of the rules: what is wrong, what could not be looked at, and what may be wanted."""

    findings: list[Finding]
    unknown: list[NotKnown]
    advice: list[Advice]


def examine(facts: Facts) -> Report:
    """Judges the facts by all rules. Each finding and each unknown fact is told once."""
    found = list(dict.fromkeys(one for rule in RULES for one in rule(facts)))
    return Report(
        [one for one in found if isinstance(one, Finding)],
        [one for one in found if isinstance(one, NotKnown)],
        [one for one in found if isinstance(one, Advice)],
    )


def examine_template(file: Path, parameters: Mapping[str, str], *, tasks: bool = True) -> Report:
    """Judges a template before its deployment, without AWS.

    parameters -- those that are not the defaults.
    tasks      -- whether the tasks of src/tasks are loaded and judged, too.

    Raises OperateError if it can't be read, is none of Zigzag's, or has no parameter of such a name.
    """
    source, more = read(file), {"today": datetime.now(UTC).date(), "built": built(file.parent / BUILT)}
    try:
        facts = template.facts_of(source, parameters)
        return examine(with_more(facts, {**more, "tasks": waits() if tasks else beside(file.parent)}))
    except MALFORMED as error:
        raise OperateError(
            f"{file} has not the form of a template: `cfn-lint {file}` says where", Kind.WRONG
        ) from error


def examine_stack(target: Target) -> Report:
    """Judges a deployed stack by calls that only read.

    Raises OperateError if there is none, it is none of Zigzag's, or its resources can't be listed.
    """
    facts = with_more(live.facts_of(target), {"today": datetime.now(UTC).date()})
    report = examine(facts)
    return replace(report, findings=[with_command(one, facts) for one in report.findings])


def with_more(facts: Facts, more: Mapping[str, Any]) -> Facts:
    return replace(facts, more={**facts.more, **more})


def beside(folder: Path) -> Unknown | tuple[()]:
    """Returns what is needed to judge tasks of another project, if there are some."""
    needs = f"a look from there: run ./zigzag doctor in {folder}"
    return Unknown(needs) if (folder / "src" / "tasks").is_dir() else ()


def waits() -> Iterable[Mapping[str, Any]]:
    """Returns each task's name, with its attempts and the most seconds between them, or with its error."""
    return [
        {"name": one.name, "error": one.error}
        if isinstance(one, Broken)
        else {"name": one.name, "attempts": one.attempts, "waits": _waits(one.attempts, one.backoff)}
        for one in described()
    ]


def _waits(attempts: int, backoff: Any) -> float:
    doublings = range(min(attempts - 1, 64))
    growing = sum(min(backoff.longest, backoff.first * 2**number) for number in doublings)
    return float(growing + max(0, attempts - 1 - len(doublings)) * backoff.longest)


def built(folder: Path) -> dict[str, str]:
    """Returns the machine that the compiled modules of each built function are for."""
    found = {}
    for function in folder.iterdir() if folder.is_dir() else ():
        names = (file.name for file in function.rglob("*-linux-gnu.so"))
        machines = {machine for name in names for machine in ("x86_64", "aarch64") if machine in name}
        if len(machines) == 1:
            found[function.name] = machines.pop()
    return found
