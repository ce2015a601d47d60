"""The pages for coming from elsewhere: does their code run, there and back?"""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest
from tests.project.docs.pages import blocks, read

from zigzag.send import encode
from zigzag_testing import Sandbox

MAPPING, CELERY, RABBIT = (
    f"docs/from-{name}.md" for name in ("an-event-source-mapping", "celery", "rabbitmq")
)


class Application:
    """Stands for a Celery application, or a channel of pika's: what the pages call of them."""

    def __init__(self) -> None:
        self.said: list[Any] = []

    def task(self, **_: Any) -> Any:
        return lambda function: function

    def retry(self, **options: Any) -> Exception:
        self.said.append(options["countdown"])
        return LookupError("again")

    def basic_ack(self, tag: int) -> None:
        self.said.append((tag, "ack"))

    def basic_nack(self, tag: int, *, requeue: bool) -> None:
        self.said.append((tag, "requeue" if requeue else "dead letter"))


def run(page: str, **given: Any) -> dict[str, Any]:
    names: dict[str, Any] = {"__name__": "page", **given}
    for block in blocks(read(page), "python"):
        exec(compile(block.text, page, "exec"), names)  # noqa: S102 -- our own page
    return names


def outcomes(names: dict[str, Any], task: str, *payloads: dict[str, Any]) -> list[str]:
    with Sandbox({task: names[task]}) as sandbox:
        for payload in payloads:
            names[task].send(names[task].model(**payload))
        sandbox.run_for(60)
    return sorted(report.outcome for report in sandbox.reports)


@pytest.mark.parametrize(
    ("page", "task", "payloads", "expected"),
    [
        (MAPPING, "store_order", [{"number": "A", "items": {}}], ["dead-letter"]),
        (MAPPING, "store_order", [{"number": "A", "items": {"pear": 1}}], ["succeeded"]),
        (
            CELERY,
            "send_mail",
            [{"to": "a@busy.example"}, {"to": "a@b.example"}],
            ["retry later", "succeeded"],
        ),
        (RABBIT, "quote", [{"symbol": "A"}], ["succeeded"]),
    ],
)
def test_its_task_ends_as_the_page_says(
    page: str, task: str, payloads: list[dict[str, Any]], expected: list[str]
) -> None:
    assert outcomes(run(page, app=Application()), task, *payloads) == expected


def test_a_handler_of_the_old_form_runs_the_task_and_names_what_failed() -> None:
    handler = run(MAPPING)["handler"]
    payloads = {"done": {"number": "A", "items": {"pear": 1}}, "rejected": {"number": "A", "items": {}}}
    records = [{"messageId": id, "body": encode("store_order", payload)} for id, payload in payloads.items()]

    answer = handler({"Records": [*records, {"messageId": "broken", "body": "{"}]}, None)

    assert answer == {"batchItemFailures": [{"itemIdentifier": "broken"}]}


def test_a_celery_worker_runs_the_task_and_tries_again_when_it_says() -> None:
    names = run(CELERY, app=(app := Application()))
    request = SimpleNamespace(request=SimpleNamespace(id="7"), retry=app.retry)

    names["celery_send_mail"](request, to="a@b.example")
    with pytest.raises(LookupError):
        names["celery_send_mail"](request, to="a@busy.example")

    assert (names["sent"], app.said) == ([("7", "a@b.example")], [300])


def test_what_rabbitmq_delivers_becomes_a_task_or_is_refused_and_nothing_is_lost() -> None:
    names = run(RABBIT)
    channel = Application()

    def deliver(callback: str, tag: int, key: str, body: bytes) -> None:
        method = SimpleNamespace(delivery_tag=tag, routing_key=key, redelivered=False)
        names[callback](channel, method, SimpleNamespace(message_id=f"m-{tag}"), body)

    with Sandbox({"quote": names["quote"]}) as sandbox:
        deliver("forward", 1, "quotes.new", b'{"symbol": "A"}')
        deliver("forward", 2, "quotes.new", b'{"symbol": 1}')
        deliver("forward", 3, "quotes.old", b'{"symbol": "A"}')
        deliver("forward", 4, "quotes.new", b"\xff")
        deliver("callback", 5, "", b'{"symbol": "B"}')
        deliver("callback", 6, "", b"no JSON")
        (message,) = sandbox.queue.messages
        sandbox.run()

    assert json.loads(message.body)["id"] == "m-1"
    assert sorted(names["quoted"]) == ["A", "B"]
    refused = [(2, "dead letter"), (3, "dead letter"), (4, "dead letter")]
    assert channel.said == [(1, "ack"), *refused, (5, "ack"), (6, "requeue")]
