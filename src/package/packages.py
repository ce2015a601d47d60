"""Installs the packages of a requirements file. If that fails, it says which line is wrong, and why.

    python -I packages.py REQUIREMENTS [--target FOLDER] [options of `pip download`…]

A package with a hash is fetched only by its hash; other lines that need the package get the same file. pip
requires hashes of all lines as soon as one has a hash, so the lines with hashes are fetched first,
separately. If the packages go into a folder, an editable line is installed like any other: a link to a folder
of this machine does not work on Lambda.

Settings of pip, from variables or files, must not change the result. Only those that say where packages come
from are kept. The module needs only the standard library, so any Python 3.13 runs it.
"""

from __future__ import annotations

import ast
import importlib.util
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

SOURCES = (
    *("index-url", "extra-index-url", "no-index", "find-links", "trusted-host", "cert", "client-cert"),
    *("proxy", "keyring-provider", "cache-dir", "no-cache-dir", "timeout", "default-timeout", "retries"),
)
"""Settings that are kept, by their names in a file; the variable's name is like PIP_INDEX_URL
(https://pip.pypa.io/en/stable/topics/configuration/#environment-variables)."""

_FURTHER_FILE = re.compile(r"(-r|--requirement)")
_EDITABLE = re.compile(r"(-e|--editable)[ =]\s*")
_EXTRAS = re.compile(r"\s*\[[^]]*\]")


@dataclass(frozen=True)
class Line:
    """A line of the file with its continuation lines. `number` is that of the first."""

    number: int
    text: str

    @property
    def is_hashed(self) -> bool:
        return "--hash" in self.text

    @property
    def without_hash(self) -> str:
        return self.text.split(" --hash")[0].strip()

    @property
    def pin(self) -> str:
        """Returns it as a constraint, in which pip takes no extras."""
        return _EXTRAS.sub("", self.text, count=1).split()[0]

    @property
    def is_option(self) -> bool:
        """Returns whether it is an option for the other lines, such as `-c constraints.txt`."""
        return self.text.startswith("-") and not _EDITABLE.match(self.text)


def main(file: Path, options: Sequence[str]) -> str | None:
    """Installs the packages. Returns the error in words, or None."""
    if importlib.util.find_spec("pip") is None:
        return f"{sys.executable} has no pip: give it one (`… -m ensurepip`), or name another Python"
    in_a_folder = options[:1] == ["--target"]
    into = ["--no-compile", *options[:2]] if in_a_folder else []
    fitting = options[2:] if in_a_folder else options
    try:
        lines = list(_lines(file.read_text(encoding="utf-8"), in_a_folder=in_a_folder))
    except UnicodeDecodeError:
        return f"{file.name} is not in UTF-8, perhaps written by `>` of PowerShell: save it as UTF-8"
    for line in lines:
        if _FURTHER_FILE.match(line.text):
            return f"{file.name}, line {line.number}: {line.text}: put its lines into {file.name} itself"
    try:
        _installed(_Pip(file, fitting, _environment()), lines, into)
    except _FailedError as failed:
        return str(failed)
    return None


def _installed(pip: _Pip, lines: Sequence[Line], into: Sequence[str]) -> None:
    said_of_all = [line for line in lines if line.is_option]
    hashed = [line for line in lines if line.is_hashed]
    others = [line for line in lines if not (line.is_hashed or line.is_option)]
    if hashed and not (into and others):
        pip.does("install", [*said_of_all, *hashed], [*into, "--require-hashes"])
    if others and not (into and hashed):
        pip.does("install", [*said_of_all, *others], into, [line.pin for line in hashed])
    if into and hashed and others:
        # In one call: pip does not change a folder that exists, even if two packages share it.
        with tempfile.TemporaryDirectory() as fetched:
            pip.does("download", [*said_of_all, *hashed], ["--require-hashes", "--dest", fetched])
            # Each is a line, and no constraint: Python 3.13.0's pip fails at an extra of a constrained one.
            # What an extra needs has a hash as well, and so a file.
            files = [
                Line(0, f"{_name(one.name)} @ {one.as_uri()}") for one in sorted(Path(fetched).iterdir())
            ]
            pip.does("install", [*said_of_all, *files, *others], into)
            _forget_the_place(Path(into[-1]), fetched)


def _name(file: str) -> str:
    """Returns the package's name from the name of a wheel or a source archive."""
    return file.partition("-")[0] if file.endswith(".whl") else file.rpartition("-")[0]


def _forget_the_place(folder: Path, fetched: str) -> None:
    """Removes pip's notes of a package's temporary file, so that each build gives the same package."""
    for note in folder.glob("*.dist-info/direct_url.json"):
        if fetched in note.read_text(encoding="utf-8"):
            note.unlink()
            record = note.with_name("RECORD")
            kept = record.read_text(encoding="utf-8").splitlines(keepends=True)
            named = f"{note.parent.name}/{note.name},"
            record.write_text("".join(line for line in kept if not line.startswith(named)), encoding="utf-8")


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


class _FailedError(Exception):
    """pip failed. The text says why, for a person."""


class _Pip:
    """Runs pip on lines of a file, with options that choose the fitting packages."""

    def __init__(self, file: Path, fitting: Sequence[str], environment: dict[str, str]) -> None:
        self._file = file
        self._fitting = fitting
        self._environment = environment

    def does(
        self, command: str, lines: Sequence[Line], options: Sequence[str], known: Sequence[str] = ()
    ) -> None:
        """Installs or downloads the lines, with the constraints `known`. Raises _FailedError."""
        done = self._run(command, lines, options, known)
        if done.returncode != 0:
            raise _FailedError(f"{self._blame(lines, known)}\npip said: {_last_errors(done.stderr)}")

    def _run(
        self, command: str, lines: Sequence[Line], options: Sequence[str], known: Sequence[str] = ()
    ) -> subprocess.CompletedProcess[str]:
        ran = [sys.executable, "-I", "-m", "pip", command, "--quiet", "--disable-pip-version-check"]
        ran += ["--no-input", *(["--root-user-action", "ignore"] if command == "install" else [])]
        with (
            tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as constraints,
            # In the file's own folder: relative paths in its lines begin there.
            tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8", dir=self._file.parent) as part,
        ):
            constraints.write("".join(f"{one}\n" for one in known))
            constraints.flush()
            part.write("".join(f"{line.text}\n" for line in lines))
            part.flush()
            ran += [*self._fitting, *options, "--requirement", part.name, "--constraint", constraints.name]
            return subprocess.run(ran, env=self._environment, stderr=subprocess.PIPE, text=True, check=False)

    def _blame(self, lines: Sequence[Line], known: Sequence[str]) -> str:
        """Returns the first line that can't be installed alone."""
        said_of_all = [line for line in lines if line.is_option]
        for line in lines:
            if not line.is_option:
                alone = ["--dry-run", "--no-deps", "--ignore-installed"]
                if self._run("install", [*said_of_all, line], alone, known).returncode != 0:
                    return f"{self._file.name}, line {line.number}: {line.without_hash}"
        return f"{self._file.name}: each line can be installed alone, but not all of them together"


def _environment() -> dict[str, str]:
    """Returns the shell's variables, with pip's settings of SOURCES alone; a variable's before a file's."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
    asked = subprocess.run(
        [sys.executable, "-I", "-m", "pip", "config", "list"],
        env={**ours, **{name: os.environ[name] for name in ("PIP_CONFIG_FILE",) if name in os.environ}},
        capture_output=True,
        text=True,
        check=False,
    )
    if asked.returncode != 0:
        raise _FailedError(f"pip's settings can't be read: {asked.stderr.strip()}")
    said: dict[str, str] = {}
    for section in ("global", "install"):  # the second counts if both set it
        for line in asked.stdout.splitlines():
            name, _, value = line.partition("=")
            if name.startswith(f"{section}.") and (key := name.removeprefix(f"{section}.")) in SOURCES:
                said[_variable(key)] = ast.literal_eval(value)
    for key in SOURCES:
        if chosen := os.environ.get(_variable(key)):
            said[_variable(key)] = chosen
    return {**ours, **said, "PIP_CONFIG_FILE": os.devnull}  # pip reads no file then


def _variable(key: str) -> str:
    return f"PIP_{key.replace('-', '_').upper()}"


def _last_errors(said: str) -> str:
    errors = [line.removeprefix("ERROR: ") for line in said.splitlines() if line.startswith("ERROR: ")]
    return "\n".join(errors or said.splitlines()[-5:])


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
