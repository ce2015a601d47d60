"""On the local AWS, which judges every role: tasks that are killed around their transaction count once."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest
from tests.e2e.conftest import Deployed
from tests.e2e.copies import deployed_copy
from tests.e2e.waiting import wait_until
from tests.project.docs.pages import read
from tests.project.template.yours import with_blocks

from worker.follow.follow_ups import step_id

pytestmark = pytest.mark.slow

PAGE = read("docs/patterns/exactly-once.md")
HARMS = ("none", "killed before", "killed after", "raises", "lost")


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    """Yields a stack with the page's table and permission."""
    project, tasks = tmp_path_factory.mktemp("project"), {"booked": "booked", "told": "booked"}
    with deployed_copy(project, tasks, changed=lambda template: with_blocks(template, PAGE)) as deployed:
        yield deployed


def test_each_effect_is_there_once_wherever_its_worker_was_killed(deployed: Deployed) -> None:
    dynamodb = deployed.client("dynamodb")
    bodies = [{"task": "booked", "payload": {"harm": harm}, "id": harm} for harm in HARMS]
    bodies += [
        {"task": "told", "payload": {"says": id == "says"}, "id": id} for id in ("says", "says nothing")
    ]
    for body in bodies:
        deployed.send(json.dumps(body))

    assert wait_until(lambda: not deployed.ledger.queued(), 240)
    (letter,) = deployed.ledger.dead_letters()
    assert "done; what follows it is not known: it is done, and its worker did not come" in str(letter)

    tables = [one for one in dynamodb.list_tables()["TableNames"] if re.search("AccountTable", one)]
    items = dynamodb.scan(TableName=tables[0])["Items"]
    followed = step_id("next", "told", "says")
    times = {item["id"]["S"]: item["times"]["N"] for item in items}
    assert times == dict.fromkeys([*HARMS, "says", "says nothing", followed], "1")
