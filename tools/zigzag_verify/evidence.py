"""Writes what a run has found into a file without account ids, and feeds the page of the docs with it."""

from __future__ import annotations

import json
import re
import subprocess
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from zigzag_verify.door import Door
from zigzag_verify.names import SETTINGS
from zigzag_verify.plan import Plan
from zigzag_verify.run import Outcome
from zigzag_verify.stacks import parameters
from zigzag_verify.trials import KEPT

FOLDER = Path("evidence")
PAGE = Path("docs") / "evidence.md"
BEGIN, END = "<!-- from the files of evidence/ -->", "<!-- end -->"
NOBODY = "Nobody has run it on AWS yet: there is no file of evidence."
AWS, NOT_AWS = "AWS", "not AWS"


def record(door: Door, outcome: Outcome, plan: Plan, now: float, commit: str) -> dict[str, Any]:
    """Returns the evidence of a run, without the account's id."""
    told = {
        "where": AWS if door.is_aws else NOT_AWS,
        "date": datetime.fromtimestamp(now, UTC).date().isoformat(),
        "region": door.region_name,
        "commit": commit,
        "stopped": outcome.stopped,
        "minutes": round(outcome.seconds / 60, 1),
        "settings": {setting: parameters(setting) for setting in SETTINGS},
        **outcome.found,
        "left": outcome.swept.left,
        "calls": {"counted": door.calls.total(), "bound": plan.calls, "over": over(door.calls, plan)},
        "dollars at most": round(plan.dollars, 2),
    }
    text = json.dumps(told, indent=1, ensure_ascii=False)
    return dict(json.loads(text.replace(door.place["account"], "ACCOUNT")))


def over(calls: Counter[str], plan: Plan) -> dict[str, int]:
    """Returns the calls that were more than the bound."""
    return {action: number for action, number in calls.items() if number > plan.most[action]}


def commit_of(project: Path) -> str:
    """Returns the commit of the project's folder, or `unknown`."""
    done = subprocess.run(
        ["git", "rev-parse", "--short=12", "HEAD"], cwd=project, capture_output=True, text=True, check=False
    )
    return done.stdout.strip() or "unknown"


def write(project: Path, told: dict[str, Any]) -> Path:
    """Writes the file, and the page if it is of AWS. Returns the file."""
    folder = project / FOLDER if told["where"] == AWS else project / ".zigzag-verify"
    folder.mkdir(exist_ok=True)
    file = folder / f"{told['date']}-{told['region']}-{told['commit']}.json"
    file.write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    if told["where"] == AWS:
        page = project / PAGE
        page.write_text(fed(page.read_text(encoding="utf-8"), files(project)), encoding="utf-8")
    return file


def files(project: Path) -> list[dict[str, Any]]:
    """Returns what the files of evidence say that are of AWS, the newest first."""
    told = [
        json.loads(file.read_text(encoding="utf-8")) for file in sorted((project / FOLDER).glob("*.json"))
    ]
    return [one for one in reversed(told) if one["where"] == AWS]


def fed(page: str, told: Sequence[dict[str, Any]]) -> str:
    """Returns the page with what the files say between its two marks."""
    between = "\n".join(["", section(told), ""])
    return re.sub(f"(?<={re.escape(BEGIN)}).*?(?={re.escape(END)})", lambda _: between, page, flags=re.DOTALL)


def section(told: Sequence[dict[str, Any]]) -> str:
    """Returns the text for the page, in Markdown."""
    if not told:
        return NOBODY
    lines = ["| run | stack | kept | not kept, or not in time |", "|---|---|---|---|"]
    for one in told:
        run = f"{one['date']}, {one['region']}, `{one['commit']}`"
        if one["stopped"]:
            lines.append(f"| {run} | | | stopped: {one['stopped']} |")
        for setting, verdicts in one.get("verdicts", {}).items():
            kept = sorted(name for name, verdict in verdicts.items() if verdict["state"] == KEPT)
            other = sorted(f"{name}: {verdicts[name]['state']}" for name in verdicts.keys() - {*kept})
            lines.append(f"| {run} | {setting} | {len(kept)} | {', '.join(other) or 'none'} |")
    return "\n".join(lines)
