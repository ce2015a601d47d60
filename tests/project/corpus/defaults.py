"""The defaults of template.yaml's parameters, and the functions' variables with them.

A new middle number of the version may change a default, so these are compared only within one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from benchmarks.template import default, environment_of
from tests.project.template.reading import TEMPLATE, parsed

FUNCTIONS = ("ConsumerFunction", "WorkerFunction")


def written() -> Iterator[tuple[str, Any]]:
    for name in parsed(TEMPLATE.read_text(encoding="utf-8"))["Parameters"]:
        yield name, {"parameter": name}
    for name in FUNCTIONS:
        yield name, {"function": name}


def read(form: Mapping[str, str]) -> Any:
    """Returns the default, or the variables."""
    return environment_of(form["function"]) if "function" in form else default(form["parameter"])
