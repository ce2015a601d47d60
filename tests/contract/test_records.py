"""Both implementations of the records port keep one contract: in memory, and on DynamoDB."""

from __future__ import annotations

from collections.abc import Iterator

import boto3
import pytest
from tests.contract.places import make_table
from tests.http_endpoint import HttpEndpoint
from tests.transports import in_place
from tests.worlds import moto

from shared.aws.choice import LEAN
from shared.aws.dynamodb_records import EXPIRES, DynamoDbRecords
from shared.lease import RECORD_SECONDS
from shared.ports.records import Busy, Counted, Done, Owned, Records, RecordsError
from zigzag.in_place import run_in_place

NOW = 1_800_000_000.25
UNTIL = NOW + 105
TABLE = "records"


def own(records: Records, owner: str, now: float = NOW, until: float = UNTIL) -> Owned | Busy | Done:
    return run_in_place(records.own("run#1", owner, now, until))


def owned(records: Records, owner: str, now: float = NOW, until: float = UNTIL) -> bool:
    return isinstance(own(records, owner, now, until), Owned)


def finish(records: Records, owner: str) -> bool:
    return run_in_place(records.finish("run#1", owner, NOW))


def disown(records: Records, owner: str, until: float | None = None) -> Done | Busy | None:
    return run_in_place(records.disown("run#1", owner, until))


def count(records: Records, owner: str, key: str = "starts#1") -> Counted:
    return run_in_place(records.count(key, owner, NOW))


def excuse(records: Records, owner: str, *, unloaded: bool = True) -> int:
    return run_in_place(records.excuse("starts#1", owner, NOW, unloaded))


class TestRuns:
    """Whose is it, and is it done?"""

    def test_the_first_to_begin_owns_it(self, records: Records) -> None:
        assert owned(records, "a")
        assert own(records, "b", NOW + 50) == Busy(UNTIL)

    def test_the_ownership_ends_by_itself(self, records: Records) -> None:
        own(records, "a")

        assert owned(records, "b", UNTIL + 0.01, UNTIL + 100)

    def test_a_second_begin_of_the_owner_is_one(self, records: Records) -> None:
        own(records, "a")

        assert owned(records, "a")

    def test_a_begin_after_its_own_ownership_has_ended_owns_it_again(self, records: Records) -> None:
        own(records, "a")

        assert owned(records, "a", UNTIL + 0.01, UNTIL + 100)
        assert own(records, "b", UNTIL + 1) == Busy(UNTIL + 100)

    def test_the_owner_can_extend_it(self, records: Records) -> None:
        own(records, "a")

        assert run_in_place(records.extend("run#1", "a", UNTIL + 40)) is True
        assert own(records, "b", UNTIL + 1) == Busy(UNTIL + 40)

    def test_nobody_else_can(self, records: Records) -> None:
        own(records, "a")
        own(records, "b", UNTIL + 1, UNTIL + 100)

        assert run_in_place(records.extend("run#1", "a", UNTIL + 40)) is False

    def test_a_finished_run_is_done_for_good_however_often_the_call_is_sent(self, records: Records) -> None:
        own(records, "a")

        assert [finish(records, "a"), finish(records, "a")] == [True, True]
        assert isinstance(own(records, "b", UNTIL + 1), Done)

    def test_what_follows_a_finished_run_is_told_until_it_was_sent(self, records: Records) -> None:
        own(records, "a")
        run_in_place(records.sent("run#1", NOW))  # of a run that is not done it changes nothing

        assert run_in_place(records.finish("run#1", "a", NOW, '[{"to": "é"}]')) is True
        assert own(records, "b", NOW + 50) == Busy(UNTIL)
        assert own(records, "b", UNTIL + 1) == Done(unsent='[{"to": "é"}]')
        run_in_place(records.sent("run#1", NOW))
        assert own(records, "b", UNTIL + 1) == Done()

    def test_only_the_owner_can_finish_it(self, records: Records) -> None:
        own(records, "a")
        own(records, "b", UNTIL + 1, UNTIL + 100)

        assert finish(records, "a") is False
        assert own(records, "c", UNTIL + 2) == Busy(UNTIL + 100)

    def test_a_disowned_run_is_free(self, records: Records) -> None:
        own(records, "a")
        run_in_place(records.disown("run#1", "a"))

        assert owned(records, "b")

    def test_only_the_owner_can_disown_it(self, records: Records) -> None:
        own(records, "a")
        run_in_place(records.disown("run#1", "b"))

        assert own(records, "c") == Busy(UNTIL)

    def test_a_run_may_be_given_up_for_later(self, records: Records) -> None:
        own(records, "a")

        assert disown(records, "a", NOW + 30) is None
        assert own(records, "b", NOW + 29) == Busy(NOW + 30)
        assert disown(records, "a", NOW + 30) is None, "an answer was lost"
        assert owned(records, "b", NOW + 31)

    def test_who_gives_it_up_is_told_what_became_of_it(self, records: Records) -> None:
        assert disown(records, "a") is None
        own(records, "a")
        assert disown(records, "b") == Busy(UNTIL)
        finish(records, "a")
        assert [disown(records, "a"), disown(records, "b")] == [Done(mine=True), Done()]
        assert isinstance(own(records, "b", UNTIL + 1), Done)

    def test_runs_are_apart_by_their_keys(self, records: Records) -> None:
        own(records, "a")

        assert isinstance(run_in_place(records.own("run#2", "b", NOW, UNTIL)), Owned)


class TestStarts:
    """How often was a message started?"""

    def test_each_owner_counts_once(self, records: Records) -> None:
        starts = [count(records, owner).starts for owner in ("a", "a", "b", "b", "c")]

        assert starts == [1, 1, 2, 2, 3]

    def test_messages_are_counted_apart(self, records: Records) -> None:
        count(records, "a")

        assert count(records, "b", "starts#2") == Counted(1)

    def test_a_start_that_is_excused_counts_no_longer(self, records: Records) -> None:
        count(records, "a")
        count(records, "b")

        assert excuse(records, "b") == 1
        assert count(records, "c").starts == 2
        assert excuse(records, "c") == 2

    def test_only_starts_whose_task_was_not_loaded_are_told(self, records: Records) -> None:
        for owner, unloaded in (("a", False), ("b", True)):
            count(records, owner)
            told = excuse(records, owner, unloaded=unloaded)

        assert told == 1
        assert count(records, "c").starts == 1

    def test_a_start_is_excused_once_however_often_the_call_is_sent(self, records: Records) -> None:
        count(records, "a")

        assert [excuse(records, "a"), excuse(records, "a")] == [1, 1]
        assert count(records, "b") == Counted(1)

    def test_of_two_at_the_same_time_each_can_be_excused_and_is_counted_once(self, records: Records) -> None:
        starts = [count(records, owner).starts for owner in ("a", "b", "a")]

        assert starts == [1, 2, 2]
        assert [excuse(records, owner) for owner in ("a", "a", "b", "b")] == [1, 1, 2, 2]
        assert count(records, "c") == Counted(1)

    def test_one_can_be_excused_though_another_was_and_a_third_has_counted(self, records: Records) -> None:
        for step, owner in [(count, "a"), (count, "b"), (excuse, "b"), (count, "c"), (excuse, "a")]:
            step(records, owner)

        assert count(records, "d").starts == 2

    def test_a_start_that_two_later_ones_follow_can_not_be_excused(self, records: Records) -> None:
        for owner in ("a", "b", "c"):
            count(records, owner)

        assert excuse(records, "a") == 0
        assert count(records, "d").starts == 4

    def test_the_next_start_is_told_how_many_are_allowed(self, records: Records) -> None:
        count(records, "a")
        run_in_place(records.allow("starts#1", 50, NOW))

        assert count(records, "b") == Counted(2, allowed=50)

    @pytest.mark.parametrize("counted", [0, 1])
    def test_that_only_the_delete_is_left_is_told_with_the_next_start(
        self, records: Records, counted: int
    ) -> None:
        for _ in range(counted):
            count(records, "a")
        run_in_place(records.conclude("starts#1", NOW))

        assert count(records, "b") == Counted(counted + 1, concluded=True)

    def test_a_letter_that_is_left_to_store_is_told_with_the_next_start_until_only_the_delete_is(
        self, records: Records
    ) -> None:
        run_in_place(records.conclude("starts#1", NOW, '{"reason": "é"}'))

        assert count(records, "a") == Counted(1, letter='{"reason": "é"}')
        run_in_place(records.conclude("starts#1", NOW))
        assert count(records, "b") == Counted(2, concluded=True)


class TestOnDynamoDb:
    """Behaviour that only the adapter has."""

    @pytest.fixture
    def records(self) -> Iterator[DynamoDbRecords]:
        """Yields records whose table is not there yet."""
        with moto(LEAN) as aws:
            yield DynamoDbRecords(aws.transport, TABLE)

    def test_an_item_expires(self, records: DynamoDbRecords) -> None:
        make_table(TABLE)
        own(records, "a")

        (item,) = boto3.client("dynamodb").scan(TableName=TABLE)["Items"]
        assert int(item[EXPIRES]["N"]) == int(NOW) + RECORD_SECONDS

    def test_a_table_that_is_not_there_is_an_error_in_aws_words(self, records: DynamoDbRecords) -> None:
        with pytest.raises(RecordsError, match="ResourceNotFoundException"):
            own(records, "a")

    def test_a_table_that_does_not_answer_is_an_error(self, endpoint: HttpEndpoint, wanted: str) -> None:
        endpoint.answer = "close"

        with in_place(wanted) as transport, pytest.raises(RecordsError):
            own(DynamoDbRecords(transport, TABLE), "a")

    def test_a_refusal_without_its_item_is_an_error(self, endpoint: HttpEndpoint, wanted: str) -> None:
        said = b'{"__type": "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException"}'
        endpoint.answer = b"HTTP/1.1 400 Bad Request\r\nContent-Length: %d\r\n\r\n%b" % (len(said), said)

        with in_place(wanted) as transport:
            for asked in (own, count):
                with pytest.raises(RecordsError, match="BadAnswer"):
                    asked(DynamoDbRecords(transport, TABLE), "a")

    @pytest.mark.parametrize(
        "item",
        ["7", "null", "{}", '{"starts": 1}', '{"starts": {"N": "many"}}', '{"starts": {"N": "1e999"}}'],
    )
    def test_an_item_of_another_shape_is_an_error(self, endpoint: HttpEndpoint, item: str) -> None:
        said = f'{{"Attributes": {item}}}'.encode()
        endpoint.answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(said), said)

        with in_place(LEAN) as transport, pytest.raises(RecordsError, match="BadAnswer"):
            count(DynamoDbRecords(transport, TABLE), "a")
