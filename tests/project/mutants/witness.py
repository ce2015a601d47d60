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
from types import FrameType
from typing import Any

import pytest
from hypothesis import Phase, settings

BROKEN = Path(__file__).parent
"""The folder of the mutations' code."""

MAX_SECONDS = 400
"""The limit of processor time. All of it takes some three minutes: a longer run never ends."""

# A test's own settings take the rest from the profile that is loaded when they are made. Examples that
# fail are not kept: they are no failure of the project.
settings.register_profile("mutants", phases=(Phase.generate,), database=None)
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
            "own": any(_is_own(one) for one in _errors(error)),
        }
        file.write_text(json.dumps(seen), encoding="utf-8")


def pytest_unconfigure() -> None:
    """Ends the process once a test has failed: a thread that it left behind would go on for ever."""
    if Path(os.environ["WITNESS"]).exists():
        os._exit(1)


def _errors(error: BaseException) -> Iterator[BaseException]:
    """Yields the error, those within it, and those on which it followed."""
    for inner in error.exceptions if isinstance(error, BaseExceptionGroup) else ():
        yield from _errors(inner)
    yield error
    if error.__context__ is not None:
        yield from _errors(error.__context__)


def _frames(error: BaseException) -> Iterator[FrameType]:
    trace = error.__traceback__
    while trace is not None:
        yield trace.tb_frame
        trace = trace.tb_next


def _is_own(error: BaseException) -> bool:
    """Tells whether a mutation's own code fails, since a name that it uses is no longer there, say."""
    frames = list(_frames(error))
    own = bool(frames) and Path(frames[-1].f_code.co_filename).is_relative_to(BROKEN)
    return own and isinstance(error, AttributeError | LookupError | NameError | TypeError)


def _functions(error: BaseException) -> Iterator[str]:
    """Yields the functions through which the error came, outermost first."""
    for inner in error.exceptions if isinstance(error, BaseExceptionGroup) else ():
        yield from _functions(inner)
    yield from (frame.f_code.co_name for frame in _frames(error))
