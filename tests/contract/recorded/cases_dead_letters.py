"""When does SQS itself move a message to the dead-letter queue, and what does it look like there?"""

from __future__ import annotations

from tests.contract.recorded.case import GUIDE, LOCALSTACK, Aws, Given, recorded, system
from tests.support import text

ONE_RECEIVE = Given(max_receive_count=1)
TRACE = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"


@recorded(f"{LOCALSTACK} test_dead_letter_queue_max_receive_count", ONE_RECEIVE)
def a_message_is_moved_by_the_receive_that_would_be_one_too_many(aws: Aws) -> None:
    message_id = aws.send("x")
    aws.receive_one(lease_seconds=0)
    assert aws.dead_letters() == []

    assert aws.receive() == []
    assert aws.dead_letter().message_id == message_id


@recorded(f"{LOCALSTACK} test_dead_letter_queue_message_attributes (2024-04-30)", ONE_RECEIVE)
def a_moved_message_keeps_its_attributes_and_its_count_and_says_where_it_is_from(aws: Aws) -> None:
    aws.send("x", attributes={"MyAttribute": text("foobar")}, trace_header=TRACE)
    aws.receive_one(lease_seconds=0)
    aws.receive()
    letter = aws.dead_letter()

    assert letter.attributes == {"MyAttribute": text("foobar")}
    assert system(letter, "AWSTraceHeader") == TRACE
    assert letter.receive_count == 2
    source = system(letter, "DeadLetterQueueSourceArn")
    assert source is not None
    assert source.startswith("arn:aws:sqs:")


@recorded(
    f"{GUIDE}/setting-up-dead-letter-queue-retention.html: `the enqueue timestamp is unchanged`",
    ONE_RECEIVE,
)
def a_moved_message_of_a_standard_queue_keeps_its_age(aws: Aws) -> None:
    """So the dead-letter queue must keep messages for longer than the queue that they come from."""
    aws.send("x")
    sent = system(aws.receive_one(lease_seconds=0), "SentTimestamp")
    aws.pass_time(2)
    aws.receive()

    assert system(aws.dead_letter(), "SentTimestamp") == sent


@recorded(
    f"{GUIDE}/setting-up-dead-letter-queue-retention.html: `For FIFO queues, the enqueue timestamp resets`",
    Given(fifo=True, max_receive_count=1),
    at_ministack=False,
)
def a_moved_message_of_a_fifo_queue_is_new_in_the_dead_letter_queue(aws: Aws) -> None:
    aws.send_in_groups("a1")
    sent = system(aws.receive_one(lease_seconds=0), "SentTimestamp")
    aws.pass_time(2)
    aws.receive()

    assert int(system(aws.dead_letter(), "SentTimestamp") or 0) >= int(sent or 0) + 2000


@recorded(
    f"{LOCALSTACK} test_dead_letter_queue_with_fifo_and_content_based_deduplication",
    Given(fifo=True, max_receive_count=2),
)
def a_group_goes_on_when_its_message_was_moved(aws: Aws) -> None:
    first_id = aws.send("foobar", group="a")
    for _ in range(2):
        aws.receive_one(lease_seconds=0, wait_seconds=1)
    assert aws.receive() == []
    letter = aws.dead_letter()
    assert (letter.message_id, letter.body) == (first_id, "foobar")

    aws.send("foobar2", group="a")
    assert aws.bodies() == ["foobar2"]


@recorded(
    f"{GUIDE}/sqs-configure-dead-letter-queue-redrive.html: `the original message's deduplication ID will be "
    "replaced with the original message's ID`",
    Given(fifo=True, deduplication_scope="messageGroup", max_receive_count=1),
    at_ministack=False,
)
def a_moved_message_of_a_fifo_queue_has_its_message_id_for_a_deduplication_id(aws: Aws) -> None:
    """With that, two messages which shared one are both kept."""
    ids = {aws.send("one", group="a", deduplication_id="d"), aws.send("two", group="b", deduplication_id="d")}
    aws.receive(lease_seconds=0)
    assert aws.receive() == []

    letters = aws.dead_letters()
    assert {letter.message_id for letter in letters} == ids
    assert {system(letter, "MessageDeduplicationId") for letter in letters} == ids
