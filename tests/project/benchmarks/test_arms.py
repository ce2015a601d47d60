"""Does each arm do what it is measured for, and all of it?"""

from __future__ import annotations

from pathlib import Path

import pytest
from benchmarks import cold, consumers, dispatch, package, template, worker_overhead
from benchmarks.bench import Arm, Bench, Outcome, a_bench
from benchmarks.dispatch import LAST_WAIT_SECONDS, NAIVE, ZIGZAG
from benchmarks.figures import check_dispatched_once
from benchmarks.processes import ArmFailedError
from tests.support import slow

BACKLOG = 50


def drained(bench: Bench, arm: Arm, backlog: int = BACKLOG) -> Outcome:
    return bench.run(arm, backlog, count_bundles=True, max_wait_seconds=LAST_WAIT_SECONDS)


@pytest.fixture(scope="module")
def zigzag(bench: Bench) -> Outcome:
    """Returns the outcome of the arm that is Zigzag. The slow test of the built package runs all of them."""
    return drained(bench, ZIGZAG)


@pytest.fixture(scope="module")
def naive(bench: Bench) -> Outcome:
    """Returns the outcome of the arm that takes 20 ms and more for each, with fewer messages."""
    return drained(bench, NAIVE, BACKLOG // 5)


@pytest.mark.parametrize(
    ("name", "backlog"), [*slow((NAIVE.name, BACKLOG // 5)), (ZIGZAG.name, BACKLOG)], ids=str
)
def test_an_arm_dispatches_every_message_exactly_once(
    request: pytest.FixtureRequest, name: str, backlog: int
) -> None:
    outcome = request.getfixturevalue(name)

    check_dispatched_once(name, outcome, backlog)
    assert outcome.stats["waiting"] == 0
    assert outcome.ran.said["peak_bytes"] > 1_000_000
    assert 0 < outcome.ran.said["cpu_seconds"] < outcome.ran.cpu_seconds


@pytest.mark.slow
def test_the_naive_arm_opens_a_connection_for_each_invoke_and_parses_a_bundle_for_each(
    naive: Outcome,
) -> None:
    assert naive.stats["connections"] == BACKLOG // 5 + 1  # and one for the receives
    assert naive.ran.said["bundles_parsed"] == BACKLOG // 5 + 1


def test_a_client_that_reads_the_answer_uses_a_connection_again(zigzag: Outcome) -> None:
    assert zigzag.stats["connections"] < BACKLOG


def test_the_consumer_opens_a_connection_a_poller_to_sqs_and_ten_to_lambda_at_most_and_parses_one_bundle(
    bench: Bench,
) -> None:
    arm = dispatch.zigzag("zigzag", memory=None)

    outcome = bench.run(arm, 500, latency_ms=30, count_bundles=True, max_wait_seconds=LAST_WAIT_SECONDS)

    assert 4 * (1 + 4) < outcome.stats["connections"] <= 4 * (1 + 10)  # not all have need of their tenth
    assert outcome.ran.said["bundles_parsed"] == 1


@pytest.mark.slow
def test_by_boto_none_of_its_three_clients_has_more_connections_than_threads(bench: Bench) -> None:
    arm = dispatch.by_boto("zigzag by boto")

    outcome = bench.run(arm, 200, latency_ms=30, count_bundles=True, max_wait_seconds=LAST_WAIT_SECONDS)

    assert 16 < outcome.stats["connections"] <= 3 * 16  # two for SQS: one waits for messages


@pytest.mark.slow
def test_a_backlog_that_is_long_has_another_consumer_started(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumers, "BEFORE_SECONDS", 30)  # a busy machine starts it late
    monkeypatch.setattr(consumers, "MEASURED_SECONDS", 2)

    with a_bench(bench.packages, bench.folder) as beside:
        assert consumers.moved(bench, beside, 1_000_000, most=2).consumers == 2


def test_a_message_that_is_missing_gives_no_figure(zigzag: Outcome) -> None:
    with pytest.raises(ArmFailedError, match="dispatched 50 of 51 messages, 50 of them once"):
        check_dispatched_once("zigzag", zigzag, 51)


def test_a_message_that_is_dispatched_twice_gives_no_figure(zigzag: Outcome) -> None:
    twice = Outcome(zigzag.ran, {**zigzag.stats, "dispatched": 51})

    with pytest.raises(ArmFailedError, match="dispatched 51 of 50 messages"):
        check_dispatched_once("zigzag", twice, BACKLOG)


def test_an_arm_that_fails_says_why(bench: Bench) -> None:
    nobody = Arm(name="nobody", script=("zigzag_worker.py", "no_such_task", "1"), function="WorkerFunction")

    with pytest.raises(ArmFailedError, match=r"the event failed[^\n]*no_such_task"):
        bench.run(nobody)


def test_the_yardstick_of_the_consumers_start_makes_the_same_calls(bench: Bench) -> None:
    calls = ("receives", "empty_receives", "invokes", "dispatched_once", "counts", "deletes", "connections")

    zigzag, yardstick = (
        {call: one[call] for call in calls}
        for one in (drained(bench, CONSUMERS[name], 1).stats for name in ("zigzag", "boto3 + pydantic"))
    )

    assert yardstick == zigzag
    assert zigzag["dispatched_once"] == 1


CONSUMERS = {arm.name: arm for arm in cold.CONSUMERS if arm.package == "compiled"}


def test_the_yardstick_of_the_worker_deletes_as_often(bench: Bench) -> None:
    stats = [bench.run(arm).stats for arm in worker_overhead.arms(3)]

    assert [(one["deletes"], one["deleted"], one["connections"]) for one in stats] == [(3, 3, 1)] * 3


def test_an_arm_gets_the_variables_of_the_template() -> None:
    variables = template.environment_of("ConsumerFunction", InFlightCap="7", TaskQueue="https://sqs.test/q")

    assert variables["ZIGZAG_IN_FLIGHT_CAP"] == "7"
    assert variables["ZIGZAG_QUEUE_URL"] == "https://sqs.test/q"
    assert variables["ZIGZAG_WORKER"] == "zigzag-worker"
    assert variables["ZIGZAG_LINGER_SECONDS"] == template.default("LingerSeconds")
    assert "AWS_ENDPOINT_URL" not in variables
    assert ZIGZAG.changed == "InFlightCap=0, ConsumerMemory=2048"


@pytest.mark.usefixtures("zigzag")
def test_compiled_files_are_where_they_should_be_and_no_arm_leaves_one_behind(bench: Bench) -> None:
    for folder in folders(bench.packages.compiled):
        assert sources(folder) > 0
        assert compiled(folder) == sources(folder)
    for folder in folders(bench.packages.without_pyc):
        assert sources(folder) > 0
        assert compiled(folder) == 0


@pytest.mark.slow
def test_the_built_package_does_all_of_it(tmp_path: Path) -> None:
    with a_bench(package.built(tmp_path), tmp_path) as bench:
        for arm in dispatch.ARMS:
            check_dispatched_once(arm.name, drained(bench, arm), BACKLOG)
        for arm in cold.CONSUMERS:
            check_dispatched_once(arm.name, drained(bench, arm, 1), 1)
        for arm in cold.WORKERS:
            assert bench.run(arm).stats["deleted"] == 1


def folders(one: package.Package) -> list[Path]:
    return [*one.functions.values(), one.runtime]


def compiled(folder: Path) -> int:
    return sum(1 for _ in folder.rglob("*.pyc"))


def sources(folder: Path) -> int:
    return sum(1 for _ in folder.rglob("*.py"))
