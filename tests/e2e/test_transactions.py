"""On the local AWS, which judges every role: tasks that are killed around their transaction count once."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest
from tests.e2e.conftest import Deployed
from tests.e2e.copies import deploy_copy
from tests.e2e.waiting import wait_until
from tests.project.docs.pages import read
from tests.project.template.yours import with_blocks

from zigzag_local.emulator import Emulator
from zigzag_local.ledger import Ledger

pytestmark = pytest.mark.slow

PAGE = read("docs/patterns/exactly-once.md")
HARMS = ("none", "killed before", "killed after", "raises", "lost")


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    """Yields a stack with the page's table and permission."""
    with Emulator(tls=True, auth=True) as aws:
        outputs = deploy_copy(
            tmp_path_factory.mktemp("project"),
            aws,
            {"booked": "booked"},
            changed=lambda template: with_blocks(template, PAGE),
        )
        yield Deployed(aws, outputs, Ledger(aws, outputs))


def test_each_effect_is_there_once_wherever_its_worker_was_killed(deployed: Deployed) -> None:
    sqs, dynamodb = deployed.client("sqs"), deployed.client("dynamodb")
    for harm in HARMS:
        body = json.dumps({"task": "booked", "payload": {"harm": harm}, "id": harm})
        sqs.send_message(QueueUrl=deployed.outputs["QueueUrl"], MessageBody=body)

    assert wait_until(lambda: not deployed.ledger.queued(), 240)
    assert deployed.ledger.dead_letters() == []

    tables = [one for one in dynamodb.list_tables()["TableNames"] if re.search("AccountTable", one)]
    items = dynamodb.scan(TableName=tables[0])["Items"]
    assert {item["id"]["S"]: item["times"]["N"] for item in items} == dict.fromkeys(HARMS, "1")
