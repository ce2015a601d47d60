"""On the local AWS, which judges every role: dead letters are redriven, and one is edited."""

from __future__ import annotations

import json

import pytest
from tests.e2e.conftest import Deployed
from tests.e2e.waiting import wait_until

from zigzag.send import encode
from zigzag_operate import Filter, edit, redrive

pytestmark = pytest.mark.slow


def put_letter(deployed: Deployed, body: str, origin: str) -> None:
    """Puts a letter into the dead-letter queue."""
    note = json.dumps({"reason": "the service was away", "id": origin, "from": origin})
    noted = {"zigzag": {"DataType": "String", "StringValue": note}}
    deployed.send(body, deployed.outputs["DeadLetterQueueUrl"], MessageAttributes=noted)


def until_empty(deployed: Deployed) -> None:
    """Waits until the queue is empty: the rule wakes the consumer."""
    assert wait_until(lambda: not deployed.ledger.queued(), 180, 1), deployed.said()


def test_a_letter_that_is_there_twice_has_its_effect_once(deployed: Deployed) -> None:
    for _ in range(2):
        put_letter(deployed, encode("push_news", {"headline": "Hello", "subscribers": ["ann"]}), "m-1")

    for _ in range(2):  # at the same time, one would wait for the end of the other's lease
        acted = redrive(deployed.target, Filter(reason="away"), limit=1)
        assert (acted.done, acted.left, acted.stopped) == (1, {}, None)
        until_empty(deployed)

    assert deployed.ledger.pushes()["ann"] == 1
    assert deployed.ledger.dead_letters() == []


def test_one_that_was_redriven_too_early_dies_again_and_is_edited(deployed: Deployed) -> None:
    put_letter(deployed, encode("push_news", {"headline": "Hello", "subscribers": "bob"}), "m-2")
    redrive(deployed.target, Filter(id="m-2"))
    until_empty(deployed)

    edit(deployed.target, Filter(reason="payload"), lambda body: body.replace('"bob"', '["bob"]'))
    until_empty(deployed)

    assert deployed.ledger.pushes()["bob"] == 1
    assert deployed.ledger.dead_letters() == []
