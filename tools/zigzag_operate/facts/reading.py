"""The calls of the second and the third round: which ones a stack needs, by what."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from botocore.config import Config

from shared.aws.boto import BotoTransport
from shared.aws.dynamodb_gates import DynamoDbGates
from shared.ports.gates import Gate, GatesError
from zigzag.in_place import run_in_place
from zigzag_operate import metrics
from zigzag_operate.causes import FORBIDDEN
from zigzag_operate.counts import depths
from zigzag_operate.errors import OperateError
from zigzag_operate.facts import lines
from zigzag_operate.facts.figures import Calls, Figure, Unknown
from zigzag_operate.facts.lines import Line, Page
from zigzag_operate.facts.why import asked_of
from zigzag_operate.gates import is_controlled
from zigzag_operate.queues import named, queues_of
from zigzag_operate.target import Stack, Target
from zigzag_operate.trigger import is_by_events
from zigzag_operate.who import notes

TICK, DELIVERY = "tick", "delivery"
"""The messages of the lines that are read."""

METRICS, GATES, NOTES = "metrics", "gates", "notes"
"""The names of these answers. Those of counts are queues' URLs, and those of lines like ("tick", 0, 0): the
message, the piece, the page."""

_PIECES = {TICK: ("ConsumerLogGroupName", lines.PIECES[:1]), DELIVERY: ("WorkerLogGroupName", lines.PIECES)}
_GATES_ACTION = "dynamodb:BatchGetItem"
_PATIENCE = Config(connect_timeout=3, read_timeout=10, retries={"max_attempts": 1}, max_pool_connections=25)
_OF_LOGS = _PATIENCE.merge(Config(retries={"mode": "standard", "total_max_attempts": 5}))
"""FilterLogEvents may be refused beyond five a second
(https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html)."""


class Reading:
    """The reading of a stack's figures.

    only -- the name of the only queue that is meant.
    """

    def __init__(self, target: Target, stack: Stack, only: str | None) -> None:
        self.target = target
        self.stack = stack
        self._only = None if only is None else named(stack, only)
        self.queues = queues_of(stack) if self._only is None else {self._only.name: self._only}
        self.letters = list(dict.fromkeys(queue.dead_letter_url for queue in self.queues.values()))
        self.tick_within = _tick_within(stack)
        # Clients are made here, since boto3's session is not for several threads.
        self._sqs, self._cloudwatch = self._client("sqs"), self._client("cloudwatch")
        self._logs = target.client("logs", _OF_LOGS)
        self._has_gates = is_controlled(stack) and not is_by_events(stack)
        self._dynamodb = self._client("dynamodb") if self._has_gates else None

    def _client(self, service: str) -> Any:
        return self.target.client(service, _PATIENCE)

    def calls(self) -> Calls:
        """Returns the calls of the second round."""
        outputs = self.stack.outputs
        urls = [*(queue.url for queue in self.queues.values()), *self.letters]
        calls: Calls = {url: ("sqs:GetQueueAttributes", self._depths(url)) for url in urls}
        names = [url.rpartition("/")[2] for url in urls]
        worker = outputs.get("WorkerFunctionName")
        calls[METRICS] = (
            metrics.ACTION,
            lambda: metrics.read_metrics(self._cloudwatch, names, worker, self.stack.at),
        )
        if self._has_gates:
            calls[GATES] = _GATES_ACTION, self._gates
            table = self.stack.outputs["RecordsTableName"]
            calls[NOTES] = _GATES_ACTION, lambda: notes(self._dynamodb, table, self.queues)
        for message, (output, ago) in _PIECES.items():
            if message == TICK and is_by_events(self.stack):
                continue
            if group := outputs.get(output):
                for number, piece in enumerate(lines.pieces(group, message, self.stack.at, ago)):
                    calls[message, number, 0] = lines.ACTION, lines.reader(self._logs, piece)
        return calls

    def further_calls(self, found: Mapping[Any, Any], *, is_silent: bool, drops: bool) -> Calls:
        """Returns the calls of the third round: the second page of lines, and what is to be asked."""
        asked = asked_of(self._client, self.stack, is_silent, drops)
        return asked | {
            (*key[:2], 1): (lines.ACTION, lines.reader(self._logs, page.rest))
            for key, page in found.items()
            if isinstance(page, Page) and page.rest is not None
        }

    def lines(self, found: Mapping[Any, Any], message: str) -> Figure[tuple[list[Line], bool]]:
        """Returns the lines, and whether they are all."""
        pages = {key: page for key, page in found.items() if isinstance(key, tuple) and key[0] == message}
        if not pages:
            return Unknown(f"the stack has no output {_PIECES[message][0]}: deploy this version of Zigzag")
        read: list[Line] = []
        for page in pages.values():
            if isinstance(page, Unknown):
                return page
            read += page.lines
        last = [page for key, page in pages.items() if (*key[:2], key[2] + 1) not in pages]
        return read, all(page.rest is None for page in last)

    def deliveries(self, found: Mapping[Any, Any]) -> Figure[tuple[list[Line], bool]]:
        """Returns the lines of deliveries as `lines` does; if one queue is meant, only those of it."""
        read = self.lines(found, DELIVERY)
        if self._only is None or isinstance(read, Unknown):
            return read
        return [line for line in read[0] if lines.is_of(line, self._only)], read[1]

    def _depths(self, url: str) -> Callable[[], dict[str, int]]:
        return lambda: depths(self._sqs, url)

    def _gates(self) -> dict[str, Gate]:
        transport = BotoTransport(attempts=2, clients={"dynamodb": self._dynamodb})
        gates = DynamoDbGates(transport, self.stack.outputs["RecordsTableName"])
        try:
            return run_in_place(gates.read([*self.queues]))
        except GatesError as error:
            if any(code in error.reason for code in FORBIDDEN):
                raise OperateError(f"needs {_GATES_ACTION}") from error
            raise OperateError(f"the table of records refused: {error}") from error


def _tick_within(stack: Stack) -> float | None:
    """Returns for how many seconds no tick may end: three times what the schedule waits, but no longer than
    is read. None without a schedule of up to five minutes, as with the alarm."""
    words = stack.parameters.get("Schedule", "rate(1 minute)").removeprefix("rate(").rstrip(")").split()
    if is_by_events(stack) or len(words) != 2 or not words[1].startswith("minute"):
        return None
    minutes = int(words[0])
    return min(180.0 * minutes, lines.SECONDS - 30.0) if minutes <= 5 else None
