"""On the local AWS, which judges every role: the worker of docs/several-queues.md works its queue alone, by a
role of its own. Without it, or without the permission to invoke it, the other queue goes on."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from tests.e2e.conftest import Deployed
from tests.e2e.copies import deployed_copy
from tests.e2e.test_several_queues import urls
from tests.e2e.waiting import wait_until
from tests.project.docs.test_several_queues import with_the_worker

from zigzag.send import encode

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    """Yields a stack of two queues, whose consumer is woken by the tests alone."""
    with deployed_copy(
        tmp_path_factory.mktemp("project"),
        {"where": "where"},
        *("DefaultWeight=3", "Queue2=video", "FlowControl=true"),
        changed=lambda template: with_the_worker(template, role=True),
    ) as deployed:
        deployed.is_woken_by_tests_alone()
        yield deployed


def send_to_both(deployed: Deployed) -> None:
    """Sends a task to each queue that tells where it runs."""
    for url in urls(deployed).values():
        deployed.send(encode("where", {}), url)


def told(deployed: Deployed) -> list[tuple[str, str]]:
    """Returns of each such task its queue, and what it said."""
    names = {url: name for name, url in urls(deployed).items()}
    return sorted((names[one["source"]], one["reason"]) for one in deployed.ledger.dead_letters())


def test_a_queues_tasks_run_in_its_worker_and_the_others_in_the_stacks(deployed: Deployed) -> None:
    send_to_both(deployed)

    summary = deployed.tick()

    assert (summary["dispatched"], summary["stopped"]) == (2, "queue empty")
    both = [("default", "rejected: with 256 MB"), ("video", "rejected: with 3008 MB")]
    assert wait_until(lambda: told(deployed) == both, 60, 0.5), told(deployed)
    for name, url in urls(deployed).items():
        assert wait_until(lambda url=url: deployed.count(url) == 0, 30, 0.2), name


def test_without_the_permission_to_invoke_it_only_its_queue_stops(deployed: Deployed) -> None:
    iam, its = (
        deployed.client("iam"),
        {"RoleName": deployed.ids()["ConsumerRole"], "PolicyName": "video"},
    )
    document = json.dumps(iam.get_role_policy(**its)["PolicyDocument"])
    iam.delete_role_policy(**its)

    refused_and_the_other_goes_on(deployed)

    iam.put_role_policy(**its, PolicyDocument=document)


def test_if_it_is_gone_only_its_queue_stops(deployed: Deployed) -> None:
    deployed.client("lambda").delete_function(FunctionName=deployed.ids()["VideoWorker"])

    refused_and_the_other_goes_on(deployed)


def refused_and_the_other_goes_on(deployed: Deployed) -> None:
    its_own, stacks = urls(deployed)["video"], urls(deployed)["default"]
    before, letters = deployed.count(its_own), len(told(deployed))
    send_to_both(deployed)

    summary = deployed.tick()

    assert summary["dispatched"] == 1
    assert set(summary["stopped"].split("; ")) == {"queue empty", "video: invokes refused"}
    assert wait_until(lambda: len(told(deployed)) == letters + 1, 60, 0.5)
    assert wait_until(lambda: deployed.count(stacks) == 0, 30, 0.2)
    assert deployed.count(its_own) == before + 1
