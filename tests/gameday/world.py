"""The world of the game day: a deployed stack, what is sent to it, and what becomes of that."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from itertools import batched
from pathlib import Path

from tests.e2e.conftest import Deployed


@dataclass
class World:
    """The troubles of the stack. None of it knows a cure.

    folder -- where the tasks write their effects, and look whether the service is away.
    """

    deployed: Deployed
    folder: Path
    sent: set[str] = field(default_factory=set)

    def send(self, trouble: str, many: int, payload: object = None) -> None:
        """Sends orders. An order's id has the trouble's name."""
        sqs, url = self.deployed.client("sqs"), self.deployed.outputs["QueueUrl"]
        first = len(self.sent)
        for numbers in batched(range(first, first + many), 10, strict=False):
            bodies = {f"{trouble} {number}": payload or {"number": number} for number in numbers}
            entries = [
                {"Id": str(n), "MessageBody": json.dumps({"task": "ship", "payload": one, "id": id})}
                for n, (id, one) in enumerate(bodies.items())
            ]
            assert not sqs.send_message_batch(QueueUrl=url, Entries=entries).get("Failed")
            self.sent |= bodies.keys()

    def done(self) -> Counter[str]:
        """Returns how often each order was shipped."""
        file = self.folder / "effects"
        return Counter(file.read_text().splitlines() if file.exists() else ())

    def saved(self) -> set[str]:
        """Returns the orders that somebody dropped, and saved in a file."""
        return {
            json.loads(json.loads(line)["Body"])["id"]
            for file in self.folder.glob("*.jsonl")
            for line in file.read_text().splitlines()
        }

    def open(self, trouble: str) -> set[str]:
        """Returns the trouble's orders of which nothing has become yet."""
        ours = {id for id in self.sent if id.rpartition(" ")[0] == trouble}
        return ours - self.done().keys() - self.saved()

    # ---- What goes wrong, and what others mend ----

    def release(self, what: str) -> None:
        self.deployed.set_worker(GAMEDAY_RELEASE=what)

    def service(self, state: str | None = None) -> None:
        """Lets the service be down, or slow, or work again."""
        for each in ("down", "slow"):
            (self.folder / each).touch() if each == state else (self.folder / each).unlink(missing_ok=True)

    def reserve_no_worker(self) -> None:
        self.deployed.client("lambda").put_function_concurrency(
            FunctionName=self.deployed.outputs["WorkerFunctionName"], ReservedConcurrentExecutions=0
        )
