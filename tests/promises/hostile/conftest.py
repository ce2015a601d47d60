"""Hostile worlds: what goes wrong there is no news, and hardly any of it is written down."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.promises.hostile.limited import LimitedWorld
from tests.promises.hostile.partner import Partner
from tests.promises.hostile.promises import check_the_audit

type Limited = Callable[..., LimitedWorld]
type Partners = Callable[..., Partner]


@pytest.fixture(autouse=True, scope="module")
def _quiet() -> Iterator[None]:
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.fixture
def partner() -> Iterator[Partners]:
    """Makes a partner and its queue."""
    made: list[Partner] = []

    def make(*arguments: Any, **options: Any) -> Partner:
        made.append(Partner(*arguments, **options))
        made[-1].sandbox.__enter__()
        return made[-1]

    yield make
    for one in made:
        one.sandbox.__exit__(None, None, None)


@pytest.fixture
def limited() -> Iterator[Limited]:
    """Makes a world with a limit."""
    made: list[LimitedWorld] = []

    def make(*arguments: Any, **options: Any) -> LimitedWorld:
        made.append(LimitedWorld(*arguments, **options))
        return made[-1]

    yield make
    try:
        for world in made:
            check_the_audit(world)
    finally:
        for world in made:
            world.close()
