"""On the local AWS, whose minute is a second: deployed alarms ring in real time, and fall silent again."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from tests.e2e.conftest import Deployed
from tests.e2e.copies import deployed_copy
from tests.e2e.waiting import wait_until

from zigzag_local.emulator import Emulator
from zigzag_operate import Filter, choose, drop

pytestmark = pytest.mark.slow

POISON = json.dumps({"task": "chaos", "payload": {"dies": "always"}, "id": "poison"})
MISFIT = json.dumps({"task": "chaos", "payload": "no wish"})
PARAMETERS = "AlarmEmail=a@example.com", "Dashboard=true", "LingerSeconds=0", "WatchAlways=false"
LEASES_END_LATE = {"LateAlarm"}
"""The alarm that rings before a lease has ended, where a second is a minute."""
WITHIN_SECONDS = 90  # an alarm looks at 20 minutes, and a worker takes seconds to die


@pytest.fixture(scope="module")
def alarmed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    """Yields a stack with all alarms, which are silent."""
    project, quick = tmp_path_factory.mktemp("project"), Emulator(tls=True, auth=True, minute=1)
    with deployed_copy(project, {"chaos": "chaos"}, *PARAMETERS, on=quick) as deployed:
        deployed.set_worker(CHAOS_FOLDER=str(tmp_path_factory.mktemp("effects")))
        deployed.client("sns").subscribe(TopicArn=topic(deployed), Protocol="sqs", Endpoint=mailbox(deployed))
        assert wait_until(lambda: set(states(deployed).values()) == {"OK"}, WITHIN_SECONDS), states(deployed)
        yield deployed


def states(deployed: Deployed) -> dict[str, str]:
    """Returns the state of each alarm, by its name in the template."""
    found = deployed.client("cloudwatch").describe_alarms()["MetricAlarms"]
    return {one["AlarmName"].split("-")[1]: one["StateValue"] for one in found}


def topic(deployed: Deployed) -> str:
    (found,) = deployed.client("cloudwatch").describe_alarms()["MetricAlarms"][0]["AlarmActions"]
    return str(found)


def mailbox(deployed: Deployed) -> str:
    """Makes the queue that stands for the mailbox. Returns its ARN."""
    sqs = deployed.client("sqs")
    allow = {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [{**allow, "Resource": "*"}]})
    url = sqs.create_queue(QueueName="mailbox", Attributes={"Policy": policy})["QueueUrl"]
    return str(sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"])


def mails(deployed: Deployed) -> set[str]:
    """Takes the mails out of the mailbox. Returns the alarms that they are about."""
    sqs, names = deployed.client("sqs"), set[str]()
    url = sqs.get_queue_url(QueueName="mailbox")["QueueUrl"]
    while found := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        names |= {json.loads(json.loads(one["Body"])["Message"])["AlarmName"].split("-")[1] for one in found}
        for one in found:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=one["ReceiptHandle"])
    return names


# ---- What goes wrong, and what ends it ----


def drop_all(deployed: Deployed) -> None:
    assert drop(deployed.target, choose(deployed.target, Filter())).left == {}


def reserve_none(deployed: Deployed) -> None:
    name = deployed.outputs["WorkerFunctionName"]
    deployed.client("lambda").put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)


def free(deployed: Deployed) -> None:
    name = deployed.outputs["WorkerFunctionName"]
    deployed.client("lambda").delete_function_concurrency(FunctionName=name)


def nothing(deployed: Deployed) -> None:
    pass


type Act = Callable[[Deployed], None]


def test_the_dashboard_shows_this_stacks_queues_and_functions(alarmed: Deployed) -> None:
    cloudwatch = alarmed.client("cloudwatch")
    (board,) = cloudwatch.list_dashboards()["DashboardEntries"]

    body = cloudwatch.get_dashboard(DashboardName=board["DashboardName"])["DashboardBody"]

    rows = [row for one in json.loads(body)["widgets"] for row in one["properties"]["metrics"]]
    urls, names = ("QueueUrl", "DeadLetterQueueUrl"), ("WorkerFunctionName", "ConsumerFunctionName")
    shown = {alarmed.outputs[name].rpartition("/")[2] for name in (*urls, *names)}
    assert {row[3] for row in rows if row[3] != "."} == shown


@pytest.mark.parametrize(
    ("alarms", "begin", "go_on", "end"),
    [
        (
            {"DeadLetterAlarm", "NewDeadLettersAlarm"},
            lambda deployed: deployed.send(MISFIT),
            nothing,
            drop_all,
        ),
        (
            {"ConsumerSilentAlarm"},
            lambda deployed: deployed.set_rule(enabled=False),
            nothing,
            lambda deployed: deployed.set_rule(enabled=True),
        ),
        (
            {"StartsDroppedAlarm"},
            reserve_none,
            lambda deployed: deployed.send(json.dumps({"task": "chaos", "payload": {}})),
            free,
        ),
        ({"WorkerDiesAlarm"}, lambda deployed: deployed.send(POISON), nothing, nothing),
    ],
    ids=["dead letters", "silent", "dropped", "dies"],
)
def test_the_alarm_rings_is_told_and_falls_silent(
    alarmed: Deployed, alarms: set[str], begin: Act, go_on: Act, end: Act
) -> None:
    mails(alarmed)
    begin(alarmed)
    rang = set[str]()

    def rings() -> bool:
        go_on(alarmed)
        on = {name for name, state in states(alarmed).items() if state == "ALARM"}
        rang.update(on - LEASES_END_LATE)
        return rang >= alarms

    assert wait_until(rings, WITHIN_SECONDS), (rang, alarmed.said())
    end(alarmed)
    assert wait_until(lambda: {states(alarmed)[one] for one in alarms} == {"OK"}, WITHIN_SECONDS)
    assert rang == alarms == mails(alarmed) - LEASES_END_LATE


def test_an_age_is_told_while_a_message_waits(alarmed: Deployed) -> None:
    """The messages whose starts were dropped wait for the end of their leases. A second is a minute."""
    queue = alarmed.outputs["QueueUrl"].rpartition("/")[2]
    now = datetime.now(UTC)
    found = alarmed.client("cloudwatch").get_metric_statistics(
        Namespace="AWS/SQS",
        MetricName="ApproximateAgeOfOldestMessage",
        Dimensions=[{"Name": "QueueName", "Value": queue}],
        StartTime=now - timedelta(minutes=3),
        EndTime=now,
        Period=60,
        Statistics=["Maximum"],
    )

    assert 20 < max(point["Maximum"] for point in found["Datapoints"]) / 60 < 180
