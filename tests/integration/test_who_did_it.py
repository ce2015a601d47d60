"""The gate and the letter note who paused, limited and redrove. Nothing is decided by it."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest
from tests.stacks import deployed, queue, refused_without
from tests.support import a_delivery

from shared.dead_letter import Cause, compose
from zigzag_operate import find
from zigzag_operate.letters import letter_of
from zigzag_operate.redriven import redriven
from zigzag_operate.who import caller

MOTO = "arn:aws:sts::123456789012:user/moto"


@pytest.fixture
def stack(account: None) -> dict[str, str]:
    return deployed(queue(), "true", {"default": 3, "bulk": 1})


def item(stack: dict[str, str], key: str) -> dict[str, Any]:
    found = boto3.client("dynamodb").get_item(TableName=stack["RecordsTableName"], Key={"key": {"S": key}})
    return dict(found.get("Item", {}))


def by(zigzag: Any) -> dict[str, Any]:
    """Returns who did what with the queue `bulk`, as `limits --json` tells."""
    told = json.loads(zigzag("limits", "--json")[1])["bulk"]["by"]
    return {what: said["who"] for what, said in told.items()}


def test_who_paused_first_is_told_until_somebody_resumes(
    zigzag: Any, stack: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    zigzag("pause", "bulk")
    monkeypatch.setattr("zigzag_operate.who.caller", lambda target: "arn:aws:iam::1:user/ann")
    zigzag("pause", "bulk")

    assert by(zigzag) == {"paused": MOTO}
    assert "by user/moto" in zigzag("status")[1]
    assert "paused by" in zigzag("limits")[1]

    zigzag("resume", "bulk")
    zigzag("limit", "bulk", "--rate", "5/s")

    assert by(zigzag) == {"resumed": "arn:aws:iam::1:user/ann", "limited": "arn:aws:iam::1:user/ann"}

    zigzag("pause", "bulk")

    assert by(zigzag)["paused"] == "arn:aws:iam::1:user/ann"


def test_the_gate_itself_has_no_attribute_more_for_a_consumer_that_does_not_know_it(
    zigzag: Any, stack: dict[str, str]
) -> None:
    zigzag("pause", "bulk")
    zigzag("limit", "bulk", "--at-once", "3")

    assert item(stack, "gate#bulk").keys() == {"key", "paused", "at_once", "held", "rev"}
    assert item(stack, "gate#bulk#by").keys() == {"key", "paused", "limited"}


@pytest.mark.parametrize("at", ["1e120", "-1e30", "1000"])
def test_a_note_of_anybodys_breaks_no_command_and_no_terminal(
    zigzag: Any, stack: dict[str, str], at: str
) -> None:
    said = {"M": {"who": {"S": "\x1b[2Jann\nbob"}, "at": {"N": at}}}
    note: dict[str, Any] = {"key": {"S": "gate#bulk#by"}, "limited": said}
    boto3.client("dynamodb").put_item(TableName=stack["RecordsTableName"], Item=note)
    zigzag("limit", "bulk", "--rate", "5/s")
    boto3.client("dynamodb").put_item(TableName=stack["RecordsTableName"], Item=note)

    code, out, err = zigzag("limits")

    assert (code, err) == (0, "")
    assert ("?[2Jann?bob" in out) == (at == "1000")


def test_a_note_is_of_the_pause_that_it_was_written_with(zigzag: Any, stack: dict[str, str]) -> None:
    zigzag("pause", "bulk")
    gate = {"key": {"S": "gate#bulk"}, "paused": {"N": "1000"}}  # by hand, long ago
    boto3.client("dynamodb").put_item(TableName=stack["RecordsTableName"], Item=gate)

    assert by(zigzag) == {}
    assert "by user/moto" not in zigzag("status")[1]


def test_without_sts_the_machines_user_is_told_and_bounded(
    account: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused_without(monkeypatch, "GetCallerIdentity")
    monkeypatch.setenv("USER", "ann\x1b[2J" + "n" * 300)

    said = caller(find("zigzag", region="eu-west-1"))

    assert (said[:8], len(said), said.isprintable()) == ("ann?[2Jn", 256, True)


def test_a_letter_tells_who_redrove_it_before_it_died_again() -> None:
    sent = redriven(a_delivery(), MOTO)
    assert sent is not None

    letter = compose(a_delivery(attributes=sent.attributes), Cause("no"), 0.0)

    message = {"MessageId": "m-2", "Body": letter.body, "MessageAttributes": letter.attributes}
    assert letter_of(message).by == MOTO
    again = redriven(a_delivery(attributes=letter.attributes))
    assert again is not None
    assert MOTO not in str(again.attributes), "who did not redrive it now"


def test_a_pause_holds_without_its_note(
    zigzag: Any, stack: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    refused_without(monkeypatch, "UpdateItem", lambda asked: asked["Key"]["key"]["S"].endswith("#by"))

    assert zigzag("pause", "bulk")[0] == 0
    assert (by(zigzag), json.loads(zigzag("limits", "--json")[1])["bulk"]["closed"]) == ({}, "paused")
