"""The sandbox's queue does what AWS did, in every recorded case; moto and MiniStack do, but where noted.

A note that is no longer true fails as well: that one does as AWS did by now.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests import worlds
from tests.recorded.case import CASES, Aws, Case
from tests.transports import TRANSPORTS
from tests.worlds import Emulated, MotoWorld, SandboxWorld, SqsWorld, WholeWorld

from shared.aws.choice import BOTO, LEAN
from shared.ports.queue import QueueError

for _path in sorted(Path(__file__).parent.glob("cases_*.py")):
    importlib.import_module(f"tests.recorded.{_path.stem}")


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_sandbox_does_what_aws_did(case: Case) -> None:
    play(case, SandboxWorld(case.given))


def cases_for(name: str) -> list[Any]:
    """Those that can run there; each that is noted to differ must fail."""
    return [
        pytest.param(case, id=str(case), marks=differing(case.differs[name]) if name in case.differs else ())
        for case in CASES
        if not case.sandbox_only
    ]


def differing(does: str) -> pytest.MarkDecorator:
    return pytest.mark.xfail(strict=True, reason=does, raises=(AssertionError, QueueError))


@pytest.mark.parametrize("case", cases_for("moto"))
def test_moto_does_what_aws_did_but_where_noted(case: Case, moto: Emulated) -> None:
    play(case, MotoWorld(moto, case.given))


@pytest.mark.slow
@pytest.mark.parametrize("case", cases_for("ministack"))
def test_ministack_does_what_aws_did_but_where_noted(case: Case, ministack: Emulated) -> None:
    play(case, SqsWorld(ministack, case.given))


def play(case: Case, world: WholeWorld) -> None:
    try:
        case.play(Aws(world))
    finally:
        world.close()


@pytest.fixture(scope="module", params=[LEAN, pytest.param(BOTO, marks=pytest.mark.slow)])
def moto(request: pytest.FixtureRequest) -> Iterator[Emulated]:
    with worlds.moto(request.param) as aws:
        yield aws


@pytest.fixture(scope="module", params=TRANSPORTS)
def ministack(request: pytest.FixtureRequest) -> Iterator[Emulated]:
    with worlds.ministack(request.param) as aws:
        yield aws


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_case_says_what_aws_did_and_where_that_is_written_down(case: Case) -> None:
    assert case.play.__doc__
    assert "https://" in case.source


def test_no_two_cases_have_the_same_name() -> None:
    assert len({str(case) for case in CASES}) == len(CASES) >= 40
