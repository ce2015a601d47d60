"""Both implementations of the records port keep one contract: in memory, and on DynamoDB, which is moto,
MiniStack, or the records in memory behind a wire or the stub."""

from __future__ import annotations

from collections.abc import Iterator

import boto3
import pytest
from tests.contract.places import make_table
from tests.http_endpoint import HttpEndpoint
from tests.transports import TRANSPORTS, as_on_lambda, in_place
from tests.worlds import moto

from shared.aws.choice import LEAN
from shared.aws.dynamodb_records import EXPIRES, DynamoDbRecords
from shared.lease import RECORD_SECONDS
from shared.ports.records import Begun, Busy, Done, Records, RecordsError
from zigzag.in_place import run_in_place

NOW = 1_800_000_000.25
UNTIL = NOW + 105
TABLE = "records"


def begin(records: Records, owner: str, now: float = NOW, until: float = UNTIL) -> Begun | Busy | Done:
    return run_in_place(records.begin("task#1", owner, now, until))


def finish(records: Records, owner: str) -> bool:
    return run_in_place(records.finish("task#1", owner, NOW))


def count(records: Records, owner: str) -> int:
    return run_in_place(records.count("task#1", owner, NOW))


def test_the_first_to_begin_owns_the_task(records: Records) -> None:
    assert begin(records, "a") == Begun(1)
    assert begin(records, "b", NOW + 50) == Busy(UNTIL)


def test_the_ownership_ends_by_itself(records: Records) -> None:
    begin(records, "a")

    assert begin(records, "b", UNTIL + 0.01, UNTIL + 100) == Begun(2)


def test_who_begins_twice_has_begun_once(records: Records) -> None:
    begin(records, "a")

    assert begin(records, "a") == Begun(1)


def test_who_begins_again_when_its_ownership_has_ended_has_begun_twice(records: Records) -> None:
    begin(records, "a")

    assert begin(records, "a", UNTIL + 0.01, UNTIL + 100) == Begun(2)
    assert begin(records, "b", UNTIL + 1) == Busy(UNTIL + 100)


def test_the_owner_can_extend_its_ownership(records: Records) -> None:
    begin(records, "a")

    assert run_in_place(records.extend("task#1", "a", UNTIL + 40)) is True
    assert begin(records, "b", UNTIL + 1) == Busy(UNTIL + 40)


def test_nobody_else_can(records: Records) -> None:
    begin(records, "a")
    begin(records, "b", UNTIL + 1, UNTIL + 100)

    assert run_in_place(records.extend("task#1", "a", UNTIL + 40)) is False


def test_what_is_finished_is_done_for_good(records: Records) -> None:
    begin(records, "a")

    assert finish(records, "a") is True
    assert isinstance(begin(records, "b", UNTIL + 1), Done)


def test_who_finishes_twice_has_finished(records: Records) -> None:
    begin(records, "a")
    finish(records, "a")

    assert finish(records, "a") is True


def test_who_no_longer_owns_it_cannot_finish_it(records: Records) -> None:
    begin(records, "a")
    begin(records, "b", UNTIL + 1, UNTIL + 100)

    assert finish(records, "a") is False
    assert begin(records, "c", UNTIL + 2) == Busy(UNTIL + 100)


def test_what_is_disowned_is_free_and_keeps_its_count(records: Records) -> None:
    begin(records, "a")
    run_in_place(records.disown("task#1", "a"))

    assert begin(records, "b") == Begun(2)


def test_only_the_owner_can_disown_it(records: Records) -> None:
    begin(records, "a")
    run_in_place(records.disown("task#1", "b"))

    assert begin(records, "c") == Busy(UNTIL)


def test_a_start_is_counted_without_an_ownership(records: Records) -> None:
    assert count(records, "a") == 1
    assert begin(records, "b") == Begun(2)


def test_one_owner_counts_once(records: Records) -> None:
    begin(records, "a")
    run_in_place(records.disown("task#1", "a"))

    assert [count(records, "a"), count(records, "a"), count(records, "b")] == [1, 1, 2]


def test_what_is_forgotten_begins_anew(records: Records) -> None:
    begin(records, "a")
    run_in_place(records.forget("task#1", "a"))

    assert begin(records, "b") == Begun(1)


def test_what_nobody_owns_can_be_forgotten(records: Records) -> None:
    count(records, "a")
    run_in_place(records.forget("task#1", "b"))

    assert begin(records, "c") == Begun(1)


def test_what_another_one_owns_is_not_forgotten(records: Records) -> None:
    begin(records, "a")
    run_in_place(records.forget("task#1", "b"))

    assert begin(records, "c") == Busy(UNTIL)


def test_a_completion_is_not_forgotten(records: Records) -> None:
    begin(records, "a")
    finish(records, "a")
    run_in_place(records.forget("task#1", "a"))

    assert isinstance(begin(records, "b"), Done)


def test_what_was_never_recorded_can_be_forgotten(records: Records) -> None:
    run_in_place(records.forget("task#1", "a"))

    assert begin(records, "b") == Begun(1)


def test_records_are_apart_by_their_keys(records: Records) -> None:
    begin(records, "a")

    assert run_in_place(records.begin("task#2", "b", NOW, UNTIL)) == Begun(1)


class TestOnDynamoDb:
    """What only the adapter has."""

    @pytest.fixture(params=TRANSPORTS)
    def records(self, request: pytest.FixtureRequest) -> Iterator[DynamoDbRecords]:
        """Whose table is not there yet."""
        with moto(request.param) as aws:
            yield DynamoDbRecords(aws.transport, TABLE)

    def test_an_item_expires(self, records: DynamoDbRecords) -> None:
        make_table(TABLE)
        begin(records, "a")

        (item,) = boto3.client("dynamodb").scan(TableName=TABLE)["Items"]
        assert int(item[EXPIRES]["N"]) == int(NOW) + RECORD_SECONDS

    def test_a_table_that_is_not_there_is_an_error_in_aws_words(self, records: DynamoDbRecords) -> None:
        with pytest.raises(RecordsError, match="ResourceNotFoundException"):
            begin(records, "a")

    @pytest.mark.parametrize("wanted", TRANSPORTS)
    def test_a_refusal_without_its_item_is_an_error(
        self, monkeypatch: pytest.MonkeyPatch, wanted: str
    ) -> None:
        said = b'{"__type": "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException"}'
        head = b"HTTP/1.1 400 Bad Request\r\nContent-Length: %d\r\n\r\n" % len(said)
        with HttpEndpoint(head + said) as endpoint:
            as_on_lambda(monkeypatch, endpoint.url)
            with in_place(wanted) as transport:
                records = DynamoDbRecords(transport, TABLE)
                for asked in (begin, count):
                    with pytest.raises(RecordsError, match="BadAnswer"):
                        asked(records, "a")

    @pytest.mark.parametrize(
        "item",
        ["7", "null", "{}", '{"starts": 1}', '{"starts": {"N": "many"}}', '{"starts": {"N": "1e999"}}'],
    )
    def test_an_item_of_another_shape_is_an_error(self, monkeypatch: pytest.MonkeyPatch, item: str) -> None:
        said = f'{{"Attributes": {item}}}'.encode()
        with HttpEndpoint(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(said) + said) as endpoint:
            as_on_lambda(monkeypatch, endpoint.url)
            with in_place(LEAN) as transport:
                for asked in (begin, count):
                    with pytest.raises(RecordsError, match="BadAnswer"):
                        asked(DynamoDbRecords(transport, TABLE), "a")

    @pytest.mark.parametrize("wanted", TRANSPORTS)
    def test_a_function_without_a_region_has_no_records(
        self, monkeypatch: pytest.MonkeyPatch, wanted: str
    ) -> None:
        as_on_lambda(monkeypatch)
        for name in ("AWS_DEFAULT_REGION", "AWS_REGION"):
            monkeypatch.delenv(name)
        monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")

        with in_place(wanted) as transport, pytest.raises(RecordsError, match="region"):
            begin(DynamoDbRecords(transport, TABLE), "a")
