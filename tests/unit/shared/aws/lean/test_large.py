"""A large answer of a receive: split as bytes, and the same as if it were parsed."""

from __future__ import annotations

import json
from random import Random
from typing import Any

import pytest

from shared.aws.lean import large
from shared.aws.lean.large import messages_in

ODD = (*'"\\{}[]:,é🙂\n\u2028 ', "Body", '"Body": "', "Messages")


def chance_made(random: Random, depth: int = 0) -> Any:
    """Returns any JSON. Its texts are made of the parts of JSON itself."""
    kind = random.randrange(5 if depth < 3 else 3)
    if kind < 2:
        return "".join(random.choices(ODD, k=random.randrange(8)))
    if kind == 2:
        return random.choice([None, True, -1.5e3, 0])
    if kind == 3:
        return [chance_made(random, depth + 1) for _ in range(random.randrange(4))]
    return {str(chance_made(random, 3)): chance_made(random, depth + 1) for _ in range(random.randrange(4))}


def attributes(random: Random) -> dict[str, Any]:
    """Makes a few attributes of any name, each with a text."""
    return {
        f"{random.choice(ODD)}{number}": {"DataType": "String", "StringValue": str(chance_made(random, 3))}
        for number in range(random.randrange(4))
    }


def a_message(random: Random) -> dict[str, Any]:
    others = {f"{random.choice(ODD)}{number}": chance_made(random) for number in range(random.randrange(4))}
    message = {"MessageId": "m-1", "Body": "".join(random.choices(ODD, k=random.randrange(40))), **others}
    if random.random() < 0.7:
        message["MessageAttributes"] = chance_made(random) if random.random() < 0.3 else attributes(random)
    keys = list(message)
    random.shuffle(keys)
    return {key: message[key] for key in keys}


@pytest.mark.parametrize("seed", range(20))
def test_each_message_is_what_json_makes_of_it(seed: int) -> None:
    random = Random(seed)
    for _ in range(50):
        answer = {
            "Before": chance_made(random),
            "Messages": [a_message(random) for _ in range(random.randrange(11))],
            "After": chance_made(random),
        }
        written = json.dumps(
            answer, ensure_ascii=random.random() < 0.5, indent=random.choice([None, 1])
        ).encode()

        assert [dict(message) for message in messages_in(written)] == answer["Messages"]


def test_half_an_answer_is_none() -> None:
    whole = json.dumps({"Messages": [{"MessageId": "m", "Body": 'a "quoted" body', "A": [{}]}]}).encode()

    for end in range(1, 60):
        with pytest.raises(ValueError, match=r"."):
            messages_in(whole[: len(whole) - end])


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b'{"Messages": [{"MessageId": "m"}]}', id="no body"),
        pytest.param(b'{"Messages": [{"Body": 7}]}', id="a body that is no text"),
        pytest.param(b'{"Messages": [{"Body": "x", oops}]}', id="a message that is no JSON"),
    ],
)
def test_an_answer_that_sqs_would_not_give_is_refused(answer: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        messages_in(answer)


def test_a_body_that_is_no_utf_8_spoils_no_other() -> None:
    broken, sound = messages_in(b'{"Messages": [{"Body": "\xff"}, {"Body": "sound"}]}')

    assert sound["Body"] == "sound"
    with pytest.raises(ValueError, match="utf-8"):
        broken["Body"]


def test_an_attribute_that_is_no_utf_8_spoils_no_other_message() -> None:
    broken, sound = messages_in(
        b'{"Messages": [{"MessageAttributes": {"a": {"x": "\xff"}}, "Body": "x"}, {"Body": "sound"}]}'
    )

    assert sound["Body"] == "sound"
    assert broken["Body"] == "x"
    with pytest.raises(ValueError, match="utf-8"):
        broken["MessageAttributes"]


def test_bytes_are_made_of_base_64() -> None:
    answer = {"Messages": [{"Body": "x", "MessageAttributes": {"a": binary("AP8="), "odd": binary("A")}}]}

    (message,) = messages_in(json.dumps(answer).encode())

    assert message["MessageAttributes"] == {"a": binary(b"\x00\xff"), "odd": binary("A")}


def binary(value: object) -> dict[str, object]:
    return {"DataType": "Binary", "BinaryValue": value}


@pytest.mark.parametrize("length", [*range(505, 520), 4_090, 4_096, 40_000], ids=str)
def test_a_text_with_quotes_may_be_of_any_length(length: int) -> None:
    # Given texts that end around the windows through which they are looked at, also within an escape
    for text in ('"' + "a" * length, '"' * length, '"' + "\u2028" * length, '"' + "\\" * length):
        written = json.dumps({"Messages": [{"MessageId": text, "Body": text}]}).encode()

        (message,) = messages_in(written)
        assert (message["MessageId"], message["Body"]) == (text, text)


def test_a_short_text_with_a_quote_costs_no_more_than_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    # Given a thousand of them before a large body
    looked_at: list[int] = []
    really = large.scanstring  # type: ignore[attr-defined]

    def scanned(text: str, *rest: Any) -> Any:
        looked_at.append(len(text))
        return really(text, *rest)

    monkeypatch.setattr(large, "scanstring", scanned)
    short = ",".join(['"\\""'] * 1_000)

    messages_in(f'{{"x": [{short}], "Messages": [{{"Body": "{"a" * 8_000_000}"}}]}}'.encode())

    assert len(looked_at) == 1_000
    assert max(looked_at) < 1_024
