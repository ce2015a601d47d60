"""Decoding: body and attributes in; task, payload and id out, or a reason why not."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support import NOW, a_delivery, binary, body_of, text

from shared.dead_letter import Death, compose
from worker.decode import BadMessageError, Message, decode

S3_EVENT = '{"Records": [{"eventName": "ObjectCreated:Put"}]}'


@pytest.mark.parametrize(
    ("body", "message"),
    [
        pytest.param('{"task": "t", "payload": {"a": 1}}', Message("t", {"a": 1}, "m-1"), id="the usual"),
        pytest.param('{"task": "t", "payload": {}}', Message("t", {}, "m-1"), id="an empty payload"),
        pytest.param('{"task": "t"}', Message("t", {}, "m-1"), id="no payload"),
        pytest.param('{"task": "t", "id": "order-7"}', Message("t", {}, "order-7"), id="an id"),
        pytest.param('{"task": "t", "id": null}', Message("t", {}, "m-1"), id="an id that is null"),
        pytest.param(
            '{"task": "t", "reply_to": "u", "correlation_id": "c", "version": 2, "extra": []}',
            Message("t", {}, "m-1"),
            id="more keys",
        ),
        pytest.param(
            '{"task": "täsk", "payload": {"🙂": "漢字"}}', Message("täsk", {"🙂": "漢字"}, "m-1"), id="emoji"
        ),
    ],
)
def test_a_message_is_decoded(body: str, message: Message) -> None:
    assert decode(a_delivery(body)) == message


class TestRaw:
    """A message attribute `task` marks a raw body: the whole body is then the payload."""

    def test_the_whole_body_is_the_payload(self) -> None:
        message = decode(a_delivery(S3_EVENT, attributes={"task": text("resize")}))

        assert message == Message("resize", {"Records": [{"eventName": "ObjectCreated:Put"}]}, "m-1")

    def test_keys_of_ours_in_a_raw_body_mean_nothing(self) -> None:
        body = '{"task": "other", "payload": {"a": 1}, "id": "order-7"}'

        message = decode(a_delivery(body, attributes={"task": text("resize")}))

        assert message.task == "resize"
        assert message.payload == {"task": "other", "payload": {"a": 1}, "id": "order-7"}
        assert message.id == "m-1"

    def test_after_a_redrive_it_is_raw_still_even_if_its_attribute_had_to_move(self) -> None:
        ten = {**{f"a{number}": text("x") for number in range(9)}, "task": text("resize")}
        before = a_delivery(S3_EVENT, attributes=ten)
        letter = compose(before, Death("failed", id="m-1"), NOW)

        after = decode(a_delivery(letter.body, attributes=letter.attributes, MessageId="m-2"))

        assert after == decode(before)


class TestId:
    """The producer's, else the one from before a redrive, else the MessageId."""

    NOTE = text('{"id": "m-0"}')

    @pytest.mark.parametrize(
        ("body", "attributes", "expected"),
        [
            pytest.param(body_of("t", id="order-7"), {}, "order-7", id="the producer's"),
            pytest.param(body_of("t", id="order-7"), {"zigzag": NOTE}, "order-7", id="the producer's first"),
            pytest.param(body_of("t"), {"zigzag": NOTE}, "m-0", id="from before a redrive"),
            pytest.param(body_of("t"), {"zigzag": text("{}")}, "m-1", id="a note without one"),
            pytest.param(body_of("t"), {}, "m-1", id="the MessageId"),
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
    ("", "the body is not JSON: Expecting value"),
    ("[" * 100_000, "the body is not JSON: "),
    ('["SECRET"]', "the body is an array; it must be a JSON object with a `task`"),
    ('"SECRET"', "the body is a text; it must be a JSON object with a `task`"),
    ("12345", "the body is a number; it must be a JSON object with a `task`"),
    ("true", "the body is true or false; it must be a JSON object with a `task`"),
    ("null", "the body is null; it must be a JSON object with a `task`"),
    (
        '{"payload": {"a": "SECRET"}}',
        'the body names no task; it must be like {"task": "hello", "payload": {}}',
    ),
    ('{"task": null}', "the body names no task; "),
    ('{"task": {"SECRET": 1}}', "`task` is an object; it must be the name of a task"),
    ('{"task": 12345}', "`task` is a number; it must be the name of a task"),
    ('{"task": ""}', "`task` is "),
    ('{"task": "t", "payload": ["SECRET"]}', "`payload` is an array; it must be a JSON object"),
    ('{"task": "t", "payload": "SECRET"}', "`payload` is a text; it must be a JSON object"),
    ('{"task": "t", "payload": null}', "`payload` is null; it must be a JSON object"),
    ('{"task": "t", "id": 12345}', "`id` is a number; it must be a text that is not empty"),
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
        pytest.param("SECRET", text("t"), "the body is not JSON", id="not JSON"),
        pytest.param('["SECRET"]', text("t"), "the body is an array", id="no object"),
        pytest.param("{}", binary(b"t"), "the attribute `task` ", id="a name in bytes"),
    ],
)
def test_a_raw_body_that_is_no_payload_is_refused(body: str, attribute: dict[str, Any], says: str) -> None:
    with pytest.raises(BadMessageError) as caught:
        decode(a_delivery(body, attributes={"task": attribute}))

    assert str(caught.value).startswith(says)
    assert "SECRET" not in str(caught.value)
