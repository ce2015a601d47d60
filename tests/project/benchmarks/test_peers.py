"""Can the peers read the messages that the stub gives them, and are their packages pinned?"""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from typing import Any

import pytest
from benchmarks.bench import ARMS, Bench, Outcome
from benchmarks.figures import check_deleted_once
from benchmarks.peers import compared, messages
from benchmarks.peers.installed import PEERS, InstallError, install
from benchmarks.processes import ArmFailedError, Ran


def opened(envelope: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(base64.b64decode(envelope))
    return found


def test_celerys_envelope_names_the_task_and_its_arguments() -> None:
    envelope = opened(messages.for_celery())

    assert envelope["headers"]["task"] == "nothing"
    arguments, named, _ = json.loads(base64.b64decode(envelope["body"]))
    assert (arguments, named) == ([], {"name": "world"})


def test_dramatiqs_envelope_names_the_actor_and_its_arguments() -> None:
    envelope = opened(messages.for_dramatiq())

    assert (envelope["actor_name"], envelope["kwargs"]) == ("nothing", {"name": "world"})


def test_every_package_of_python_is_pinned_exactly() -> None:
    lines = (PEERS / "requirements.txt").read_text(encoding="utf-8").splitlines()

    packages = [line for line in lines if not line.startswith("#")]
    assert len(packages) > 10
    assert all(re.fullmatch(r"[A-Za-z0-9_.-]+==[0-9][0-9a-z.]*", line) for line in packages)


def test_every_package_of_node_is_pinned_exactly() -> None:
    asked = json.loads((PEERS / "package.json").read_text(encoding="utf-8"))["dependencies"]

    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in asked.values())


@pytest.mark.parametrize("peer", compared.PEERS, ids=lambda peer: peer.name)
def test_the_script_of_a_peer_is_there(peer: compared.Peer) -> None:
    assert (ARMS / "peers" / peer.script).is_file()


def test_a_message_that_nobody_deleted_gives_no_figure() -> None:
    ran = Ran(0.0, 1.0, 1.0, {}, 0)

    with pytest.raises(ArmFailedError, match="deleted 3 of 3 messages, 2 of them once"):
        check_deleted_once("somebody", Outcome(ran, {"deleted": 3, "deleted_once": 2}), 3)


@pytest.mark.slow
def test_every_peer_works_all_messages(bench: Bench, tmp_path: Path) -> None:
    try:
        installed = install(tmp_path, bench.stub.ca)
    except InstallError as error:
        pytest.skip(f"they are not to be had here: {error}")
    peers = [peer for peer in compared.PEERS if installed.node or not peer.is_node]

    stats = [compared.worked(bench, installed, peer, 30).stats for peer in peers]

    assert [one["messages"] for one in stats] == [30] * len(peers)
