"""The audit: finds pins with a known hole. It never calls a pin clean that was not looked at.

    audit.py PIP_AUDIT FILE…

It also asks about a canary, a version with a known hole: a service that does not know this hole can't be
trusted. The exit code is 1 if a pin has a hole or, with AUDIT=required, if a pin was not looked at.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

CANARY = "jinja2==2.10"
"""It has CVE-2019-10906 (https://nvd.nist.gov/vuln/detail/CVE-2019-10906)."""

_PIN = re.compile(r"([\w.-]+)\s*(?:\[[^]]*\])?\s*={2,3}\s*([^\s,;*]+)\s*(?:;.*|--hash.*|\\)?")
"""A pin as pip writes it: name, extras, version, and a marker or hashes, maybe on the next line."""

_REQUIRE = ("-r", "-e", "--requirement", "--editable")
"""The options that bring in more packages."""

Holes = dict[str, list[str]]
"""Maps each package that the service knows to the holes of its pinned version."""


def main(pip_audit: str, files: Sequence[str]) -> int:
    pins, others = pins_in(files)
    known = ask(pip_audit, pins)
    for name, holes in known.items():
        for hole in holes:
            print(f"{name} has a known hole: {hole}")
    if any(known.values()):
        return 1
    looked_at = sum(name_of(pin) in known for pin in pins)
    if not any(ask(pip_audit, [CANARY]).values()):
        print(f"not audited: no service answers that {CANARY}, as a trial, has a known hole")
    elif looked_at < len(pins):
        print(f"not audited: {looked_at} of {len(pins)} pins were looked at")
    elif others:
        print(f"not audited: {len(pins)} pins were looked at, but these are none: {', '.join(others)}")
    else:
        print(f"audited: {len(pins)} pins, no known hole")
        return 0
    return 1 if os.environ.get("AUDIT") == "required" else 0


def pins_in(files: Sequence[str]) -> tuple[list[str], list[str]]:
    """Returns every pin of the files once, such as "boto3==1.43.108", and the places of requirements that are
    no pin, such as "requirements.txt:7"."""
    pins, others = set(), []
    for file in files:
        for number, line in enumerate(Path(file).read_text(encoding="utf-8").splitlines(), 1):
            required = re.sub(r"(^|\s)#.*", "", line).strip()
            if pin := _PIN.fullmatch(required):
                pins.add(f"{pin[1]}=={pin[2]}")
            elif required and (required[0] != "-" or required.startswith(_REQUIRE)):
                others.append(f"{file}:{number}")
    return sorted(pins), others


def ask(pip_audit: str, pins: Sequence[str]) -> Holes:
    """Returns the holes that the service knows for the pins; {} if it can't be asked."""
    options = ["--format", "json", "--progress-spinner", "off", "--disable-pip", "--no-deps"]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "pins.txt"
        file.write_text("\n".join(pins) + "\n", encoding="utf-8")
        command = [pip_audit, *options, "--requirement", str(file)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        told = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError, TypeError):
        return {}
    return {name_of(one["name"]): [hole["id"] for hole in one["vulns"]] for one in told if "vulns" in one}


def name_of(pin: str) -> str:
    """Returns a package's name in the one form that all its spellings share."""
    return pin.partition("==")[0].lower().replace("_", "-").replace(".", "-")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
