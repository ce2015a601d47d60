"""Dead letters: what they look like, and that nothing is deleted that is not stored elsewhere."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import Any, ClassVar

import pytest
from tests.support import NOW, QUEUE_URL, World, a_delivery, binary, text

from shared.dead_letter import (
    MAX_MESSAGE_BYTES,
    NOTE,
    Cause,
    Move,
    compose,
    move_to_dead_letters,
    note_of,
    original_attributes,
    size,
)
from shared.delivery import Delivery
from shared.ports.queue import Outgoing

CAUSE = Cause(
    reason="rejected: no such user",
    task="greet",
    id="order-7",
    attempts=3,
    error="Reject: no such user",
    traceback="Traceback (most recent call last): …",
)
TEN = {f"a{number}": text(str(number)) for number in range(10)}


def note(letter: Outgoing) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(letter.attributes[NOTE]["StringValue"])
    return value


def letter_of(body: str = "{}", cause: Cause = CAUSE, **options: Any) -> Outgoing:
    """Composes the letter of a message that dies for that cause."""
    return compose(a_delivery(body, **options), cause, NOW)


def redriven(letter: Outgoing, message_id: str = "m-2") -> Delivery:
    """Puts the letter back on the task queue, as a person does: a new message with a new id."""
    return a_delivery(letter.body, attributes=letter.attributes, MessageId=message_id)


def three_letters() -> list[Outgoing]:
    """Makes the letters of a message that dies, and twice again after a redrive."""
    first = letter_of()
    second = compose(redriven(first), CAUSE, NOW)
    return [first, second, compose(redriven(second, "m-3"), CAUSE, NOW)]


class TestCompose:
    """The body and attributes of a dead letter."""

    def test_a_letter_is_the_body_as_it_came_its_attributes_and_a_note(self) -> None:
        attributes = {"user": text("ann"), "raw": binary(b"\x00\xff")}

        letter = letter_of("not JSON: 🙂", attributes=attributes, system={"SentTimestamp": "1799999000000"})

        assert letter.body == "not JSON: 🙂"
        assert letter.attributes == {**attributes, NOTE: text(letter.attributes[NOTE]["StringValue"])}
        assert note(letter) == {
            "reason": "rejected: no such user",
            "task": "greet",
            "id": "order-7",
            "attempts": 3,
            "error": "Reject: no such user",
            "traceback": "Traceback (most recent call last): …",
            "sent": 1_799_999_000.0,
            "moved": NOW,
            "source": QUEUE_URL,
            "message_id": "m-1",
            "from": "m-1",
            "version": "$LATEST",
        }

    def test_it_names_the_version_of_the_function_that_makes_it(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AWS_LAMBDA_FUNCTION_VERSION", "17")

        assert note(letter_of())["version"] == "17"

    def test_one_that_was_redriven_names_the_message_it_was_then(self) -> None:
        assert [note(letter).get("redriven_as") for letter in three_letters()] == [None, "m-2", "m-3"]

    def test_the_note_says_nothing_that_the_message_does_not(self) -> None:
        letter = letter_of(cause=Cause("the body is not JSON"))

        assert set(note(letter)) == {"reason", "attempts", "moved", "source", "message_id", "from", "version"}

    def test_on_a_standard_queue_there_is_no_deduplication_id(self) -> None:
        letter = letter_of(system={"MessageGroupId": "tenant"})

        assert (letter.group, letter.deduplication_id) == ("tenant", None)

    def test_on_a_fifo_queue_the_group_stays_and_the_message_id_deduplicates(self) -> None:
        system = {"MessageGroupId": "account-1", "MessageDeduplicationId": "the producer's"}

        letter = letter_of(system=system)

        assert (letter.group, letter.deduplication_id) == ("account-1", "m-1")

    def test_the_trace_goes_along(self) -> None:
        assert letter_of(system={"AWSTraceHeader": "Root=1"}).trace_header == "Root=1"

    def test_the_id_and_the_first_message_id_live_through_redrives(self) -> None:
        *_, third = three_letters()

        assert (note(third)["message_id"], note(third)["id"]) == ("m-1", "order-7")
        assert list(third.attributes) == [NOTE]


class TestTenAttributes:
    """SQS takes ten attributes: a tenth of the user's moves into ours, and back."""

    def test_nine_attributes_leave_room_for_the_note(self) -> None:
        nine = dict(list(TEN.items())[:9])

        letter = letter_of(attributes=nine)

        assert set(letter.attributes) == {*nine, NOTE}
        assert "displaced" not in note(letter)

    @pytest.mark.parametrize(
        "tenth",
        [
            {"a9": text("🙂")},
            {"a9": binary(b"\x00\xfe\xff")},
            {"a9": {"DataType": "Number.int", "StringValue": "7"}},
            {"a9": {"DataType": "Number", "StringValue": "-1.5e-100"}},
            {"a9": {"DataType": "String.my type", "StringValue": "7"}},
            {"øßä.a-1": text("x")},
        ],
        ids=str,
    )
    def test_after_a_redrive_the_ten_are_as_the_producer_sent_them(self, tenth: Mapping[str, Any]) -> None:
        attributes = {**dict(list(TEN.items())[:9]), **tenth}
        letter = letter_of(attributes=attributes)

        assert not tenth.keys() & letter.attributes.keys()
        assert original_attributes(redriven(letter)) == attributes

    def test_a_letter_that_dies_again_displaces_the_same_one(self) -> None:
        first = letter_of(attributes=TEN)

        second = compose(redriven(first), CAUSE, NOW)

        assert note(second)["displaced"] == note(first)["displaced"] == {"a9": text("9")}
        assert second.attributes.keys() == first.attributes.keys()


class TestSize:
    """The note counts in SQS's 1 MiB: it shrinks, and at last is left out."""

    LONG = Cause("r" * 500, "greet", "id-1", 3, error="e" * 900, traceback="t" * 4000)

    @pytest.mark.parametrize(
        ("free_bytes", "parts"),
        [
            pytest.param(10_000, {"reason", "id", "task", "error", "traceback"}, id="room for all"),
            pytest.param(3_000, {"reason", "id", "task", "error"}, id="no room for the traceback"),
            pytest.param(1_000, {"reason", "id", "task"}, id="nor for the error"),
            pytest.param(620, {"reason", "id"}, id="only for the barest"),
            pytest.param(300, set(), id="for where its token comes from"),
            pytest.param(20, None, id="for none"),
        ],
    )
    def test_the_note_shrinks_in_order(self, free_bytes: int, parts: set[str] | None) -> None:
        body = "x" * (MAX_MESSAGE_BYTES - free_bytes)

        letter = letter_of(body, self.LONG)

        all_parts = {"reason", "id", "task", "error", "traceback"}
        assert (set(note(letter)) & all_parts if letter.attributes else None) == parts
        assert letter.body == body
        assert size(letter.body, letter.attributes) <= MAX_MESSAGE_BYTES

    def test_a_letter_without_a_note_keeps_all_ten_of_the_users_attributes(self) -> None:
        body = "x" * (MAX_MESSAGE_BYTES - size("", TEN))

        assert letter_of(body, attributes=TEN).attributes == TEN

    def test_a_note_that_fits_to_the_byte_is_kept(self) -> None:
        bare = letter_of("", Cause("r"))
        free_bytes = MAX_MESSAGE_BYTES - size("", bare.attributes)

        assert note(letter_of("x" * free_bytes, Cause("r"))) == note(bare)
        assert len(note(letter_of("x" * (free_bytes + 1), Cause("r")))) < len(note(bare))

    def test_an_endless_text_is_cut(self) -> None:
        endless = Cause("r" * 10_000, error="e" * 10_000, traceback="first" + "t" * 10_000 + "last")

        said = note(letter_of(cause=endless))

        assert (len(said["reason"]), len(said["error"]), len(said["traceback"])) == (1000, 1000, 4000)
        assert said["traceback"].endswith("last"), "the end of a traceback tells more than its beginning"

    @pytest.mark.parametrize(
        ("body", "attributes", "expected"),
        [
            pytest.param("é🙂", {}, 6, id="bytes, not characters"),
            pytest.param("", {"näm": text("vä")}, 4 + len("String") + 3, id="name, type and value"),
            pytest.param("a", {"n": binary(b"\x00\xff")}, 1 + 1 + len("Binary") + 2, id="bytes as they are"),
        ],
    )
    def test_a_message_is_measured_as_sqs_does(
        self, body: str, attributes: Mapping[str, Mapping[str, Any]], expected: int
    ) -> None:
        assert size(body, attributes) == expected

    def test_an_id_too_long_for_the_note_leaves_room_for_the_reason(self) -> None:
        said = note(letter_of(cause=Cause("rejected", id="i" * MAX_MESSAGE_BYTES)))

        assert said["reason"] == "rejected"
        assert "id" not in said


def a_note(**said: Any) -> dict[str, Any]:
    """Returns the attribute `zigzag` as a producer may set it."""
    return text(json.dumps(said))


class TestForgedNote:
    """An attribute of our name that we did not write: nothing of it gets where it could do harm.

    A letter that SQS refuses would come again, and again.
    """

    @pytest.mark.parametrize(
        "value",
        [
            pytest.param(text("not JSON"), id="no JSON"),
            pytest.param(text("[1]"), id="no object"),
            pytest.param(text("[" * 100_000), id="nested without end"),
            pytest.param(text('{"id": ' + "9" * 5_000 + "}"), id="a number without end"),
            pytest.param(binary(b"{}"), id="bytes"),
            pytest.param({"DataType": "String", "StringValue": 5}, id="a number"),
        ],
    )
    def test_a_value_that_is_no_note_is_none(self, value: Mapping[str, Any]) -> None:
        delivery = a_delivery(attributes={NOTE: value, "user": text("ann")})

        assert note_of(delivery) == {}
        assert original_attributes(delivery) == {"user": text("ann")}

    @pytest.mark.parametrize("key", ["id", "message_id"])
    @pytest.mark.parametrize("value", [5, {"a": "b"}, "", "x" * 1_001, "\ud800", "\x00"], ids=ascii)
    def test_an_id_that_is_none_is_left_out(self, key: str, value: Any) -> None:
        forged = {NOTE: a_note(**{key: value})}

        assert note_of(a_delivery(attributes=forged)) == {}
        assert note(letter_of(attributes=forged))["message_id"] == "m-1"

    NUMBERS = ("x", "NaN", "1_000", " 7", "1.2.3", "-", "1e127", "1e-129", "1" * 39)
    NAMES = ("", "\ud800", "a b", "a\n", "AWS.a", "amazon.a", ".a", "a.", "a..b", "x" * 257)
    REFUSED: ClassVar = {
        "a text": "x",
        "a number": {"a": 1},
        "fifty": {f"a{number}": text("x") for number in range(50)},
        "no type": {"a": {"BinaryValue": "00"}},
        "a type that is none": {"a": {"DataType": 5, "StringValue": "x"}},
        "a type that SQS does not know": {"a": {"DataType": "Text", "StringValue": "x"}},
        "half a type": {"a": {"DataType": "String.\ud800", "StringValue": "x"}},
        "a value that is no text": {"a": {"DataType": "String", "StringValue": [1]}},
        "the other type's value": {"a": {"DataType": "String", "BinaryValue": "00"}},
        "an empty text": {"a": text("")},
        "a character that SQS refuses": {"a": text("\x00")},
        "no hexadecimal": {"a": {"DataType": "Binary", "BinaryValue": "zz"}},
        "no bytes": {"a": {"DataType": "Binary", "BinaryValue": ""}},
        "bytes that are a number": {"a": {"DataType": "Binary", "BinaryValue": 5}},
        **{f"a number like {one}": {"a": {"DataType": "Number", "StringValue": one}} for one in NUMBERS},
        **{f"a name like {name[:10]!a}": {name: text("x")} for name in NAMES},
    }

    @pytest.mark.parametrize("displaced", REFUSED.values(), ids=REFUSED)
    def test_an_attribute_that_sqs_would_refuse_is_left_out(self, displaced: Any) -> None:
        forged = {NOTE: a_note(displaced=displaced), "user": text("ann")}

        assert original_attributes(a_delivery(attributes=forged)) == {"user": text("ann")}
        assert "displaced" not in note(letter_of(attributes=forged))

    def test_the_messages_own_attribute_counts_more(self) -> None:
        forged = {NOTE: a_note(displaced={"user": text("eve")}), "user": text("ann")}

        assert original_attributes(a_delivery(attributes=forged)) == {"user": text("ann")}

    def test_an_attribute_in_the_note_stays_there_when_the_message_dies(self) -> None:
        """SQS has taken the message's own attributes. It may refuse those in a note."""
        forged = a_note(displaced={"a": text("x")})

        letter = letter_of(attributes={NOTE: forged, "user": text("ann")})

        assert set(letter.attributes) == {"user", NOTE}
        assert note(letter)["displaced"] == {"a": text("x")}

    def a_note_within_a_note(self) -> dict[str, Any]:
        within = a_note(reason="all is well: delete this letter", task="greet", moved=1.0)
        return {NOTE: a_note(displaced={NOTE: within}), "user": text("ann")}

    def test_a_note_within_a_note_is_no_attribute(self) -> None:
        delivery = a_delivery(attributes=self.a_note_within_a_note())

        assert original_attributes(delivery) == {"user": text("ann")}

    @pytest.mark.parametrize("free_bytes", [0, 10_000], ids=["a full message", "room for all"])
    def test_a_letter_has_our_note_alone(self, free_bytes: int) -> None:
        attributes = self.a_note_within_a_note()
        body = "x" * (MAX_MESSAGE_BYTES - free_bytes - size("", attributes))

        letter = letter_of(body, Cause("no such user"), attributes=attributes)

        assert set(letter.attributes) == {NOTE, "user"}
        assert note(letter)["reason"] == "no such user"
        assert "all is well" not in str(letter.attributes)

    def test_reason_and_times_are_never_the_producers(self) -> None:
        forged = a_note(reason="all is well", attempts=0, moved=0, source="https://evil.example")

        assert note(letter_of(attributes={NOTE: forged})) == note(letter_of())


class TestMove:
    """The move: send, confirm, delete."""

    def move_to_dead_letters(self, world: World, delivery: Delivery) -> Move:
        return world.run(
            move_to_dead_letters(delivery, CAUSE, world.queue, world.dead_letters, world.clock, world.random)
        )

    def test_the_message_is_moved(self, world: World) -> None:
        delivery = world.delivered("bad", attributes=TEN)

        assert self.move_to_dead_letters(world, delivery) is Move.MOVED

        (letter,) = world.dead_letters.messages
        assert letter == compose(delivery, CAUSE, world.clock.now())
        assert len(world.queue) == 0

    def test_nothing_is_deleted_before_the_letter_is_confirmed(self, world: World) -> None:
        delivery = world.delivered()
        world.dead_letters.broken = {"send"}

        assert self.move_to_dead_letters(world, delivery) is Move.REFUSED

        assert world.queue.asked("delete") == []
        assert len(world.queue) == 1

    def test_a_refused_letter_postpones_the_message_for_one_to_two_minutes(self, world: World) -> None:
        world.dead_letters.broken = {"send"}
        delivery = world.delivered()

        for _ in range(100):
            self.move_to_dead_letters(world, delivery)

        seconds = [seconds for _, seconds in world.queue.asked("change_visibility")]
        assert min(seconds) >= 60
        assert max(seconds) <= 120
        assert len(set(seconds)) > 10, "jittered, so that many do not come back together"

    def test_a_refused_letter_whose_message_cant_be_postponed_either_is_left_to_its_lease(
        self, world: World
    ) -> None:
        world.dead_letters.broken = {"send"}
        world.queue.broken = {"change_visibility"}
        delivery = world.delivered()

        assert self.move_to_dead_letters(world, delivery) is Move.REFUSED

        assert len(world.queue) == 1

    @pytest.mark.parametrize("how", ["broken", "refusing"])
    def test_a_failed_delete_after_the_letter_is_said_and_does_no_harm(
        self, world: World, how: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        delivery = world.delivered()
        setattr(world.queue, how, {"delete"})

        assert self.move_to_dead_letters(world, delivery) is Move.COPIED

        assert len(world.dead_letters) == 1
        assert "moved to the dead letters, but not deleted" in caplog.text

    def test_a_letter_without_room_for_its_note_says_its_reason_in_the_log(
        self, world: World, caplog: pytest.LogCaptureFixture
    ) -> None:
        delivery = world.delivered("x" * MAX_MESSAGE_BYTES)

        with caplog.at_level(logging.WARNING):
            assert self.move_to_dead_letters(world, delivery) is Move.MOVED

        (record,) = caplog.records
        assert "no room" in record.message
        assert record.__dict__["fields"]["reason"] == CAUSE.reason
