"""A dead letter as it is read: anybody may have written it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from zigzag_operate.letters import BY_OTHERS, BY_SNS, BY_SQS, Letter, letter_of

NOTE = {
    "reason": "rejected: no",
    "task": "pay",
    "id": "order-7",
    "message_id": "the first",
    "attempts": 2,
    "moved": 1_800_000_000.5,
    "error": "Reject: no",
    "traceback": "Traceback …",
}


def text(value: str) -> dict[str, str]:
    return {"DataType": "String", "StringValue": value}


def message(note: Any = None, body: str = "{}", system: Any = None, **attributes: Any) -> dict[str, Any]:
    noted = {} if note is None else {"zigzag": text(note if isinstance(note, str) else json.dumps(note))}
    return {
        "MessageId": "the letter",
        "Body": body,
        "Attributes": {"SentTimestamp": "1700000000000", **(system or {})},
        "MessageAttributes": {**noted, **attributes},
    }


def test_a_letter_has_what_its_note_says() -> None:
    letter = letter_of(message(NOTE, body="secret"))

    said = ("rejected: no", "pay", "order-7", 1_800_000_000.5, 2, "Reject: no", "Traceback …", "the first")
    assert letter == Letter(letter.group, *said, "the letter")
    assert letter_of(message(NOTE, body="secret"), payload=True).body == "secret"


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        (message(), BY_OTHERS),
        (message(system={"DeadLetterQueueSourceArn": "arn:…"}), BY_SQS),
        (
            message(ERROR_CODE=text("NO_PERMISSIONS"), ERROR_MESSAGE=text("not you")),
            "not delivered by EventBridge: NO_PERMISSIONS: not you",
        ),
        (message(ErrorCode=text("403"), RequestID=text("x")), "not delivered by SNS or Lambda: 403"),
        (message(body='{"TopicArn": "arn:…", "SigningCertURL": "https://…"}'), BY_SNS),
        (message({**NOTE}, ERROR_CODE=text("old")), "rejected: no"),
    ],
    ids=["nobody's", "SQS's", "EventBridge's", "Lambda's", "SNS's", "a redriven one"],
)
def test_a_letter_that_zigzag_did_not_write_has_a_reason_in_words(other: Any, reason: str) -> None:
    assert letter_of(other).reason == reason


@pytest.mark.parametrize(
    "note",
    [
        "not JSON",
        "[]",
        "[" * 100_000,
        {"reason": 1},
        {**NOTE, "reason": ["a"], "id": "forged"},
        {"attempts": "2", "moved": "now"},
    ],
    ids=["no JSON", "no object", "deep", "a number", "a list", "no reason"],
)
def test_a_note_that_we_could_not_have_written_is_none(note: Any) -> None:
    letter = letter_of(message(note))

    assert (letter.reason, letter.id, letter.died) == (BY_OTHERS, None, 1_700_000_000)


@pytest.mark.parametrize("moved", [None, "x", -1, 1e30, float("nan"), [1], True])
def test_a_time_that_is_none_is_the_time_of_the_send(moved: Any) -> None:
    assert letter_of(message({**NOTE, "moved": moved})).died == 1_700_000_000


def test_a_forged_notes_texts_are_cut() -> None:
    long = dict.fromkeys(("reason", "task", "id", "error", "traceback", "message_id"), "x" * 100_000)

    letter = letter_of(message(long))

    assert sum(len(one) for one in (letter.reason, letter.task, letter.id, letter.error) if one) < 4_000
    assert len(str(letter.traceback) + letter.message_id) <= 5_000
