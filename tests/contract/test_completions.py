"""A completion goes into a transaction of DynamoDB's, which writes all of it or nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from tests.contract.places import at_ministack, at_moto, make_table
from tests.contract.test_records import NOW, UNTIL, disown, finish, own

from shared.ports.records import Busy, Done, Owned, Records
from zigzag_testing.faults import Faults
from zigzag_testing.memory_records import MemoryRecords
from zigzag_testing.transactions import Transactions

EFFECTS = "effects"
UNSENT = "not known"
EFFECT = {"Put": {"TableName": EFFECTS, "Item": {"key": {"S": "an effect"}}}}

type Commit = Callable[[str], bool]
type Table = tuple[Records, Commit, Callable[[], int]]


def _commits(records: Records, client: Any, owner: str) -> bool:
    items = [EFFECT, records.completion("run#1", owner, NOW, UNSENT if owner == "a" else "")]
    try:
        client.transact_write_items(TransactItems=items)
    except Exception as error:
        codes = [reason["Code"] for reason in error.response["CancellationReasons"]]  # type: ignore[attr-defined]
        assert codes == ["None", "ConditionalCheckFailed"]
        return False
    return True


@pytest.fixture(params=["sandbox", "moto", pytest.param("ministack", marks=pytest.mark.slow)])
def table(request: pytest.FixtureRequest) -> Iterator[Table]:
    """Yields records, what commits for an owner, and the number of effects."""
    if request.param == "sandbox":
        memory = MemoryRecords()
        world: Any = SimpleNamespace(records=memory, faults=Faults.none())
        client = Transactions(world)
        yield memory, lambda owner: _commits(memory, client, owner), lambda: len(client.written)
        return
    with (at_moto if request.param == "moto" else at_ministack)() as place, place.records() as records:
        boto, effects = boto3.client("dynamodb"), f"{EFFECTS}"
        make_table(effects)
        count = lambda: boto.scan(TableName=effects)["Count"]  # noqa: E731
        yield records, lambda owner: _commits(records, boto, owner), count


def test_the_owner_commits_once_and_then_it_is_done(table: Table) -> None:
    records, commit, effects = table
    own(records, "a")

    assert [commit("a"), commit("a")] == [True, False]
    assert effects() == 1
    assert own(records, "b") == Busy(UNTIL)
    assert disown(records, "a") == Done(mine=True, unsent=UNSENT)
    assert own(records, "b", UNTIL + 1) == Done(unsent=UNSENT)
    assert finish(records, "a")
    assert own(records, "b") == Done()


@pytest.mark.parametrize(
    "before",
    [
        lambda records: None,
        lambda records: own(records, "b"),
        lambda records: [own(records, "a"), disown(records, "a")],
        lambda records: [own(records, "a"), disown(records, "a", UNTIL)],
        lambda records: [own(records, "a"), own(records, "b", UNTIL + 1, UNTIL + 100)],
        lambda records: [own(records, "a"), finish(records, "a")],
    ],
    ids=["nobody began", "another began", "given up", "given up for later", "lost", "done"],
)
def test_nothing_is_written_by_who_does_not_own_the_run(
    table: Table, before: Callable[[Records], object]
) -> None:
    records, commit, effects = table
    before(records)

    assert not commit("a")
    assert effects() == 0


def test_an_ownership_that_has_ended_counts_until_another_begins(table: Table) -> None:
    records, commit, _ = table
    assert isinstance(own(records, "a", NOW - 1000, NOW - 900), Owned)

    assert commit("a")
