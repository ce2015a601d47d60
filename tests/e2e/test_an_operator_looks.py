"""On the local AWS: the figures, the log and a sample of what waits are those of the tasks that ran."""

from __future__ import annotations

from time import time

import pytest
from tests.e2e.conftest import Deployed
from tests.e2e.waiting import wait_until

from zigzag.send import encode
from zigzag_operate.facts import Unknown, facts, verdict_of
from zigzag_operate.logs import Which, log_lines
from zigzag_operate.peek import peek

pytestmark = pytest.mark.slow


def test_what_waits_runs_and_dies_is_seen(deployed: Deployed) -> None:
    begun, target = time(), deployed.target
    for id, subscribers in (("o-1", ["ann"]), ("o-2", "none")):
        deployed.send(encode("push_news", {"headline": "Hello", "subscribers": subscribers}, id=id))

    assert {(one.task, one.id) for one in peek(target).messages} == {
        ("push_news", "o-1"),
        ("push_news", "o-2"),
    }
    assert wait_until(lambda: facts(target).last_tick is not None, 180), deployed.said()

    seen = facts(target)
    assert not isinstance(seen.work, Unknown)
    (work,) = seen.work.tasks
    assert (work.deliveries, work.dead, seen.dead_letters, seen.unknown) == (2, 1, 1, [])
    assert verdict_of(seen).type == "./zigzag dead-letters"
    failed = list(log_lines(target, Which(failed=True, task="push_news"), begun))
    assert [(one.fields or {})["id"] for one in failed] == ["o-2"]
    assert list(log_lines(target, Which(ticks=True), begun))
