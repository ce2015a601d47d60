"""On the local AWS, which judges every role: a schedule sends, and one that is cancelled does not."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from tests.e2e.conftest import Deployed
from tests.e2e.copies import deployed_copy
from tests.e2e.waiting import wait_until
from tests.project.docs.pages import blocks, read
from tests.project.template.yours import pasted

from tasks.push_news import News, push_news
from zigzag import AlreadyScheduledError, aws
from zigzag.send import encode
from zigzag_operate import OperateError, Target, cancel, scheduled

pytestmark = pytest.mark.slow

PAGE = read("docs/patterns/every-night.md")
(SCHEDULE,) = [block.text.partition("\n")[2] for block in blocks(PAGE, "yaml")]
(RULE,) = [json.loads(block.text) for block in blocks(PAGE, "json")]
FIRES_WITHIN_SECONDS = 150


def changed(template: str) -> str:
    """Adds the page's schedule. MiniStack judges each schedule as one of the group `default`."""
    every_group = template.replace("schedule/${SchedulerGroup}/*", "schedule/*/*")
    assert every_group != template
    return pasted(every_group, "schedules", SCHEDULE)


@pytest.fixture(scope="module")
def later(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    """Yields a stack with the page's schedule, and a FIFO queue: there each time is a schedule."""
    project, given = (
        tmp_path_factory.mktemp("project"),
        ("Scheduler=true", "Queue2=orders", "Queue2Fifo=true"),
    )
    with deployed_copy(project, {"put_off": "later"}, *given, changed=changed) as deployed:
        yield deployed


@pytest.fixture
def target(later: Deployed) -> Target:
    return later.target


@pytest.fixture
def producer(later: Deployed, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Makes this process a producer, by the variables of the outputs."""
    for name, value in later.aws.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("ZIGZAG_QUEUE_URL", later.outputs["QueueUrl"])
    monkeypatch.setenv("ZIGZAG_QUEUES", later.outputs["Queues"])
    monkeypatch.setenv("ZIGZAG_SCHEDULER", later.outputs["Scheduler"])
    aws._scheduler_in.cache_clear()
    yield
    aws._scheduler_in.cache_clear()


def put(subscriber: str, at: datetime) -> None:
    news = News(headline="Hello", subscribers=[subscriber])
    push_news.send(news, id=subscriber, queue="orders", group="a", at=at)


def test_a_schedule_sends_what_is_due_and_a_cancelled_one_does_not(
    later: Deployed, target: Target, producer: None
) -> None:
    # Given one that is due, one that is not, and one that is cancelled
    now = datetime.now(UTC)
    put("<soon>", now + timedelta(seconds=5))
    put("called off", now + timedelta(seconds=5))
    put("in a month", now + timedelta(days=30))
    with pytest.raises(AlreadyScheduledError):
        put("in a month", now + timedelta(days=31))
    assert {one.id for one in scheduled(target, "push_news").tasks} == {"<soon>", "called off", "in a month"}
    cancel(target, "push_news", "called off")

    # When a minute and more have passed
    assert wait_until(lambda: later.ledger.pushes()["<soon>"] > 0, FIRES_WITHIN_SECONDS), later.said()

    # Then it ran once, and is no schedule any more
    assert (later.ledger.pushes()["<soon>"], later.ledger.pushes()["called off"]) == (1, 0)
    assert [one.id for one in scheduled(target, "push_news").tasks] == ["in a month"]
    with pytest.raises(OperateError, match="it has been sent, or cancelled"):
        cancel(target, "push_news", "<soon>")


def test_a_task_may_send_later_by_the_workers_own_permissions(later: Deployed, target: Target) -> None:
    later.send(encode("put_off", {"name": "Ann"}))

    assert wait_until(
        lambda: [one.id for one in scheduled(target, "hello").tasks] == ["to-Ann"], FIRES_WITHIN_SECONDS
    ), later.said()


def test_the_pages_schedule_is_in_the_group_that_its_role_is_for(later: Deployed, target: Target) -> None:
    (shown,) = [one for one in scheduled(target).tasks if one.task == "report"]
    group, role, _ = later.outputs["Scheduler"].split()
    made = later.client("scheduler").get_schedule(GroupName=group, Name=shown.schedule)
    trust = later.client("iam").get_role(RoleName=role.rpartition("/")[2])["Role"]["AssumeRolePolicyDocument"]

    (trusted,) = trust["Statement"]
    assert trusted["Condition"]["ArnEquals"] == {
        "aws:SourceArn": f"arn:aws:scheduler:us-east-1:000000000000:schedule-group/{group}"
    }
    body = json.loads(made["Target"]["Input"])
    assert body == {
        "task": "report",
        "payload": {"of": "all shops"},
        "id": "report-<aws.scheduler.scheduled-time>",
    }
    assert made["Target"]["RoleArn"] == role
    assert made["ScheduleExpression"] == "cron(0 2 * * ? *)"


def test_the_pages_rule_runs_a_task_with_an_id_of_its_time(later: Deployed) -> None:
    # Given the page's rule, each minute, for a task whose effect is counted
    sqs, events = later.client("sqs"), later.client("events")
    url = later.outputs["QueueUrl"]
    queue = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    (told,) = RULE["Targets"]
    template = told["InputTransformer"]["InputTemplate"]
    wanted = '"task": "push_news", "payload": {"headline": "Hello", "subscribers": ["<time>"]}'
    changed = re.sub(r'"task": "report", "payload": \{.*?\}', wanted, template)
    assert changed != template
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": queue,
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})

    # When it fires
    events.put_rule(Name=RULE["Rule"], ScheduleExpression="rate(1 minute)")
    transformer = {**told["InputTransformer"], "InputTemplate": changed}
    events.put_targets(Rule=RULE["Rule"], Targets=[{**told, "Arn": queue, "InputTransformer": transformer}])

    # Then the task ran for that time
    def fired() -> list[str]:
        return [name for name in later.ledger.pushes() if re.fullmatch(r"20\d\d-.*Z", name)]

    assert wait_until(lambda: bool(fired()), FIRES_WITHIN_SECONDS), later.said()
    events.remove_targets(Rule=RULE["Rule"], Ids=[told["Id"]])
    events.delete_rule(Name=RULE["Rule"])
