"""Names the packages that a function's folder lacks on Lambda.

    python -I conditions.py FOLDER MACHINE REQUIREMENTS

A line such as `greenlet ; platform_machine == "aarch64"` has a condition. pip tests it on the machine that
builds, even when it fetches wheels for another platform.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.metadata import distributions
from pathlib import Path

from pip._vendor.packaging.requirements import InvalidRequirement, Requirement
from pip._vendor.packaging.utils import canonicalize_name

LAMBDA = {
    "implementation_name": "cpython",
    "os_name": "posix",
    "platform_python_implementation": "CPython",
    "platform_system": "Linux",
    "python_version": "3.13",
    "sys_platform": "linux",
}
"""Lambda's values for conditions. The others are this machine's
(https://packaging.python.org/en/latest/specifications/dependency-specifiers/)."""


def missing(folder: Path, machine: str, file: Path) -> Iterator[str]:
    """Yields each package that is needed and missing, with the package or file that needs it."""
    there = {canonicalize_name(one.name): one.requires or [] for one in distributions(path=[str(folder)])}
    reached: set[tuple[str, str]] = set()
    left = [(file.name, "", line) for line in _lines(file)]
    while left:
        who, extra, text = left.pop()
        try:
            needed = Requirement(text)
        except InvalidRequirement:
            continue  # a path, or an option of pip's
        if needed.marker and not needed.marker.evaluate(
            {**LAMBDA, "platform_machine": machine, "extra": extra}
        ):
            continue
        name = canonicalize_name(needed.name)
        if name not in there:
            yield f"{who} needs it on Lambda: {needed.name}"
        for wanted in {"", *needed.extras}:
            if (name, wanted) not in reached:
                reached.add((name, wanted))
                left += [(name, wanted, further) for further in there.get(name, [])]


def _lines(file: Path) -> Iterator[str]:
    for line in file.read_text(encoding="utf-8").replace("\\\n", " ").splitlines():
        yield line.split(" #")[0].split(" --hash")[0].strip()


if __name__ == "__main__":
    found = sorted(set(missing(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))))
    sys.exit("\n".join(found) or None)
