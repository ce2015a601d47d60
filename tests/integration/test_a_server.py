"""A server in real processes: it serves, stops, and replaces what a task or somebody has broken."""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.integration.served import SOON_SECONDS, Place, is_there, wait_until
from tests.transports import as_on_lambda, moto_over_http

from shared.aws.choice import LEAN, transport_in_place
from shared.aws.dynamodb_gates import DynamoDbGates
from zigzag.in_place import run_in_place

LEASE_SECONDS = 12

SHORT_POLLS = "--grace=6"
"""Has receives wait for a second: a lease counts from before its receive, and the short ones end soon."""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="it looks at processes in /proc")


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """Yields the variables that lead to moto."""
    with moto_over_http() as url:
        as_on_lambda(monkeypatch, url)
        yield {name: value for name, value in os.environ.items() if name.startswith("AWS_")}


@pytest.fixture
def place(tmp_path: Path, aws: dict[str, str]) -> Place:
    return Place(tmp_path, aws)


@pytest.fixture
def short(tmp_path: Path, aws: dict[str, str]) -> Place:
    """Returns a place whose leases take 12 s."""
    return Place(tmp_path, aws, LEASE_SECONDS)


def test_a_message_is_worked_and_deleted_and_the_log_says_so(place: Place) -> None:
    place.send("Ann")

    with place.server() as server:
        wait_until(lambda: place.waiting() == (0, 0))
        wait_until(lambda: server.logged("delivery"))

    assert place.noted("ended") == ["Ann"]
    (line,) = server.logged("delivery")
    assert (line["outcome"], line["task"], line["settled"]) == ("succeeded", "takes", True)


def test_it_serves_the_queue_that_it_is_told_and_no_other(place: Place) -> None:
    place.send("Ann", queue="urgent")
    place.send("Bob")

    with place.server("--queue", "urgent") as server:
        wait_until(lambda: place.waiting("urgent") == (0, 0))
        wait_until(lambda: server.logged("delivery"))

    assert place.noted("ended") == ["Ann"]
    assert place.waiting() == (1, 0)


def test_as_many_tasks_run_at_once_as_it_is_told(place: Place) -> None:
    for name in range(3):
        place.send(str(name), seconds=60)

    with place.server("--at-once", "2"):
        wait_until(lambda: len(place.noted("began")) == 2)
        assert place.waiting() == (1, 2)

    assert len({note["pid"] for note in place.all_notes()}) == 2


def test_after_sigterm_the_running_task_ends_and_nothing_else_starts(place: Place) -> None:
    with place.server() as server:
        place.send("runs", seconds=3)
        wait_until(lambda: place.noted("began"))
        place.send("waits")

        server.signal(signal.SIGTERM)
        assert server.ended() == 0

    assert place.noted("ended") == ["runs"]
    assert place.waiting() == (1, 0)


@pytest.mark.parametrize("task", ["takes", "takes_its_time"])
def test_a_task_that_outlasts_the_grace_is_interrupted_and_that_is_no_attempt(
    place: Place, task: str
) -> None:
    """Also a task with a timeout of its own, and one that is `async def`."""
    with place.server("--grace", "1") as server:
        place.send("long", task, seconds=600)
        wait_until(lambda: place.noted("began"))

        server.signal(signal.SIGTERM)
        assert server.ended() == 0

    (line,) = server.logged("delivery")
    assert (line["outcome"], line["retry_seconds"], line["settled"]) == ("retry later", 1, True)
    assert line["reason"] == "no attempt: its server stops"
    wait_until(lambda: place.waiting() == (1, 0))
    assert place.noted("cleaned up") == (["long"] if task == "takes" else [])


def test_a_second_sigterm_interrupts_the_task_now(place: Place) -> None:
    with place.server("--grace", "600") as server:
        place.send("long", seconds=600)
        wait_until(lambda: place.noted("began"))

        server.signal(signal.SIGTERM)
        wait_until(lambda: server.logged("the server stops"))
        server.signal(signal.SIGTERM)
        assert server.ended() == 0

    wait_until(lambda: place.waiting() == (1, 0))


def test_a_signal_before_its_first_process_ends_it(place: Place) -> None:
    """The first process of a container would ignore it, and be killed after the time to stop."""
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        place.server(AWS_ENDPOINT_URL=f"http://127.0.0.1:{silent.getsockname()[1]}") as server,
    ):
        silent.settimeout(SOON_SECONDS)
        connection, _ = silent.accept()
        with connection:
            server.signal(signal.SIGTERM)

            assert server.ended() == 0


@pytest.mark.slow
def test_a_message_whose_process_is_killed_comes_again_after_its_lease_and_runs(short: Place) -> None:
    with short.server(SHORT_POLLS) as server:
        short.send("twice", seconds=LEASE_SECONDS / 2)
        wait_until(lambda: short.noted("began"))

        os.kill(short.all_notes()[0]["pid"], signal.SIGKILL)
        wait_until(lambda: short.noted("ended"), 4 * LEASE_SECONDS)
        wait_until(lambda: server.logged("delivery"))

    first, second = (note for note in short.all_notes() if note["what"] == "began")
    assert first["pid"] != second["pid"]
    assert (server.logged("delivery")[0]["attempt"], short.waiting()) == (1, (0, 0))
    assert [line["status"] for line in server.logged("a process is replaced")] == [-signal.SIGKILL]


@pytest.mark.slow
def test_a_task_of_several_leases_runs_once(short: Place) -> None:
    """Each beat is needed: another server looks for the message all the time."""
    short.send("long", seconds=2.5 * LEASE_SECONDS)

    with short.server("--at-once", "2", SHORT_POLLS):
        wait_until(lambda: short.noted("ended"), 6 * LEASE_SECONDS)
        wait_until(lambda: short.waiting() == (0, 0))

    assert short.noted("began") == ["long"]


def test_a_task_that_takes_longer_than_its_time_here_is_interrupted_and_postponed(place: Place) -> None:
    place.send("long", seconds=600)

    with place.server("--timeout", "4") as server:
        wait_until(lambda: server.logged("delivery"))

    (line,) = server.logged("delivery")
    assert (line["outcome"], line["attempt"], line["settled"]) == ("retry later", 1, True)
    assert place.noted("cleaned up") == ["long"]


@pytest.mark.slow
def test_the_processes_of_a_killed_server_end_their_tasks_and_receive_nothing_more(place: Place) -> None:
    with place.server() as server:
        place.send("runs", seconds=3)
        wait_until(lambda: place.noted("began"))
        (process,) = server.processes()

        server.signal(signal.SIGKILL)
        place.send("waits")
        wait_until(lambda: not is_there(process))

    assert place.noted("ended") == ["runs"]
    assert place.waiting() == (1, 0)


def test_what_a_task_leaves_running_ends_and_another_process_takes_the_next_message(place: Place) -> None:
    with place.server() as server:
        place.send("leaves", leaves=True)
        wait_until(lambda: server.logged("a process is replaced"))
        place.send("next")
        wait_until(lambda: "next" in place.noted("ended"))

    child = next(int(note["what"].split()[1]) for note in place.all_notes() if "child" in note["what"])
    assert not is_there(child)
    assert len({note["pid"] for note in place.all_notes()}) == 2


def test_a_table_that_is_not_there_is_named_before_anything_is_received(place: Place) -> None:
    place.send("waits")

    with place.server(ZIGZAG_RECORDS_TABLE="nothing-here") as server:
        assert server.ended() == 1

    assert "ZIGZAG_RECORDS_TABLE" in server.lines[-1]["message"]
    assert place.waiting() == (1, 0)


def test_a_queue_that_the_stack_does_not_have_is_refused_with_the_names_of_those_that_it_has(
    place: Place,
) -> None:
    with place.server("--queue", "bulk") as server:
        assert server.ended() == 2

    assert "'bulk'; the queues of the stack are: default, urgent." in server.errors


@pytest.mark.slow
def test_an_exact_cap_holds_over_its_processes(place: Place) -> None:
    """The gate is read, and permits are taken and given back, without an event loop."""
    gates = DynamoDbGates(transport_in_place(LEAN, attempts=1), place.table)
    run_in_place(gates.cap("default", 1))
    for name in ("one", "two", "three"):
        place.send(name, seconds=1)

    with place.server("--at-once", "3", ZIGZAG_FLOW_CONTROL="true"):
        wait_until(lambda: len(place.noted("ended")) == 3)
        wait_until(lambda: place.waiting() == (0, 0))

    running = [note["what"] for note in place.all_notes() if note["what"] in ("began", "ended")]
    assert running == ["began", "ended"] * 3


def test_a_signal_that_only_a_process_gets_is_left_to_the_server(place: Place) -> None:
    """A service manager may send it to all processes of a service."""
    with place.server() as server:
        place.send("runs", seconds=2)
        wait_until(lambda: place.noted("began"))

        for number in (signal.SIGTERM, signal.SIGINT):
            os.kill(place.all_notes()[0]["pid"], number)
        wait_until(lambda: place.noted("ended"))
        place.send("next")
        wait_until(lambda: "next" in place.noted("ended"))

    assert server.logged("a process is replaced") == []
