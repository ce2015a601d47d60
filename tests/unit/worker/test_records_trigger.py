"""The trigger by an event source: Lambda's own poller invokes the worker, and deletes what is not named."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import pytest
from tests.support import binary, text

from shared.delivery import MAX_BATCH_SIZE, BadEventError
from worker.result import Report
from worker.triggers.records import Unfinished, batch_of, is_of_an_event_source

ARN = "arn:aws:sqs:eu-west-1:123456789012:tasks"
URL = "https://sqs.eu-west-1.amazonaws.com/123456789012/tasks"
OTHER = "https://sqs.eu-west-1.amazonaws.com/123456789012/bulk"
LOCAL = "http://127.0.0.1:4566/000000000000/tasks"


def a_record(number: int = 1, **instead: Any) -> dict[str, Any]:
    """Returns a record as Lambda's documentation shows it
    (https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html)."""
    record = {
        "messageId": f"m-{number}",
        "receiptHandle": f"handle-{number}",
        "body": '{"task": "greet", "payload": {}}',
        "attributes": {
            "ApproximateReceiveCount": "2",
            "SentTimestamp": "1545082649183",
            "SenderId": "AIDAIENQZJOLO23YVJ4VO",
            "ApproximateFirstReceiveTimestamp": "1545082649185",
        },
        "messageAttributes": {},
        "md5OfBody": "e4e68fb7bd0e697a0ae8f1bb342846b3",
        "eventSource": "aws:sqs",
        "eventSourceARN": ARN,
        "awsRegion": "eu-west-1",
    }
    return {**record, **instead}


def an_event(*records: Mapping[str, Any]) -> dict[str, Any]:
    return {"Records": list(records or (a_record(),))}


def a_report(outcome: str, *, settled: bool = True) -> Report:
    return Report(outcome, "greet", "id", 1, settled)


class TestBatch:
    def test_a_record_becomes_the_delivery_that_a_receive_would_have_given(self) -> None:
        (delivery,) = batch_of(an_event(), {URL: "default"}).deliveries

        assert (delivery.message_id, delivery.receipt_handle) == ("m-1", "handle-1")
        assert delivery.body == '{"task": "greet", "payload": {}}'
        assert (delivery.receive_count, delivery.sent_at) == (2, 1545082649.183)
        assert delivery.can_be_settled

    def test_its_attributes_come_as_they_were_sent(self) -> None:
        sent = {"user": text("ann"), "raw": binary(b"\x00\xff")}
        empty = {"stringListValues": [], "binaryListValues": []}
        told = {
            "user": {"stringValue": "ann", "dataType": "String", **empty},
            "raw": {"binaryValue": base64.b64encode(b"\x00\xff").decode(), "dataType": "Binary", **empty},
        }

        (delivery,) = batch_of(an_event(a_record(messageAttributes=told)), [URL]).deliveries

        assert delivery.attributes == sent

    def test_it_has_no_lease_so_the_worker_takes_one_at_its_start(self) -> None:
        assert batch_of(an_event(), [URL]).lease is None

    @pytest.mark.parametrize(
        ("arn", "url"),
        [
            (ARN, URL),
            ("arn:aws:sqs:us-east-1:000000000000:tasks", LOCAL),
            ("arn:aws-cn:sqs:cn-north-1:123456789012:tasks", URL),
        ],
    )
    def test_its_queue_is_the_one_of_the_stack_that_the_arn_names(self, arn: str, url: str) -> None:
        batch = batch_of(an_event(a_record(eventSourceARN=arn)), [OTHER, url])

        assert batch.queue_url == url

    @pytest.mark.parametrize(
        "arn",
        [
            "arn:aws:sqs:eu-west-1:123456789012:others",
            "arn:aws:sqs:eu-west-1:999999999999:tasks",
            "arn:aws:kinesis:eu-west-1:123456789012:stream/tasks",
            "tasks",
            "",
            7,
        ],
    )
    def test_a_queue_that_is_not_the_stacks_is_refused(self, arn: Any) -> None:
        with pytest.raises(BadEventError, match="none of this stack's"):
            batch_of(an_event(a_record(eventSourceARN=arn)), [URL, OTHER])

    def test_records_of_two_queues_are_refused(self) -> None:
        other = a_record(2, eventSourceARN=ARN.replace(":tasks", ":bulk"))

        with pytest.raises(BadEventError, match="several queues"):
            batch_of(an_event(a_record(), other), [URL, OTHER])

    def test_a_fifo_queues_records_are_worked_in_their_order(self) -> None:
        fifo = {"MessageGroupId": "g", "MessageDeduplicationId": "d", "ApproximateReceiveCount": "1"}
        batch = batch_of(an_event(*(a_record(number, attributes=fifo) for number in (1, 2))), [URL])

        assert batch.ordered
        assert [delivery.message_id for delivery in batch.deliveries] == ["m-1", "m-2"]

    @pytest.mark.parametrize(
        "records",
        [
            [],
            ["no record"],
            [a_record(body=None)],
            [a_record(messageAttributes={"a": "no attribute"})],
            [a_record(messageAttributes=[1])],
            [a_record(attributes={"ApproximateReceiveCount": "many"})],
            [a_record(number) for number in range(MAX_BATCH_SIZE + 1)],
            {"not": "a list"},
        ],
        ids=str,
    )
    def test_what_no_poller_sends_is_refused_in_words(self, records: Any) -> None:
        with pytest.raises(BadEventError, match="the event is no dispatch"):
            batch_of({"Records": records}, [URL])

    def test_only_an_event_with_records_is_of_an_event_source(self) -> None:
        assert is_of_an_event_source(an_event())
        assert not any(map(is_of_an_event_source, ({"Message": {"Body": ""}}, {}, "Records", None)))


class TestAnswer:
    """Lambda deletes each message of the batch that the answer does not name."""

    def unfinished(self, *reports: Report) -> list[str]:
        batch = batch_of(an_event(*(a_record(number) for number in range(len(reports)))), [URL])
        unfinished = Unfinished(batch)
        for delivery, report in zip(batch.deliveries, reports, strict=True):
            unfinished.settled(delivery, None, report)
        (failures,) = unfinished.answer().values()
        assert unfinished.answer().keys() == {"batchItemFailures"}
        return [one["itemIdentifier"] for one in failures]

    @pytest.mark.parametrize("outcome", ["succeeded", "already done", "dead-letter", "ignored"])
    def test_a_message_that_is_off_the_queue_is_not_named(self, outcome: str) -> None:
        assert self.unfinished(a_report(outcome)) == []

    @pytest.mark.parametrize("settled", [True, False])
    @pytest.mark.parametrize("outcome", ["retry later", "released", "left alone"])
    def test_a_message_that_comes_again_is_named(self, outcome: str, settled: bool) -> None:
        assert self.unfinished(a_report(outcome, settled=settled)) == ["m-0"]

    @pytest.mark.parametrize("outcome", ["succeeded", "already done", "dead-letter", "ignored"])
    def test_a_message_whose_settling_failed_is_named(self, outcome: str) -> None:
        # Otherwise Lambda would delete a message whose dead letter is stored nowhere.
        assert self.unfinished(a_report(outcome, settled=False)) == ["m-0"]

    def test_each_message_is_judged_by_its_own_report(self) -> None:
        reports = [a_report("succeeded"), a_report("retry later"), a_report("succeeded")]

        assert self.unfinished(*reports) == ["m-1"]

    def test_a_message_without_a_report_is_named(self) -> None:
        batch = batch_of(an_event(), [URL])

        assert Unfinished(batch).answer() == {"batchItemFailures": [{"itemIdentifier": "m-1"}]}
