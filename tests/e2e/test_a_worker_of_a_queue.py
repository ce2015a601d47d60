"""On the local AWS, which judges every role: the worker of docs/several-queues.md works its queue alone, by a
role of its own. Without it, or without the permission to invoke it, the other queue goes on."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from tests.e2e.conftest import Deployed
from tests.e2e.copies import deploy_copy
from tests.e2e.test_several_queues import count, tick, urls
from tests.e2e.waiting import wait_until
from tests.project.docs.test_several_queues import with_the_worker

from zigzag.send import encode
from zigzag_local.emulator import Emulator
from zigzag_local.ledger import Ledger

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    """Yields a stack of two queues, whose consumer is woken by the tests alone."""
    with Emulator(tls=True, auth=True) as aws:
        outputs = deploy_copy(
            tmp_path_factory.mktemp("project"),
            aws,
            {"where": "where"},
            "DefaultWeight=3",
            "Queue2=video",
            "FlowControl=true",
            changed=lambda template: with_the_worker(template, role=True),
        )
        deployed = Deployed(aws, outputs, Ledger(aws, outputs))
        deployed.set_rule(enabled=False)
        deployed.set_consumer(ZIGZAG_WATCH_ALWAYS="false", ZIGZAG_LINGER_SECONDS="0")
        yield deployed


def send_to_both(deployed: Deployed) -> None:
    """Sends a task to each queue that tells where it runs."""
    for url in urls(deployed).values():
        deployed.client("sqs").send_message(QueueUrl=url, MessageBody=encode("where", {}))


def told(deployed: Deployed) -> list[tuple[str, str]]:
    """Returns of each such task its queue, and what it said."""
    names = {url: name for name, url in urls(deployed).items()}
    return sorted((names[one["source"]], one["reason"]) for one in deployed.ledger.dead_letters())


def physical_id(deployed: Deployed, name: str) -> str:
    found = deployed.client("cloudformation").describe_stack_resource(
        StackName="zigzag", LogicalResourceId=name
    )
    return str(found["StackResourceDetail"]["PhysicalResourceId"])


def test_a_queues_tasks_run_in_its_worker_and_the_others_in_the_stacks(deployed: Deployed) -> None:
    send_to_both(deployed)

    summary = tick(deployed)

    assert (summary["dispatched"], summary["stopped"]) == (2, "queue empty")
    both = [("default", "rejected: with 256 MB"), ("video", "rejected: with 3008 MB")]
    assert wait_until(lambda: told(deployed) == both, 60, 0.5), told(deployed)
    for name, url in urls(deployed).items():
        assert wait_until(lambda url=url: count(deployed, url) == 0, 30, 0.2), name


def test_without_the_permission_to_invoke_it_only_its_queue_stops(deployed: Deployed) -> None:
    iam, its = (
        deployed.client("iam"),
        {"RoleName": physical_id(deployed, "ConsumerRole"), "PolicyName": "video"},
    )
    document = json.dumps(iam.get_role_policy(**its)["PolicyDocument"])
    iam.delete_role_policy(**its)

    refused_and_the_other_goes_on(deployed)

    iam.put_role_policy(**its, PolicyDocument=document)


def test_if_it_is_gone_only_its_queue_stops(deployed: Deployed) -> None:
    deployed.client("lambda").delete_function(FunctionName=physical_id(deployed, "VideoWorker"))

    refused_and_the_other_goes_on(deployed)


def refused_and_the_other_goes_on(deployed: Deployed) -> None:
    its_own, stacks = urls(deployed)["video"], urls(deployed)["default"]
    before, letters = count(deployed, its_own), len(told(deployed))
    send_to_both(deployed)

    summary = tick(deployed)

    assert summary["dispatched"] == 1
    assert set(summary["stopped"].split("; ")) == {"queue empty", "video: invokes refused"}
    assert wait_until(lambda: len(told(deployed)) == letters + 1, 60, 0.5)
    assert wait_until(lambda: count(deployed, stacks) == 0, 30, 0.2)
    assert count(deployed, its_own) == before + 1
