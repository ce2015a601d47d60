"""A pytest plugin: writes down which test fails first, and where, in the file that $WITNESS names.

Hypothesis goes through the same examples as ever, but does not look for a simpler one that fails as well:
here it counts that there is one.
"""

from __future__ import annotations

import json
import os
import resource
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, settings

MAX_SECONDS = 300
"""Of processor time. All of it takes about a minute; what takes so long never ends."""

# What a test's own settings do not say, they take from the profile that is loaded when they are made.
settings.register_profile("mutants", phases=(Phase.generate,))
settings.load_profile("mutants")

# In processor time: a machine that is busy with something else breaks nothing.
resource.setrlimit(resource.RLIMIT_CPU, (MAX_SECONDS, MAX_SECONDS))


def pytest_exception_interact(
    node: pytest.Item | pytest.Collector, call: pytest.CallInfo[Any], report: object
) -> None:
    file = Path(os.environ["WITNESS"])
    if call.excinfo is not None and not file.exists():
        error = call.excinfo.value
        seen = {
            "test": node.nodeid,
            "functions": list(_functions(error)),
            "error": f"{type(error).__name__}: {error}"[:500],
        }
        file.write_text(json.dumps(seen), encoding="utf-8")


def _functions(error: BaseException) -> Iterator[str]:
    """Those through which the error came, outermost first."""
    for inner in error.exceptions if isinstance(error, BaseExceptionGroup) else ():
        yield from _functions(inner)
    trace = error.__traceback__
    while trace is not None:
        yield trace.tb_frame.f_code.co_name
        trace = trace.tb_next
