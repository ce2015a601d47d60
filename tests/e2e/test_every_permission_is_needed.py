"""Is every action that a role allows needed? Each is taken away in turn, and something visible breaks.

One scenario needs them all: it sends a message of every kind and invokes the consumer, then once more
while no worker may be invoked. `TABLE` says, for each action, which of the scenario's effects is missing
without it. tests/project/template/test_template_roles.py tests that a role allows nothing besides these.

The consumer is invoked by hand here: that its rule fires is proved by test_the_queue_runs.py, and with
the rule this would take an hour.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from pydantic import HttpUrl
from tests.e2e.conftest import Deployed
from tests.e2e.copies import deployed_copy
from tests.noise import noise

from shared.ports.gates import Rate
from tasks.crawl_page import key_of
from zigzag.send import Options, compose, encode
from zigzag_operate import StackGates

pytestmark = pytest.mark.slow

# Which check turns red without the action?
TABLE = {
    ("ConsumerRole", "sqs:ReceiveMessage"): "messages are received",
    ("ConsumerRole", "sqs:GetQueueAttributes"): "what is in flight is counted",
    ("ConsumerRole", "sqs:ChangeMessageVisibility"): "a message that no worker took is released",
    ("ConsumerRole", "sqs:DeleteMessage"): "a message too large is off the queue",
    ("ConsumerRole", "sqs:SendMessage"): "a message too large is a dead letter",
    ("ConsumerRole", "lambda:InvokeFunction"): "workers are invoked",
    ("ConsumerRole", "dynamodb:BatchGetItem"): "gates are read",
    ("ConsumerRole", "dynamodb:UpdateItem"): "slots are taken",
    ("WorkerRole", "sqs:DeleteMessage"): "a message that is done is off the queue",
    ("WorkerRole", "sqs:ChangeMessageVisibility"): "a message that failed is postponed",
    ("WorkerRole", "sqs:SendMessage"): "a bad message is a dead letter",
    ("WorkerRole", "dynamodb:UpdateItem"): "a failure is recorded",
    # The actions of any task, and those of the examples. A project's own tasks test their own: those may be
    # missing here.
    ("TasksPolicy", "sqs:SendMessage"): "a task sent a task",
    ("TasksPolicy", "ses:SendEmail"): "a mail was sent",
    ("TasksPolicy", "s3:PutObject"): "a page was stored",
    ("TasksPolicy", "sns:Publish"): "news were pushed",
}

# On AWS, Lambda itself delivers a function's logs, in the name of its role. MiniStack writes them to the
# group and asks nobody: here these two could be missing and nothing would show. The template's tests hold
# them to the function's own group; only a deployment to AWS proves that they are needed.
NOT_JUDGED_HERE = {"logs:CreateLogStream", "logs:PutLogEvents"}

WORKED_WITHIN_SECONDS = 120
SOON_SECONDS = 70  # a release or a first retry is over within a minute; a mere lease takes two

# push_news sends a task only when SNS refuses a part, which can't be arranged, and none of the examples has a
# record when it is rejected: so two more tasks.
MORE_TASKS = {"relay": "permitted", "refuse": "permitted"}


# ---- What is judged ----


@dataclass(frozen=True, kw_only=True)
class Seen:
    """The traces of one run of the scenario.

    received    -- whether no message was left as it was sent.
    queued      -- the kinds of the messages on the task queue when all workers had ended.
    dead        -- the kinds of the dead letters.
    recorded    -- the kinds of the records that there are.
    postponed_in, released_in -- seconds until the message that failed, or that no worker took, is visible.
    stopped     -- why the consumer's first tick ended.
    invoked     -- how many workers were invoked.
    complaints  -- what the consumer's log says apart from the summary.
    """

    received: bool
    queued: set[str]
    dead: set[str]
    recorded: set[str]
    postponed_in: float
    released_in: float
    stopped: str
    invoked: int
    complaints: set[str]
    mails: int
    pages: int
    pushes: int


CHECKS: dict[str, Callable[[Seen], bool]] = {
    "messages are received": lambda seen: seen.received,
    "what is in flight is counted": lambda seen: "SQS's in-flight count is missing" not in seen.complaints,
    "a message that no worker took is released": lambda seen: 0 < seen.released_in < SOON_SECONDS,
    "a message too large is off the queue": lambda seen: "too large" not in seen.queued,
    "a message too large is a dead letter": lambda seen: "too large" in seen.dead,
    "gates are read": lambda seen: "reads of the gates" not in seen.stopped,
    "slots are taken": lambda seen: "writes to the gate of" not in seen.stopped,
    "workers are invoked": lambda seen: seen.invoked > 0,
    "a message that is done is off the queue": lambda seen: "not JSON" not in seen.queued,
    "a message that failed is postponed": lambda seen: seen.postponed_in < SOON_SECONDS,
    "a bad message is a dead letter": lambda seen: {"not JSON", "refuse"} <= seen.dead,
    "a failure is recorded": lambda seen: "starts" in seen.recorded,
    "a task sent a task": lambda seen: "sent by a task" in seen.queued,
    "a mail was sent": lambda seen: seen.mails == 1,
    "a page was stored": lambda seen: seen.pages == 1,
    "news were pushed": lambda seen: seen.pushes == 1,
}


def red(seen: Seen) -> set[str]:
    """Returns the checks that fail."""
    return {name for name, holds in CHECKS.items() if not holds(seen)}


# ---- The tests ----


@pytest.mark.parametrize("role", ["ConsumerRole", "WorkerRole"])
def test_every_action_that_a_role_allows_has_a_check(roles: Roles, role: str) -> None:
    # Given what is really deployed, so that an action that is added finds its way here
    allowed = sorted(set(roles.actions(role)) - NOT_JUDGED_HERE)

    assert allowed == sorted(action for holder, action in TABLE if holder == role), (
        "TABLE says for each action what breaks without it: add the line, and the check"
    )


def test_with_every_action_all_is_well(scenario: Scenario) -> None:
    assert red(scenario.run()) == set()


@pytest.mark.parametrize(("holder", "action"), TABLE, ids=lambda one: one)
def test_without_one_action_its_check_turns_red(
    scenario: Scenario, roles: Roles, holder: str, action: str
) -> None:
    # Given one action less
    with roles.without(holder, action):
        # When everything is tried
        failed = red(scenario.run())

    # Then its effect is missing
    assert TABLE[holder, action] in failed


def test_with_every_action_back_all_is_well_again(scenario: Scenario) -> None:
    assert red(scenario.run()) == set()


# ---- How actions are taken away ----


class Roles:
    """The actions of the deployed roles and managed policies, by their names in the template."""

    def __init__(self, deployed: Deployed, ids: Mapping[str, str]) -> None:
        self._iam = deployed.client("iam")
        self._ids = ids

    def actions(self, holder: str) -> list[str]:
        statements = self._document(holder)["Statement"]
        return [action for statement in statements for action in _listed(statement["Action"])]

    @contextmanager
    def without(self, holder: str, action: str) -> Iterator[None]:
        """Takes the action away, and gives it back. MiniStack looks a policy up at each call."""
        document = self._document(holder)
        lessened = [
            {**statement, "Action": [one for one in _listed(statement["Action"]) if one != action]}
            for statement in document["Statement"]
        ]
        self._put(holder, {**document, "Statement": [one for one in lessened if one["Action"]]})
        try:
            assert action not in self.actions(holder)
            yield
        finally:
            self._put(holder, document)

    def _document(self, holder: str) -> dict[str, Any]:
        name = self._ids[holder]
        if holder.endswith("Policy"):
            version = self._iam.get_policy(PolicyArn=name)["Policy"]["DefaultVersionId"]
            found = self._iam.get_policy_version(PolicyArn=name, VersionId=version)
            return dict(found["PolicyVersion"]["Document"])
        (policy,) = self._iam.list_role_policies(RoleName=name)["PolicyNames"]
        return dict(self._iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"])

    def _put(self, holder: str, document: Mapping[str, Any]) -> None:
        name, text = self._ids[holder], json.dumps(document)
        if holder.endswith("Policy"):
            old = self._iam.get_policy(PolicyArn=name)["Policy"]["DefaultVersionId"]
            self._iam.create_policy_version(PolicyArn=name, PolicyDocument=text, SetAsDefault=True)
            self._iam.delete_policy_version(PolicyArn=name, VersionId=old)  # there may be five
        else:
            (policy,) = self._iam.list_role_policies(RoleName=name)["PolicyNames"]
            self._iam.put_role_policy(RoleName=name, PolicyName=policy, PolicyDocument=text)


def _listed(actions: str | list[str]) -> list[str]:
    return [actions] if isinstance(actions, str) else actions


# ---- The scenario ----


@dataclass
class Scenario:
    """A message of every kind, and what becomes of each.

    table     -- name of the table of records.
    gates     -- the stack's, for its operator.
    pages_url -- serves a page.
    """

    deployed: Deployed
    roles: Roles
    table: str
    gates: StackGates
    pages_url: str
    _runs: int = field(default=0, init=False)

    def run(self) -> Seen:
        self._runs += 1
        mark, began = f"run-{self._runs}", int(time.time() * 1000)
        url = f"{self.pages_url}/{mark}"
        bodies = {
            "not JSON": f"{mark} is not JSON",
            "too large": json.dumps({"task": "hello", "payload": {"name": noise(1_000_000)}}),
            "unknown task": encode("helo", {"name": mark}),
            "mail": encode("send_welcome_mail", {"name": "Ann", "email": f"{mark}@example.com"}),
            "page": encode("crawl_page", {"url": url}),
            "news": encode("push_news", {"headline": "Hello", "subscribers": [mark]}),
            "relay": encode("relay", {"name": mark}),
            "refuse": encode("refuse", {"name": mark}, id=mark),
        }
        self._empty()
        for body in bodies.values():
            self._send(body)
        summary = self._invoke_consumer()
        invoked = self._wait_for_workers(summary["dispatched"], began)
        later = compose("hello", {"name": mark}, Options(delay_seconds=900), "https://queue").body
        queued = self._queued({**bodies, "sent by a task": later})
        released_in = self._release(encode("hello", {"name": f"{mark} waits"}))
        kinds = {body: kind for kind, body in bodies.items()}
        ledger = self.deployed.ledger
        return Seen(
            received=all(queued[kind]["ReceiveCount"] for kind in set(bodies) & set(queued)),
            queued=set(queued),
            dead={kinds[letter["body"]] for letter in ledger.dead_letters()},
            postponed_in=_visible_in(queued.get("unknown task")),
            recorded={key.partition("#")[0] for key in self._records()},
            released_in=released_in,
            stopped=summary["stopped"],
            invoked=invoked,
            complaints={line["message"] for line in self._logged("Consumer", began)} - {"tick"},
            mails=ledger.mails()[f"{mark}@example.com"],
            pages=len(ledger.objects() & {key_of(HttpUrl(url))}),
            pushes=ledger.pushes()[mark],
        )

    def _release(self, body: str) -> float:
        """Returns when a message is visible again that was received while no worker may be invoked."""
        self._send(body)
        with self.roles.without("ConsumerRole", "lambda:InvokeFunction"):
            self._invoke_consumer()
        waiting = self._queued({"waiting": body})["waiting"]
        return _visible_in(waiting) if waiting["ReceiveCount"] else float("-inf")

    def _empty(self) -> None:
        for queue in ("QueueUrl", "DeadLetterQueueUrl"):
            self.deployed.client("sqs").purge_queue(QueueUrl=self.deployed.outputs[queue])
        for key in self._records():
            self.deployed.client("dynamodb").delete_item(TableName=self.table, Key={"key": {"S": key}})
        self.gates.limit(Rate(60, 100))  # so that a start may be a minute late, on a machine that is busy

    def _records(self) -> list[str]:
        items = self.deployed.client("dynamodb").scan(TableName=self.table)["Items"]
        return [item["key"]["S"] for item in items]

    def _send(self, body: str) -> None:
        self.deployed.send(body)

    def _invoke_consumer(self) -> dict[str, Any]:
        name = self.deployed.outputs["ConsumerFunctionName"]
        answer = self.deployed.client("lambda").invoke(FunctionName=name)
        said = answer["Payload"].read()
        assert "FunctionError" not in answer, said
        return dict(json.loads(said))

    def _wait_for_workers(self, dispatched: int, began: int) -> int:
        """Waits until every worker that was invoked has told how it ended. Returns how many did."""
        give_up_at = time.monotonic() + WORKED_WITHIN_SECONDS
        while time.monotonic() < give_up_at:
            ended = [line for line in self._logged("Worker", began) if line["message"] == "delivery"]
            if len(ended) >= dispatched:
                return len(ended)
            time.sleep(0.2)
        said = "; ".join(f"{line.get('task')} {line['outcome']}" for line in ended)
        log = [line for line in self.deployed.emulator_log().splitlines() if "Lambda" in line]
        pytest.fail("\n".join([f"of {dispatched} workers {len(ended)} ended ({said})", *log[-40:]]))

    def _logged(self, function: str, since: int) -> list[dict[str, Any]]:
        """Returns the lines of the function since then, in milliseconds."""
        group = self.deployed.outputs[f"{function}LogGroupName"]
        pages = self.deployed.client("logs").get_paginator("filter_log_events")
        return [
            json.loads(event["message"])
            for page in pages.paginate(logGroupName=group, startTime=since)
            for event in page["events"]
            if event["message"].startswith("{")
        ]

    def _queued(self, bodies: Mapping[str, str]) -> dict[str, dict[str, Any]]:
        kinds = {body: kind for kind, body in bodies.items()}
        return {
            kinds[message["Body"]]: message
            for message in self.deployed.ledger.queued()
            if message["Body"] in kinds
        }


def _visible_in(message: Mapping[str, Any] | None) -> float:
    """Returns the seconds until the message is visible. One that is gone never is."""
    return float("inf") if message is None else message["VisibleAt"] - time.time()


# ---- What it runs on ----


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    """Yields a stack with more tasks, a controlled flow, and a consumer that neither is woken nor lingers."""
    with deployed_copy(tmp_path_factory.mktemp("project"), MORE_TASKS, "FlowControl=true") as deployed:
        deployed.is_woken_by_tests_alone()
        _close_the_topic(deployed)
        yield deployed


def _close_the_topic(deployed: Deployed) -> None:
    """Gives the topic AWS's default policy. MiniStack leaves out its condition: everybody may publish."""
    topic, sns = deployed.outputs["NewsTopicArn"], deployed.client("sns")
    account = topic.split(":")[4]
    policy = json.loads(sns.get_topic_attributes(TopicArn=topic)["Attributes"]["Policy"])
    for statement in policy["Statement"]:
        statement["Condition"] = {"StringEquals": {"AWS:SourceOwner": account}}
    sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=json.dumps(policy))


@pytest.fixture(scope="module")
def ids(deployed: Deployed) -> dict[str, str]:
    return deployed.ids()


@pytest.fixture(scope="module")
def roles(deployed: Deployed, ids: dict[str, str]) -> Roles:
    return Roles(deployed, ids)


class _Page(BaseHTTPRequestHandler):
    """A page, at every address."""

    def do_GET(self) -> None:
        page = b"<p>Hello</p>"
        self.send_response(200)
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture(scope="module")
def scenario(deployed: Deployed, roles: Roles, ids: dict[str, str]) -> Iterator[Scenario]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Page) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            gates = StackGates(deployed.target)
            yield Scenario(
                deployed, roles, ids["RecordsTable"], gates, f"http://127.0.0.1:{server.server_port}"
            )
        finally:
            server.shutdown()
            thread.join()
