"""What does SQS refuse, and with which code?"""

from __future__ import annotations

from tests.contract.recorded.case import API, GUIDE, LOCALSTACK, Aws, recorded
from tests.support import text

MEBIBYTE = 1_048_576
INVALID = "InvalidParameterValue"


@recorded(f"{LOCALSTACK} test_send_empty_message (2025-09-22)")
def a_body_is_not_empty(aws: Aws) -> None:
    assert aws.refused("") == "MissingParameter"


@recorded(f"{LOCALSTACK} test_send_oversized_message (2025-08-19)", at_ministack=False)
def a_body_and_its_attributes_are_together_at_most_a_mebibyte(aws: Aws) -> None:
    attributes = {"k": text("x")}
    most = MEBIBYTE - len("k" + "String" + "x")
    aws.send("a" * most, attributes=attributes)

    assert aws.refused("a" * (most + 1), attributes=attributes) == INVALID


@recorded(f"{API}/API_SendMessage.html: `The maximum size is 1 MiB or 1,048,576 bytes`")
def size_is_counted_in_bytes_not_in_characters(aws: Aws) -> None:
    aws.send("é" * (MEBIBYTE // 2))

    assert aws.refused("é" * (MEBIBYTE // 2) + "x") == INVALID


@recorded(
    f"{LOCALSTACK} test_send_message_with_invalid_payload_characters, "
    "test_batch_send_with_invalid_char_should_succeed",
)
def control_characters_are_refused(aws: Aws) -> None:
    for character in "\x00\x01\x08\x13\uffff":
        assert aws.refused(f"Invalid-{character}") == "InvalidMessageContents", repr(character)


@recorded(f"{LOCALSTACK} test_send_message_with_empty_string_attribute", at_ministack=False)
def the_value_of_an_attribute_is_not_empty(aws: Aws) -> None:
    assert aws.refused("x", attributes={"ErrorDetails": text("")}) == INVALID


@recorded(
    f"{LOCALSTACK} test_invalid_string_attributes_cause_invalid_parameter_value_error", at_ministack=False
)
def control_characters_in_an_attribute_are_refused(aws: Aws) -> None:
    """InvalidParameterValue, where a body has a code of its own."""
    assert aws.refused("x", attributes={"attr1": text("Invalid-\x08,\x0b")}) == INVALID


@recorded(f"{LOCALSTACK} test_send_message_with_invalid_string_attributes", at_ministack=False)
def the_name_of_an_attribute_has_rules(aws: Aws) -> None:
    """No reserved beginning, in any case; no point at its ends; no sign but `_`, `-` and `.`; at most 256."""
    aws.send("x", attributes={"attr.1øßä": text("Valida")})

    wrong = ["aWs.name", "AMAZON.name", ".name", "name.", "L" * 257]
    for name in wrong + [f"name-{character}-attr" for character in '!"§(?']:
        assert aws.refused("x", attributes={name: text("Valid")}) == INVALID, name


@recorded(f"{LOCALSTACK} test_send_message_with_invalid_string_attributes", at_ministack=False)
def the_type_of_an_attribute_is_one_of_three_perhaps_with_a_label(aws: Aws) -> None:
    aws.send("x", attributes={"name": {"DataType": "String.custom", "StringValue": "Valid"}})

    for kind in ("Invalid", "Number." + "L" * 256):
        attributes = {"name": {"DataType": kind, "StringValue": "1"}}
        assert aws.refused("x", attributes=attributes) == INVALID, kind


@recorded(
    f"{GUIDE}/quotas-messages.html: `A message can contain up to 10 metadata attributes`", at_ministack=False
)
def a_message_has_at_most_ten_attributes(aws: Aws) -> None:
    aws.send("x", attributes={f"a{number}": text("x") for number in range(10)})

    assert aws.refused("x", attributes={f"a{number}": text("x") for number in range(11)}) == INVALID


@recorded(
    f"{LOCALSTACK} test_send_message_to_standard_queue_with_invalid_message_group_id (2025-07-30)",
    at_ministack=False,
)
def a_group_is_of_1_to_128_letters_digits_and_signs(aws: Aws) -> None:
    for wrong in ("", "a" * 129, "group 123"):
        assert aws.refused("x", group=wrong) == INVALID, wrong


@recorded(f"{API}/API_SendMessage.html: `Valid values: 0 to 900`", at_ministack=False)
def a_message_is_delayed_for_at_most_a_quarter_of_an_hour(aws: Aws) -> None:
    aws.send("x", delay_seconds=900)

    assert aws.refused("x", delay_seconds=901) == INVALID


@recorded(f"{LOCALSTACK} test_send_receive_max_number_of_messages")
def a_receive_asks_for_at_most_ten(aws: Aws) -> None:
    assert aws.refused_receive(most=11) == INVALID


@recorded(f"{LOCALSTACK} test_send_receive_wait_time_seconds (2025-02-10)", at_ministack=False)
def a_receive_waits_for_0_to_20_seconds(aws: Aws) -> None:
    assert aws.refused_receive(wait_seconds=21) == INVALID
    assert aws.refused_receive(wait_seconds=-1) == INVALID


@recorded(
    f"{LOCALSTACK} test_delete_message_batch_with_too_large_batch, "
    "test_change_message_visibility_batch_with_too_large_batch",
)
def at_most_ten_are_deleted_or_postponed_at_once(aws: Aws) -> None:
    for number in range(11):
        aws.send(f"{number}")
    received = aws.receive() + aws.receive()

    assert aws.delete(*received) == ["AWS.SimpleQueueService.TooManyEntriesInBatchRequest"]
    assert aws.postpone(0, *received) == ["AWS.SimpleQueueService.TooManyEntriesInBatchRequest"]
    assert aws.in_flight() == 11
