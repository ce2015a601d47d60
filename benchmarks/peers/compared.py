"""Measures peers and our consumer on the stub: the rate of each, and its processor time a message."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.bench import ARMS, Arm, Bench, Outcome
from benchmarks.dispatch import BOTO_THREADS, LAST_WAIT_SECONDS, ZIGZAG, figures, once, share
from benchmarks.figures import (
    OF_A_DRAIN,
    Row,
    check_deleted_once,
    check_dispatched_once,
    medians,
    of_a_drain,
    table,
)
from benchmarks.peers import messages
from benchmarks.peers.installed import Installed, install
from benchmarks.processes import run

LATENCY_MS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """Another project's way to work a queue.

    does   -- its job for a message: it invokes a worker, or works the message itself.
    script -- its script in benchmarks/arms/peers.
    body   -- returns the body of its messages; None for the stub's own.
    share  -- its share of the backlog, as for an arm.
    """

    name: str
    does: str
    script: str
    body: Callable[[], str] | None = None
    share: float = 1.0

    @property
    def is_node(self) -> bool:
        return self.script.endswith(".mjs")


DISPATCHES = "invokes a worker"
WORKS = "runs an empty task, deletes"
PEERS = (
    Peer(name="Node SDK, 8 loops", does=DISPATCHES, script="node_sdk.mjs"),
    Peer(name="sqs-consumer (Node), 8 consumers", does=WORKS, script="sqs_consumer.mjs"),
    Peer(
        name="Celery, 16 threads",
        does=WORKS,
        script="celery_worker.py",
        body=messages.for_celery,
        share=0.1,
    ),
    Peer(
        name="dramatiq-sqs, 8 threads",
        does=WORKS,
        script="dramatiq_worker.py",
        body=messages.for_dramatiq,
        share=0.2,
    ),
)
OURS = (BOTO_THREADS, ZIGZAG)


def measure(bench: Bench, quick: bool, rounds: int | None = None) -> list[Row]:
    """Returns a row for each of our arms and for each peer. Raises InstallError."""
    backlog = 1_000 if quick else 10_000
    rounds = rounds or (1 if quick else 3)
    with tempfile.TemporaryDirectory(prefix="zigzag-peers-") as name:
        installed = install(Path(name), bench.stub.ca)
        peers = [peer for peer in PEERS if installed.node or not peer.is_node]
        everyone: list[Arm | Peer] = [*OURS, *peers]
        found: dict[Arm | Peer, list[dict[str, float]]] = {one: [] for one in everyone}
        for _ in range(rounds):
            for one, so_far in found.items():
                so_far.append(_turn(bench, installed, one, backlog))
    return [_row(one, so_far) for one, so_far in found.items()]


def _turn(bench: Bench, installed: Installed, one: Arm | Peer, backlog: int) -> dict[str, float]:
    size = share(one.share, backlog)
    if isinstance(one, Arm):
        return once(bench, one, size, LATENCY_MS)
    outcome = worked(bench, installed, one, size)
    return figures(outcome, size, "last_invoke_at" if one.does == DISPATCHES else "last_delete_at")


def worked(bench: Bench, installed: Installed, peer: Peer, backlog: int) -> Outcome:
    """Runs a peer on a backlog. Raises ArmFailedError unless it worked each message exactly once."""
    manner: dict[str, Any] = {} if peer.body is None else {"body": peer.body()}
    bench.stub.reset(backlog, latency_ms=LATENCY_MS, max_wait_seconds=LAST_WAIT_SECONDS, **manner)
    interpreter = installed.node if peer.is_node else installed.python
    environment = bench.environment(Arm(name=peer.name, script=(peer.script,), small_bundle=True))
    environment["PYTHONPATH"] = str(ARMS)  # for `measured`
    command = [str(interpreter), str(installed.scripts / peer.script), str(backlog)]
    outcome = Outcome(run(command, environment, bench.folder), bench.stub.stats())
    check = check_dispatched_once if peer.does == DISPATCHES else check_deleted_once
    check(peer.name, outcome, backlog)
    return outcome


def _row(one: Arm | Peer, found: list[dict[str, float]]) -> Row:
    return {
        "arm": one.name,
        "does": one.does if isinstance(one, Peer) else DISPATCHES,
        "latency_ms": LATENCY_MS,
        "changed": "" if isinstance(one, Peer) else one.changed,
        **medians(found),
    }


def tables(rows: list[Any]) -> str:
    head = ("arm", "a message", *OF_A_DRAIN)
    lines = [
        (
            row["arm"],
            row["does"],
            *of_a_drain(row),
        )
        for row in rows
    ]
    return table(head, lines)
