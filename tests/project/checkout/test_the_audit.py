"""The audit of `make check`: a known hole is red, and nothing is called clean that nobody looked at."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.project.docs.pages import ROOT

PINS = "boto3==1.43.108\npydantic_core==2.46.5 # a comment\n"
CLEAN = {"boto3": [], "pydantic-core": []}
CANARY = {"jinja2": [{"id": "CVE-2019-10906"}]}


def audit(
    folder: Path, known: dict[str, list[dict[str, str]]] | None, also: str = "", **variables: str
) -> subprocess.CompletedProcess[str]:
    """Runs the audit with a service that knows that of packages. With None nobody answers."""
    pins = folder / "pins.txt"
    pins.write_text(PINS + also)
    service = folder / "pip-audit"
    service.write_text(f"""#!{sys.executable}
import json, sys
known = {known!r}
asked = [line.split("==") for line in open(sys.argv[-1]).read().split()]
names = [(name.replace("_", "-"), version) for name, version in asked]
print("no network" if known is None else json.dumps({{"dependencies": [
    {{"name": name, "version": version, "vulns": known[name]}} if name in known
    else {{"name": name, "skip_reason": "not found"}} for name, version in names
]}}))
""")
    service.chmod(0o755)
    command = [sys.executable, str(ROOT / "tools" / "audit.py"), str(service), str(pins)]
    return subprocess.run(command, env=variables, capture_output=True, text=True, check=False)


def test_pins_without_a_known_hole_are_clean(tmp_path: Path) -> None:
    done = audit(tmp_path, {**CLEAN, **CANARY})

    assert (done.returncode, done.stdout) == (0, "audited: 2 pins, no known hole\n")


def test_a_known_hole_is_red_and_named(tmp_path: Path) -> None:
    done = audit(tmp_path, {**CLEAN, **CANARY, "pydantic-core": [{"id": "PYSEC-1"}]})

    assert (done.returncode, done.stdout) == (1, "pydantic-core has a known hole: PYSEC-1\n")


@pytest.mark.parametrize(
    ("known", "says"),
    [
        pytest.param(None, "no service answers that jinja2==2.10, as a trial", id="nobody answers"),
        pytest.param({}, "no service answers that jinja2==2.10, as a trial", id="it knows no package"),
        pytest.param({**CLEAN, "jinja2": []}, "no service answers", id="it knows of no hole"),
        pytest.param({"boto3": [], **CANARY}, "1 of 2 pins were looked at", id="it lacks one"),
    ],
)
@pytest.mark.parametrize(("wanted", "ends"), [("", 0), ("required", 1)])
def test_a_pin_that_nobody_looked_at_is_not_audited(
    tmp_path: Path, known: dict[str, list[dict[str, str]]] | None, says: str, wanted: str, ends: int
) -> None:
    done = audit(tmp_path, known, AUDIT=wanted)

    assert done.returncode == ends
    assert done.stdout.splitlines()[-1].startswith(f"not audited: {says}")


def test_a_pin_is_looked_at_however_it_is_written(tmp_path: Path) -> None:
    written = {
        "a": "a == 2.10",
        "b": "b[standard]==2.10",
        "c": 'c==2.10; python_version >= "3.9"',
        "d": "d[x, y] == 2.10 ; os_name == 'nt' # a comment",
        "e": "e==2.10 --hash=sha256:00",
        "f": "f==2.10 \\\n    --hash=sha256:00",
    }
    holes = {name: [{"id": "CVE-1"}] for name in written}

    done = audit(tmp_path, {**CLEAN, **CANARY, **holes}, "\n".join(written.values()))

    assert done.returncode == 1
    assert done.stdout == "".join(f"{name} has a known hole: CVE-1\n" for name in written)


@pytest.mark.parametrize(("wanted", "ends"), [("", 0), ("required", 1)])
def test_a_requirement_that_is_no_pin_is_not_audited(tmp_path: Path, wanted: str, ends: int) -> None:
    lines = ["requests>=2", "requests", "requests==2.*", "requests==2.0,!=2.0.1", "./a-folder", "-r more.txt"]
    lines += ["requests @ https://example.com/requests.zip", "git+https://example.com/r#egg=requests==2.0"]

    done = audit(tmp_path, {**CLEAN, **CANARY}, "\n".join(["-c constraints.txt", *lines]), AUDIT=wanted)

    places = ", ".join(f"{tmp_path / 'pins.txt'}:{4 + number}" for number in range(len(lines)))
    says = f"not audited: 2 pins were looked at, but these are none: {places}\n"
    assert (done.returncode, done.stdout) == (ends, says)


def test_every_pin_that_ships_or_runs_is_in_a_file_that_is_audited() -> None:
    makefile = (ROOT / "Makefile").read_text()
    (hashed,) = re.findall(r"^HASHED := (.*)$", makefile, re.MULTILINE)
    (line,) = [line for line in makefile.splitlines() if "tools/audit.py" in line]
    line = line.replace("$(HASHED)", hashed)
    pin = re.compile(r"^[\w.-]+==\d", re.MULTILINE)
    pinned = [
        path for path in ROOT.rglob("*.txt") if ".venv" not in str(path) and pin.search(path.read_text())
    ]

    ours = [path.relative_to(ROOT).as_posix() for path in pinned if "benchmarks" not in path.parts]
    assert [name for name in ours if name not in line.split()] == []
