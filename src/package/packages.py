"""Installs the packages of a requirements file, and says which line is wrong, and why.

    python -I packages.py REQUIREMENTS [options of `pip install`…]

What has hashes is installed by them, together with nothing that has none. What has none comes after that:
pip takes one hash for a wish that all had one. Where the packages go into a folder (--target), an editable
line is installed as any other: a link to a folder of this machine leads nowhere on Lambda.

A shell's own settings of pip must not change what is built. Kept are those that say where packages come from.
Standard library only: whatever Python 3.13 there is runs it.
"""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

SOURCES = {
    *("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_NO_INDEX", "PIP_FIND_LINKS", "PIP_TRUSTED_HOST"),
    *("PIP_CERT", "PIP_CLIENT_CERT", "PIP_PROXY", "PIP_KEYRING_PROVIDER", "PIP_CONFIG_FILE"),
    *("PIP_CACHE_DIR", "PIP_NO_CACHE_DIR", "PIP_TIMEOUT", "PIP_DEFAULT_TIMEOUT", "PIP_RETRIES"),
}
"""https://pip.pypa.io/en/stable/topics/configuration/#environment-variables"""

OFF = ("PIP_USER", "PIP_REQUIRE_VIRTUALENV", "PIP_REQUIRE_HASHES", "PIP_NO_DEPS", "PIP_DRY_RUN", "PIP_PRE")
"""What a file of settings may say as well."""

_EDITABLE = re.compile(r"(-e|--editable)[ =]\s*")


@dataclass(frozen=True)
class Line:
    """A line of the file, with those that continue it; its number is that of the first one."""

    number: int
    text: str

    @property
    def is_hashed(self) -> bool:
        return "--hash" in self.text

    @property
    def is_option(self) -> bool:
        """Whether it says something of the other lines, such as `-c constraints.txt`."""
        return self.text.startswith("-") and not _EDITABLE.match(self.text)


def main(file: Path, options: Sequence[str]) -> str | None:
    """Installs them; what went wrong, in words."""
    if importlib.util.find_spec("pip") is None:
        return f"{sys.executable} has no pip: give it one (`… -m ensurepip`), or name another Python"
    lines = list(_lines(file.read_text(encoding="utf-8"), in_a_folder="--target" in options))
    hashed = [line for line in lines if line.is_hashed]
    others = [line for line in lines if not line.is_hashed]
    parts: list[tuple[list[Line], list[str]]] = [(hashed, ["--require-hashes"]), (others, [])]
    for part, more in parts:
        known = [] if part is hashed else [line.text.split()[0] for line in hashed]
        if any(not line.is_option for line in part):
            done = _pip(file, part, [*options, *more], known)
            if done.returncode != 0:
                return f"{_blame(file, part, [*options, *more])}\npip said: {_last_errors(done.stderr)}"
    return None


def _lines(text: str, *, in_a_folder: bool) -> Iterator[Line]:
    begun, whole = 0, ""
    for number, line in enumerate(text.splitlines(), 1):
        begun = begun if whole else number
        whole += re.sub(r"(^|\s+)#.*$", "", line)
        if whole.endswith("\\"):
            whole = whole[:-1]
            continue
        if whole.strip():
            said = whole.strip()
            yield Line(begun, _EDITABLE.sub("", said, count=1) if in_a_folder else said)
        whole = ""


def _pip(
    file: Path, lines: Sequence[Line], options: Sequence[str], known: Sequence[str] = ()
) -> subprocess.CompletedProcess[str]:
    """`pip install` of those lines. `known` are the pins that are installed already."""
    command = [sys.executable, "-I", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    command += ["--no-input", "--root-user-action", "ignore", *options]
    with (
        tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as constraints,
        # In the file's own folder: paths of further files begin there.
        tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8", dir=file.parent) as part,
    ):
        constraints.write("".join(f"{pin}\n" for pin in known))
        constraints.flush()
        part.write("".join(f"{line.text}\n" for line in lines))
        part.flush()
        command += ["--requirement", part.name, "--constraint", constraints.name]
        return subprocess.run(command, env=_environment(), stderr=subprocess.PIPE, text=True, check=False)


def _environment() -> dict[str, str]:
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith("PIP_") or name in SOURCES
    }
    return {**kept, **dict.fromkeys(OFF, "0")}


def _blame(file: Path, lines: Sequence[Line], options: Sequence[str]) -> str:
    """The first line that can't be installed by itself, and why."""
    said_of_all = [line for line in lines if line.is_option]
    for line in lines:
        if not line.is_option:
            done = _pip(file, [*said_of_all, line], [*options, "--dry-run", "--no-deps"])
            if done.returncode != 0:
                return f"{file.name}, line {line.number}: {line.text.split(' --hash')[0]}"
    return f"{file.name}: each line can be had, but not all of them together"


def _last_errors(said: str) -> str:
    errors = [line.removeprefix("ERROR: ") for line in said.splitlines() if line.startswith("ERROR: ")]
    return "\n".join(errors or said.splitlines()[-5:])


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
