"""Does docs/servers.md tell the truth: its options, variables, resources and numbers?"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from tests.project.docs.pages import blocks, read
from tests.project.template.reading import TEMPLATE, as_list, to_cloudformation
from tests.project.template.test_template_lint import findings
from tests.project.template.yours import with_blocks, without_yours

from server.options import Options, options_of, queue_of, settings_of
from server.serving import CLOSED_AGAIN_SECONDS, EMPTY_AGAIN_SECONDS
from server.supervisor import KILL_SECONDS, MAX_PAUSE_SECONDS
from shared.lease import MAX_RUN_SECONDS

PAGE = read("docs/servers.md")
MONTH_SECONDS = 30 * 24 * 3600
POLL_SECONDS = options_of([]).poll_seconds


def with_a_server(*, examples: bool = False) -> str:
    """Returns the template with the page's parts in their places, and the examples' if asked."""
    text = TEMPLATE.read_text(encoding="utf-8")
    return with_blocks(text if examples else without_yours(text, but_markers=True), PAGE)


def ini(first: str) -> list[str]:
    (block,) = [block.text for block in blocks(PAGE, "ini") if block.text.startswith(first)]
    return block.splitlines()


@pytest.fixture
def resources() -> Any:
    return to_cloudformation(with_a_server())["Resources"]


@pytest.mark.slow
def test_cfn_lint_finds_nothing_in_its_resources(tmp_path: Path) -> None:
    assert findings(tmp_path, with_a_server()) == ("", 0)


def test_its_queue_is_kept_encrypted_and_retained_like_those_of_the_stack(resources: Any) -> None:
    queue, of_the_stack = resources["ServerQueue"], resources["TaskQueue"]

    for policy in ("DeletionPolicy", "UpdateReplacePolicy"):
        assert queue[policy] == of_the_stack[policy]
    name = "MessageRetentionPeriod"
    assert queue["Properties"][name] == of_the_stack["Properties"][name]
    _, _, without_a_key = of_the_stack["Properties"]["SqsManagedSseEnabled"]["Fn::If"]
    assert queue["Properties"]["SqsManagedSseEnabled"] is without_a_key
    _, _, by_schedule = of_the_stack["Properties"]["VisibilityTimeout"]["Fn::If"]
    assert queue["Properties"]["VisibilityTimeout"] == by_schedule


def test_its_role_may_do_what_consumer_and_worker_may_but_invoke_and_log(resources: Any) -> None:
    def actions(role: str) -> set[str]:
        document = resources[role]["Properties"].get("PolicyDocument")
        document = document or resources[role]["Properties"]["Policies"][0]["PolicyDocument"]
        return {
            action
            for one in document["Statement"]
            if "Action" in one and one.get("Sid") != "Log"  # without those of FlowControl alone
            for action in as_list(one["Action"])
            if isinstance(action, str)  # without those of another trigger
        }

    both = actions("ConsumerRole") | actions("WorkerRole")
    assert actions("ServerRole") | actions("ServerPolicy") == both - {"lambda:InvokeFunction"}


def test_its_role_has_every_policy_of_the_workers(resources: Any) -> None:
    def of_role(name: str) -> set[str]:
        policies = {k: one for k, one in resources.items() if one["Type"] == "AWS::IAM::ManagedPolicy"}
        return {k for k, one in policies.items() if {"Ref": name} in one["Properties"].get("Roles", [])}

    named = re.findall(
        r"'Ref': '(\w+Policy)'", str(resources["ServerRole"]["Properties"]["ManagedPolicyArns"])
    )
    assert set(named) == of_role("WorkerRole") | {"ServerPolicy"}


def test_its_options_are_those_of_the_command_with_their_defaults() -> None:
    told = dict(re.findall(r"^\| `--([a-z-]+)` \| `?(\w+)`? \|", PAGE, re.MULTILINE))

    defaults = {name.replace("_", "-"): str(one) for name, one in options_of([])._asdict().items()}
    assert told == defaults


def test_the_variables_that_it_shows_are_enough() -> None:
    variables = dict(line.split("=", 1) for line in ini("# server.env")[1:])

    queue = queue_of(settings_of(variables), "render")

    assert queue.url.endswith("ServerQueue-4D5E6F")


def test_each_command_line_that_it_shows_is_taken() -> None:
    lines = re.findall(r"(?:my-server|-m server) (--queue .*)", PAGE)

    assert len(lines) >= 2
    for line in lines:
        assert isinstance(options_of(line.strip("` ").partition("`")[0].split()), Options)


def test_the_service_has_more_time_to_stop_than_the_grace_needs() -> None:
    service = "\n".join(ini("# /etc/systemd/system/my-server.service"))
    (grace,), (stop,) = re.findall(r"--grace (\d+)", service), re.findall(r"TimeoutStopSec=(\d+)", service)

    assert int(stop) >= int(grace) + KILL_SECONDS
    docker = re.findall(r"--stop-timeout (\d+)|Kubernetes and ECS is (\d+) s", PAGE)
    assert min(int(one or other) for one, other in docker) > options_of([]).grace + KILL_SECONDS


@pytest.mark.parametrize(
    "told",
    [
        f"{MAX_RUN_SECONDS // 3600} h {MAX_RUN_SECONDS % 3600 // 60} min",
        f"1 to {MAX_RUN_SECONDS:,}",
        f"{KILL_SECONDS:.0f} s after the interrupt",
        f"each {CLOSED_AGAIN_SECONDS:.0f} s while the queue is paused",
        f"receives of {POLL_SECONDS} s: {MONTH_SECONDS // POLL_SECONDS:,} a month, $0.07",
        f"{MONTH_SECONDS / EMPTY_AGAIN_SECONDS:,.0f} calls",
    ],
)
def test_a_number_in_the_text_is_the_codes(told: str) -> None:
    assert told in PAGE


def test_a_process_that_fails_is_started_again_within_a_minute_as_it_says() -> None:
    assert MAX_PAUSE_SECONDS == 60
    assert "up to a minute" in PAGE
