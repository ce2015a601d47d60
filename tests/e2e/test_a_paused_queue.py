"""On the local AWS, which judges every role: a queue is paused as the page says, resumed, and limited."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.e2e.conftest import Deployed
from tests.e2e.copies import deployed_copy
from tests.e2e.waiting import wait_until
from tests.project.docs.pages import commands, read

from shared.ports.gates import Rate
from zigzag.send import encode
from zigzag_operate import StackGates

pytestmark = pytest.mark.slow

PAUSE, RESUME = [one for one in commands(read("docs/flow-control.md")) if one.startswith("aws ")]


@pytest.fixture(scope="module")
def controlled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    """Yields a stack whose flow is controlled, and whose consumer is woken by the tests alone."""
    with deployed_copy(tmp_path_factory.mktemp("project"), {}, "FlowControl=true") as deployed:
        deployed.is_woken_by_tests_alone()
        yield deployed


@pytest.fixture
def gates(controlled: Deployed) -> StackGates:
    return StackGates(controlled.target)


def send(deployed: Deployed, subscriber: str) -> None:
    deployed.send(encode("push_news", {"headline": "Hello", "subscribers": [subscriber]}))


def run(deployed: Deployed, command: str) -> None:
    table = {"$RECORDS_TABLE": deployed.outputs["RecordsTableName"]}
    deployed.aws_cli(*(table.get(word, word) for word in shlex.split(command)[1:]))


def pushed(deployed: Deployed, subscriber: str) -> bool:
    return wait_until(lambda: deployed.ledger.pushes()[subscriber] > 0, 60, 0.2)


def test_by_the_aws_command_line_it_is_paused_and_goes_on(controlled: Deployed) -> None:
    run(controlled, PAUSE)
    send(controlled, "by aws")
    paused = controlled.tick()
    (waiting,) = controlled.ledger.queued()
    run(controlled, RESUME)
    resumed = controlled.tick()

    assert (paused["stopped"], paused["polls"], waiting["ReceiveCount"]) == ("paused", 0, 0)
    assert (resumed["stopped"], resumed["dispatched"]) == ("queue empty", 1)
    assert pushed(controlled, "by aws")


def test_by_zigzag_it_is_paused_while_a_tick_lingers(controlled: Deployed, gates: StackGates) -> None:
    # Given a tick that watches the queue
    controlled.set_consumer(ZIGZAG_WATCH_ALWAYS="true")
    send(controlled, "before")
    with ThreadPoolExecutor(1) as pool:
        lingering = pool.submit(controlled.tick)
        assert pushed(controlled, "before")

        # When the queue is paused
        gates.pause()
        summary = lingering.result()
    send(controlled, "after")

    # Then it ends, and what is sent waits
    assert (summary["stopped"], summary["dispatched"]) == ("paused", 1)
    assert controlled.tick()["stopped"] == "paused"
    assert gates.limits()["default"].closed == "paused"
    controlled.lingers_no_more()
    gates.resume()
    assert controlled.tick()["dispatched"] == 1
    assert pushed(controlled, "after")


def test_with_a_rate_a_tick_takes_so_many_and_no_more(controlled: Deployed, gates: StackGates) -> None:
    # Given a burst of three, and an hour until the next one
    gates.limit(Rate(3600, 3))
    for number in range(5):
        send(controlled, f"slowly {number}")

    # When three ticks come
    ticks = [controlled.tick() for _ in range(3)]

    # Then three tasks start, one of the first receive and two of the second
    assert [(one["dispatched"], one["stopped"]) for one in ticks] == [
        (3, "rate reached"),
        (0, "rate reached"),
        (0, "rate reached"),
    ]
    assert gates.limits()["default"].waiting == 2
    gates.limit(None)
    assert controlled.tick()["dispatched"] == 2


@pytest.mark.parametrize("at_once", [1, 5])
def test_with_a_cap_all_run_and_no_permit_is_left(
    controlled: Deployed, gates: StackGates, at_once: int
) -> None:
    # Given more messages than may run at once
    gates.limit(at_once=at_once)
    who = [f"{number} of those {at_once} at once" for number in range(7)]
    for subscriber in who:
        send(controlled, subscriber)

    # When one tick comes, which waits for permits that are given back
    summary = controlled.tick()

    # Then each has run, under a permit that its worker could claim and give back
    assert summary["dispatched"] == len(who)
    for subscriber in who:
        assert pushed(controlled, subscriber)
    assert wait_until(lambda: gates.limits()["default"].held == 0, 60, 0.5)
    gates.limit()


def test_the_consumer_may_read_gates_only_and_is_closed_where_it_may_not(controlled: Deployed) -> None:
    # Given a role that may read another kind of key
    iam = controlled.client("iam")
    role = controlled.ids()["ConsumerRole"]
    policy = iam.get_role_policy(RoleName=role, PolicyName="consumer")["PolicyDocument"]
    text = json.dumps(policy)
    assert "gate#*" in text
    iam.put_role_policy(
        RoleName=role, PolicyName="consumer", PolicyDocument=text.replace("gate#*", "starts#*")
    )
    send(controlled, "when it may again")
    try:
        summary = controlled.tick()
    finally:
        iam.put_role_policy(RoleName=role, PolicyName="consumer", PolicyDocument=text)

    # Then it is told so, and receives nothing
    assert summary["stopped"].startswith("reads of the gates refused: AccessDenied")
    assert summary["polls"] == 0
    assert controlled.tick()["dispatched"] == 1
