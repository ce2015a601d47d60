"""The sandbox's queue does what AWS did, in every recorded case.

MiniStack plays the cases in which it does as AWS did: somebody else has read the same pages.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests import worlds
from tests.contract.recorded.case import CASES, Aws, Case
from tests.worlds import Emulated, SandboxWorld, SqsWorld, WholeWorld

from shared.aws.choice import BOTO

for _path in sorted(Path(__file__).parent.glob("cases_*.py")):
    importlib.import_module(f"tests.contract.recorded.{_path.stem}")


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_sandbox_does_what_aws_did(case: Case) -> None:
    play(case, SandboxWorld(case.given))


@pytest.mark.slow
@pytest.mark.parametrize("case", [case for case in CASES if case.at_ministack], ids=str)
def test_ministack_does_too(case: Case, ministack: Emulated) -> None:
    play(case, SqsWorld(ministack, case.given))


def play(case: Case, world: WholeWorld) -> None:
    try:
        case.play(Aws(world))
    finally:
        world.close()


@pytest.fixture(scope="module")
def ministack() -> Iterator[Emulated]:
    with worlds.ministack(BOTO) as aws:
        yield aws


def test_a_case_says_where_it_is_written_down_what_aws_did() -> None:
    assert [str(case) for case in CASES if "https://" not in case.source] == []
