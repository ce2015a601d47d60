"""The local AWS starts, answers, and leaves nothing behind, however its starter ends."""

import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from zigzag_local import pages, processes, state
from zigzag_local.clients import client_options, session
from zigzag_local.emulator import Emulator
from zigzag_local.errors import LocalAwsError
from zigzag_local.running import LocalAws

TOOLS = Path(processes.__file__).parents[1]

STARTER = """
import signal, sys, time
from zigzag_local.emulator import Emulator
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored, where a shell started us behind an &
with Emulator() as aws:
    print(aws.directory, aws.endpoint, flush=True)
    time.sleep(60)
"""


def assert_nothing_is_left(directory: Path, endpoint: str) -> None:
    assert processes.find(directory) == []
    assert not directory.exists()
    with socket.socket() as probe:
        port = int(endpoint.rpartition(":")[2])
        assert probe.connect_ex(("127.0.0.1", port)) != 0


def test_it_answers_by_tls_and_then_nothing_is_left() -> None:
    with Emulator(tls=True, auth=True) as aws:
        said = pages.ask(aws, "/_ministack/health", seconds=5)
        assert aws.is_running()

    assert "services" in said
    assert_nothing_is_left(aws.directory, aws.endpoint)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_nothing_is_left_when_its_starter_is_killed(number: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", STARTER],
        env={"PYTHONPATH": str(TOOLS)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as starter:
        assert starter.stdout is not None
        directory, endpoint = starter.stdout.readline().split()

        starter.send_signal(number)
        starter.wait(timeout=20)

    deadline = time.monotonic() + 10  # seconds; after a SIGKILL the guard does it
    while Path(directory).exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert_nothing_is_left(Path(directory), endpoint)


def test_one_that_outlives_its_starter_is_remembered_and_stopped_by_another(tmp_path: Path) -> None:
    emulator = Emulator(outlive=True)
    try:
        state.save(tmp_path, emulator.start())
        remembered = state.load(tmp_path)
        assert remembered is not None

        remembered.stop()

        assert state.load(tmp_path) is None
        assert list(tmp_path.iterdir()) == []
        assert_nothing_is_left(remembered.directory, remembered.endpoint)
    finally:
        emulator.stop()


def test_all_lines_of_a_log_group_are_told_a_page_after_the_other() -> None:
    with Emulator() as aws:
        logs = session().client("logs", **client_options(aws.environment()))
        logs.create_log_group(logGroupName="group")
        logs.create_log_stream(logGroupName="group", logStreamName="one")
        now = int(time.time() * 1000)  # one time for all, as for all lines of an invocation
        for begin in (0, 9_000):
            events = [{"timestamp": now, "message": str(number)} for number in range(begin, begin + 9_000)]
            logs.put_log_events(logGroupName="group", logStreamName="one", logEvents=events)
        read = [*logs.get_paginator("filter_log_events").paginate(logGroupName="group", startTime=now)]

    assert [len(page["events"]) for page in read] == [10_000, 8_000]
    told = [event["message"] for page in read for event in page["events"]]
    assert told == [str(number) for number in range(18_000)]


def test_a_client_cannot_reach_a_persons_own_account(tmp_path: Path) -> None:
    aws = LocalAws(endpoint="http://127.0.0.1:1", directory=tmp_path, pid=0, secret="s")

    given = aws.environment({"AWS_PROFILE": "work", "AWS_SESSION_TOKEN": "x", "PATH": "/bin"})

    assert "AWS_PROFILE" not in given
    assert "AWS_SESSION_TOKEN" not in given
    assert given["AWS_CONFIG_FILE"] == given["AWS_SHARED_CREDENTIALS_FILE"] == "/dev/null"
    assert given["PATH"] == "/bin"


def test_without_ministack_one_sentence_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(LocalAwsError, match="is missing: run `make setup`"):
        Emulator(interpreter=tmp_path / "python").start()
