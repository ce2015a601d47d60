"""Decoding: body and attributes in; task, payload and id out, or a reason why not."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from tests.support import NOW, a_delivery, binary, body_of, text

from shared.dead_letter import Cause, compose
from worker.decode import Message, ReplyTo, decode
from zigzag.body import MAX_LEVELS, BadMessageError

S3_EVENT = '{"Records": [{"eventName": "ObjectCreated:Put"}]}'


@pytest.mark.parametrize(
    ("body", "message"),
    [
        pytest.param('{"task": "t", "payload": {"a": 1}}', Message("t", {"a": 1}, "m-1"), id="the usual"),
        pytest.param('{"task": "t"}', Message("t", {}, "m-1"), id="no payload"),
        pytest.param('{"task": "t", "id": "order-7"}', Message("t", {}, "order-7"), id="an id"),
        pytest.param('{"task": "t", "id": null}', Message("t", {}, "m-1"), id="an id that is null"),
        pytest.param(
            '{"task": "t", "correlation_id": "c", "version": 2, "extra": []}',
            Message("t", {}, "m-1"),
            id="more keys",
        ),
        pytest.param(
            '{"task": "t", "id": "i", "reply_to": "u", "correlation_id": "c", "hops": 2}',
            Message("t", {}, "i", reply_to=ReplyTo("u", "c"), hops=2),
            id="a reply, and a place in a chain",
        ),
        pytest.param(
            '{"task": "t", "reply_to": "u", "hops": -1}',
            Message("t", {}, "m-1", reply_to=ReplyTo("u", "m-1")),
            id="a reply known by the task's id",
        ),
        pytest.param(
            '{"task": "täsk", "payload": {"🙂": "漢字"}}', Message("täsk", {"🙂": "漢字"}, "m-1"), id="emoji"
        ),
    ],
)
def test_a_message_is_decoded(body: str, message: Message) -> None:
    assert decode(a_delivery(body)) == message


@pytest.mark.parametrize(
    ("body", "payload"),
    [
        pytest.param(
            '{"task": "t", "payload": {"a": 1, "a": 2}}', {"a": 2}, id="of a key twice, the last counts"
        ),
        pytest.param(
            '{"task": "other", "payload": {"a": 1}, "task": "t", "payload": {}}', {}, id="of ours as well"
        ),
        pytest.param(
            r'{"task": "t", "payload": {"cut": "\ud83d", "\u0000": "\u2028"}}',
            {"cut": "\ud83d", "\x00": "\u2028"},
            id="a text that was cut through an emoji is the task's to judge",
        ),
        pytest.param(f'{{"task": "t", "payload": {{"a": {10**4000}}}}}', {"a": 10**4000}, id="a long number"),
        pytest.param('{"task": "t", "payload": {"a": "' + "[{" * 200 + '"}}', {"a": "[{" * 200}, id="a text"),
    ],
)
def test_a_body_that_is_odd_but_json_is_a_payload(body: str, payload: dict[str, Any]) -> None:
    assert decode(a_delivery(body)) == Message("t", payload, "m-1")


KINDS = {"arrays": ("[", "]"), "objects": ('{"":', "}")}


def nested(levels: int, opened: str, closed: str) -> str:
    """Returns a body so many levels deep."""
    return '{"task": "t", "payload": {"a": ' + opened * (levels - 2) + "0" + closed * (levels - 2) + "}}"


def can_be_walked(payload: Any) -> bool:
    """Tells whether it can be walked.

    A bare assertion would not do: pytest takes minutes to show where a recursion had no end.
    """
    try:
        return bool(copy.deepcopy(payload) == payload and json.dumps(payload, indent=1))
    except RecursionError:
        return False


class TestDepth:
    """A task's payload can be walked, copied and written again without Python's stack running out."""

    @pytest.mark.parametrize("kind", KINDS)
    def test_a_body_of_a_hundred_levels_is_decoded(self, kind: str) -> None:
        body = nested(MAX_LEVELS, *KINDS[kind])

        assert can_be_walked(decode(a_delivery(body)).payload)

    @pytest.mark.parametrize("kind", KINDS)
    @pytest.mark.parametrize("levels", [MAX_LEVELS + 1, 9_000, 100_000])
    def test_a_deeper_one_is_refused_however_deep(self, kind: str, levels: int) -> None:
        with pytest.raises(BadMessageError, match="nested too deeply"):
            decode(a_delivery(nested(levels, *KINDS[kind])))

    def test_a_wide_one_is_not_deep(self) -> None:
        wide = [[[]]] * 10_000

        assert decode(a_delivery(body_of("t", {"a": wide}))).payload == {"a": wide}


class TestRaw:
    """A message attribute `task` marks a raw body: the whole body is then the payload."""

    @pytest.mark.parametrize(
        "payload",
        [
            pytest.param({"Records": [{"eventName": "ObjectCreated:Put"}]}, id="S3's"),
            pytest.param({"task": "resize", "payload": {"a": 1}, "id": "y"}, id="with our keys"),
        ],
    )
    def test_the_whole_body_is_the_payload(self, payload: dict[str, Any]) -> None:
        delivery = a_delivery(json.dumps(payload), attributes={"task": text("resize")})

        assert decode(delivery) == Message("resize", payload, "m-1")

    def test_after_a_redrive_it_is_raw_still_even_if_its_attribute_had_to_move(self) -> None:
        ten = {**{f"a{number}": text("x") for number in range(9)}, "task": text("resize")}
        before = a_delivery(S3_EVENT, attributes=ten)
        letter = compose(before, Cause("failed", id="m-1"), NOW)

        after = decode(a_delivery(letter.body, attributes=letter.attributes, MessageId="m-2"))

        assert after == decode(before)


class TestId:
    """The producer's, else the one from before a redrive, else the MessageId."""

    NOTE = text('{"id": "m-0"}')

    @pytest.mark.parametrize(
        ("body", "attributes", "expected"),
        [
            pytest.param(body_of("t", id="order-7"), {"zigzag": NOTE}, "order-7", id="the producer's first"),
            pytest.param(body_of("t"), {"zigzag": NOTE}, "m-0", id="from before a redrive"),
            pytest.param(
                body_of("t"),
                {"zigzag": text('{"message_id": "m-0"}')},
                "m-0",
                id="a letter of one that was not read",
            ),
            pytest.param(body_of("t"), {"zigzag": text('{"id": 5}')}, "m-1", id="a note of somebody else's"),
            pytest.param(body_of("t", id="i" * 100_000), {}, "i" * 100_000, id="however long"),
            pytest.param(
                S3_EVENT, {"task": text("t"), "zigzag": NOTE}, "m-0", id="a raw body's, from before a redrive"
            ),
        ],
    )
    def test_the_id(self, body: str, attributes: dict[str, Any], expected: str) -> None:
        assert decode(a_delivery(body, attributes=attributes)).id == expected


BAD = [
    ("hello, SECRET", "the body is not JSON: Expecting value: line 1 column 1 (char 0)"),
    ('{"task": "t", "payload": {"SECRET": 1}', "the body is not JSON: Expecting ',' delimiter"),
    ("[" * 100_000, "the body is nested too deeply: at most 100 objects and arrays within each other"),
    ('{"task": "t", "payload": {"a": NaN}}', "the body is not JSON: it has NaN, which JSON does not know"),
    ('{"task": "t", "payload": {"a": -1e999}}', "the body has a number that is too large"),
    (
        '{"task": "t", "payload": {"a": ' + "12345" * 1000 + "}}",
        "the body has a number that is too long: at most 4,300 digits",
    ),
    ('["SECRET"]', "the body is an array; it must be a JSON object with a `task`"),
    ("true", "the body is true or false; it must be a JSON object with a `task`"),
    (
        '{"payload": {"a": "SECRET"}}',
        'the body names no task; it must be like {"task": "hello", "payload": {}}',
    ),
    ('{"task": null}', "the body names no task; "),
    ('{"task": 12345}', "`task` is a number; it must be the name of a task"),
    ('{"task": ""}', "`task` is "),
    (body_of("SECRET" * 50), "`task` has 300 characters; a name has at most 256"),
    (r'{"task": "SECRET\ud83d"}', "`task` has half a character; it must be a text in Unicode"),
    (r'{"task": "t", "id": "SECRET\ud83d"}', "`id` has half a character; it must be a text in Unicode"),
    ('{"task": "t", "payload": "SECRET"}', "`payload` is a text; it must be a JSON object"),
    ('{"task": "t", "payload": null}', "`payload` is null; it must be a JSON object"),
    ('{"task": "t", "id": ""}', "`id` is a text; it must be a text that is not empty"),
    ('{"task": "t", "id": {"SECRET": 1}}', "`id` is an object; it must be a text that is not empty"),
]


@pytest.mark.parametrize(("body", "says"), BAD, ids=[body[:30] or "empty" for body, _ in BAD])
def test_a_message_that_is_none_is_refused_in_words_and_its_values_stay_private(body: str, says: str) -> None:
    with pytest.raises(BadMessageError) as caught:
        decode(a_delivery(body))

    assert str(caught.value).startswith(says)
    assert "SECRET" not in str(caught.value)
    assert "12345" not in str(caught.value)


@pytest.mark.parametrize(
    ("body", "attribute", "says"),
    [
        pytest.param('["SECRET"]', text("t"), "the body is an array", id="no object"),
        pytest.param("{}", binary(b"t"), "the attribute `task` ", id="a name in bytes"),
        pytest.param("{}", text(""), "the attribute `task` ", id="no name"),
        pytest.param("{}", text("SECRET" * 50), "`task` has 300 characters", id="a name without end"),
    ],
)
def test_a_raw_body_that_is_no_payload_is_refused(body: str, attribute: dict[str, Any], says: str) -> None:
    with pytest.raises(BadMessageError, match=says) as caught:
        decode(a_delivery(body, attributes={"task": attribute}))

    assert "SECRET" not in str(caught.value)
