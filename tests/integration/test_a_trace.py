"""A trace of OpenTelemetry goes from the sender's span to the task's, by the message's attribute; one of
X-Ray from the sender's request to the worker, by the header of its invoke."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, use_span
from tests.project.docs.pages import ROOT
from tests.support import ScriptedWorkers, World

from consumer.consumer import Consumer, PolledQueue
from shared.ports.workers import Answer, TracedEvent
from shared.queues import DEFAULT, TaskQueue
from zigzag import Context, task
from zigzag_testing import Sandbox

SENDER = SpanContext(0xABC, 0xDEF, is_remote=False, trace_flags=TraceFlags(1))
TRACEPARENT = f"00-{0xABC:032x}-{0xDEF:016x}-01"

seen: list[tuple[int, object]] = []


@task(attempts=1)
def looks(payload: dict[str, Any], context: Context) -> None:
    seen.append((current().trace_id, context.attributes.get("traceparent")))
    if payload.get("sends"):
        looks.send({})


@task()
async def waits(payload: dict[str, Any]) -> None:
    seen.append((current().trace_id, ""))


def current() -> SpanContext:
    return trace.get_current_span().get_span_context()


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    seen.clear()
    with Sandbox({"looks": looks, "waits": waits}) as sandbox:
        yield sandbox


def test_the_task_runs_within_its_senders_trace_and_hands_it_on(sandbox: Sandbox) -> None:
    with use_span(NonRecordingSpan(SENDER)):
        looks.send({"sends": True})
        waits.send({})
    sandbox.run()

    assert sorted(seen, key=str) == [(0xABC, ""), (0xABC, TRACEPARENT), (0xABC, TRACEPARENT)]
    assert not current().is_valid


@pytest.mark.parametrize("said", ["junk", f"ff-{0xABC:032x}-{0xDEF:016x}-01", f"00-{0:032x}-{0:016x}-01"])
def test_a_traceparent_that_is_none_is_no_trace(sandbox: Sandbox, said: str) -> None:
    attribute = {"traceparent": {"DataType": "String", "StringValue": said}}
    sandbox.send_message('{"task": "looks", "payload": {}}', attribute)
    sandbox.run()

    assert seen == [(0, said)]


def test_a_message_sent_outside_of_spans_has_no_attribute(sandbox: Sandbox) -> None:
    looks.send({})
    sandbox.run()

    assert seen == [(0, None)]


def test_a_tracer_that_fails_fails_no_task(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(trace, "get_current_span")  # for the sender
    looks.send({})
    monkeypatch.undo()
    monkeypatch.delattr(trace, "get_tracer")  # for the worker
    sandbox.run()

    assert seen == [(0, None)]
    assert sandbox.dead_letters == []


class Spans:
    """A tracer that keeps what becomes of its spans."""

    def __init__(self) -> None:
        self.told: list[object] = []

    def start_as_current_span(self, name: str, *_: Any, **__: Any) -> Any:
        self.told.append(name)
        return use_span(self)  # type: ignore[arg-type]

    def set_status(self, status: Any) -> None:
        self.told.append((status.status_code.name, status.description))


def test_a_failure_is_the_spans_status_without_its_words(monkeypatch: pytest.MonkeyPatch) -> None:
    @task(attempts=1)
    def fails(payload: dict[str, Any]) -> None:
        raise ValueError("the customer's address")

    spans = Spans()
    monkeypatch.setattr(trace, "get_tracer", lambda name: spans)
    with Sandbox({"fails": fails}) as sandbox:
        fails.send({})
        sandbox.run()

    assert spans.told == ["fails", ("ERROR", "ValueError")]


def test_without_opentelemetry_nothing_of_it_is_loaded() -> None:
    code = """
import sys
from zigzag import task
from zigzag_testing import Sandbox

@task()
def hello(payload: dict) -> None: ...

with Sandbox({"hello": hello}) as sandbox:
    hello.send({})
    sandbox.run()
    assert not sandbox.dead_letters
print([name for name in sys.modules if name.endswith((".extra.trace", ".observers.trace", "opentelemetry"))])
"""
    path = {"PYTHONPATH": f"{ROOT / 'src'}:{ROOT / 'tools'}"}
    done = subprocess.run([sys.executable, "-c", code], env=path, capture_output=True, text=True, check=True)

    assert done.stdout == "[]\n"


TRACED = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1;Lineage=1:a87bd80c:5"


@pytest.mark.parametrize(
    ("header", "carried"),
    [
        (TRACED, "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1"),
        (TRACED.replace("Sampled=1", "Sampled=0"), None),
        ("Sampled=1", None),
        ("", None),
    ],
)
def test_what_a_traced_invocation_sends_has_x_rays_root_and_no_lineage(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, header: str, carried: str | None
) -> None:
    monkeypatch.setenv("_X_AMZN_TRACE_ID", header)

    looks.send({})

    (message,) = sandbox.queue.messages
    assert message.trace_header == carried


class Invoked(ScriptedWorkers):
    """Workers that keep the trace of each invoke."""

    def __init__(self) -> None:
        super().__init__()
        self.traces: list[str | None] = []

    async def dispatch(self, events: Sequence[bytes]) -> list[Answer]:
        self.traces += [event.trace if isinstance(event, TracedEvent) else None for event in events]
        return await super().dispatch(events)


ROOT_1, ROOT_2 = (f"Root=1-5759e988-{number:024x}" for number in (1, 2))


@pytest.mark.parametrize(
    ("tracing", "batch_size", "headers", "invoked"),
    [
        pytest.param(
            True, 1, [f"{ROOT_1};Parent=5;Sampled=1;Lineage=1:a:5"], [f"{ROOT_1};Sampled=1"], id="one"
        ),
        pytest.param(True, 1, [f"{ROOT_1};Sampled=0", ROOT_2], [f"{ROOT_1};Sampled=0", ROOT_2], id="two"),
        pytest.param(True, 2, [f"{ROOT_1};Parent=5", f"{ROOT_1};Parent=6"], [ROOT_1], id="of one sender"),
        pytest.param(True, 2, [ROOT_1, ROOT_2], [None], id="of two senders"),
        pytest.param(True, 2, [ROOT_1, ""], [None], id="one has none"),
        pytest.param(True, 1, [f"{ROOT_1}\r\nX-Amz-Invocation-Type: RequestResponse"], [None], id="hostile"),
        pytest.param(True, 1, ["Root=1-5759e988-junk", f"{ROOT_1}0;Sampled=1"], [None, None], id="junk"),
        pytest.param(False, 1, [f"{ROOT_1};Sampled=1"], [None], id="without tracing"),
    ],
)
def test_a_worker_is_invoked_with_the_trace_that_all_its_messages_have(
    tracing: bool, batch_size: int, headers: Sequence[str], invoked: Sequence[str | None]
) -> None:
    world, workers = World(), Invoked()
    for header in headers:
        world.send("{}", trace_header=header)

    queue = TaskQueue(DEFAULT, world.queue.url, "", batch_size, tracing=tracing)
    consumer = Consumer(
        [PolledQueue(queue, world.queue, world.dead_letters)], workers, world.clock, world.random
    )
    world.run(consumer.tick(90))
    world.close()

    assert workers.traces == invoked
