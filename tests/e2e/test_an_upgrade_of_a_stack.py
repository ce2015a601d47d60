"""On the local AWS: a stack is upgraded while a thousand messages wait, and each runs from the same queue."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.e2e.conftest import Deployed
from tests.e2e.copies import add_parameters, deployed_copy
from tests.e2e.waiting import wait_until

from shared.ports.queue import MAX_PER_CALL
from shared.queues import more_queues
from tasks import TASKS
from zigzag.send import encode
from zigzag_local import stack

pytestmark = pytest.mark.slow

MESSAGES = 1_000
LATER = "  # as the next version has it\n"
NO_WAIT = ("WatchAlways=false", "LingerSeconds=0")


def send(sqs: Any, url: str, subscribers: list[str]) -> None:
    for first in range(0, len(subscribers), MAX_PER_CALL):
        entries = [
            {"Id": one, "MessageBody": encode("push_news", {"headline": "Hello", "subscribers": [one]})}
            for one in subscribers[first : first + MAX_PER_CALL]
        ]
        assert not sqs.send_message_batch(QueueUrl=url, Entries=entries).get("Failed")


def upgrade(project: Path, deployed: Deployed) -> dict[str, str]:
    """Deploys code that has changed, with a queue more and another weight. Returns the outputs."""
    for name in ("consumer", "worker"):
        app = project / "src" / name / "app.py"
        app.write_text(app.read_text(encoding="utf-8") + LATER, encoding="utf-8")
    add_parameters(project / "samconfig.toml", ("Queue2=urgent:6", "DefaultWeight=3"))
    aws = deployed.aws
    build_dir, environment = aws.directory / "sam" / "build", aws.environment()
    stack.build(project, environment, build_dir, log=aws.directory / "again.log")
    stack.deploy(project, environment, build_dir, log=aws.directory / "again.log")
    return stack.outputs(project, environment)


def code(deployed: Deployed) -> list[str]:
    """Returns what the functions' code is known by."""
    names = ("ConsumerFunctionName", "WorkerFunctionName")
    described = [
        deployed.client("lambda").get_function_configuration(FunctionName=deployed.outputs[name])
        for name in names
    ]
    return [one["CodeSha256"] for one in described]


def test_each_message_that_waited_is_on_the_same_queue_and_its_task_runs_once(tmp_path: Path) -> None:
    if "push_news" not in TASKS:
        pytest.skip("the example task, whose effects are counted, was deleted")
    sent = [f"n{number}" for number in range(MESSAGES)]
    with deployed_copy(tmp_path, {}, "BatchSize=10", "InFlightCap=0", *NO_WAIT) as deployed:
        # Given a stack of one queue, on which the messages wait
        deployed.set_rule(enabled=False)
        url, before = deployed.outputs["QueueUrl"], code(deployed)
        send(deployed.client("sqs"), url, sent)

        after = upgrade(tmp_path, deployed)

        assert [one.name for one in more_queues(after["Queues"])] == ["urgent"]
        assert all(one != other for one, other in zip(before, code(deployed), strict=True))
        assert after["QueueUrl"] == url
        assert deployed.count() == MESSAGES

        # When ticks run: events that wait for a minute are dropped, and their messages come again
        drained = lambda: deployed.tick()["received"] == deployed.count() == 0  # noqa: E731
        assert wait_until(drained, 900, 5), deployed.said()

        assert deployed.ledger.dead_letters() == []
        assert dict(deployed.ledger.pushes()) == dict.fromkeys(sent, 1)
