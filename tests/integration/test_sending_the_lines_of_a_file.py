"""`./zigzag send … --many`: a task for each line, on moto's SQS."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import boto3
import pytest
from tests.stacks import deployed, queue

from tasks import TASKS
from zigzag import task

NO_OBJECT = "the payload does not fit hello: payload: Input should be an object"


@pytest.fixture
def queue_url(account: None) -> str:
    return deployed(queue())["QueueUrl"]


def sent_to(queue_url: str) -> list[dict[str, Any]]:
    """Returns the bodies on the queue."""
    sqs, bodies = boto3.client("sqs"), []
    while found := sqs.receive_message(QueueUrl=queue_url, MaxNumberOfMessages=10).get("Messages"):
        bodies += [json.loads(one["Body"]) for one in found]
    return bodies


def lines(tmp_path: Path, *texts: str) -> str:
    file = tmp_path / "payloads.jsonl"
    file.write_text("".join(f"{text}\n" for text in texts), encoding="utf-8")
    return str(file)


@pytest.mark.parametrize("begins", ["", "\ufeff"], ids=["plain", "a byte order mark"])
def test_every_line_is_sent_with_the_id_of_its_field(
    zigzag: Any, queue_url: str, tmp_path: Path, begins: str
) -> None:
    first, *more = (json.dumps({"name": f"n{number}"}) for number in range(25))
    file = lines(tmp_path, begins + first, *more)

    code, out, err = zigzag("send", "hello", "--many", file, "--id-field", "name")

    assert (code, out, err) == (0, "sent 25 of 25 lines as hello\n", "")
    bodies = sorted(sent_to(queue_url), key=lambda one: int(one["id"][1:]))
    assert bodies == [
        {"task": "hello", "payload": {"name": f"n{number}"}, "id": f"n{number}"} for number in range(25)
    ]


def test_on_a_terminal_it_says_how_far_it_is(
    zigzag: Any, queue_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("zigzag_cli.many._EACH", 10)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)

    _, _, err = zigzag("send", "hello", "--many", lines(tmp_path, *['{"name": "a"}'] * 25))

    assert err == "zigzag: 10 lines\nzigzag: 20 lines\n"


def test_lines_that_do_not_fit_are_named_and_the_others_are_sent(
    zigzag: Any, queue_url: str, tmp_path: Path
) -> None:
    file = lines(tmp_path, '{"name": "a"}', '{"name": 5}', "", "[]", "{", '{"name": "b"}')

    code, out, err = zigzag("send", "hello", "--many", file, "--json")

    assert code == 1
    assert json.loads(out) == {"accepted": 2, "refused": 4, "unknown": 0}
    assert err.splitlines() == [
        "zigzag: line 2 is refused: the payload does not fit hello: name: Input should be a valid string",
        "zigzag: line 3 is refused: it is not JSON",
        f"zigzag: line 4 is refused: {NO_OBJECT}",
        "zigzag: line 5 is refused: it is not JSON",
        "zigzag: 4 lines were refused, and 0 are unknown",
    ]
    assert sorted(one["payload"]["name"] for one in sent_to(queue_url)) == ["a", "b"]


def test_a_line_without_its_id_is_refused(
    zigzag: Any, queue_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    @task
    def note(payload: dict[str, Any]) -> None:
        pass

    monkeypatch.setitem(TASKS, "note", note)

    code, out, err = zigzag(
        "send", "note", "--many", lines(tmp_path, '{"key": 7}', "{}"), "--id-field", "key"
    )

    assert (code, out) == (1, "sent 1 of 2 lines as note\n")
    assert "line 2 is refused: `id` is empty" in err
    assert [one["id"] for one in sent_to(queue_url)] == ["7"]


@pytest.mark.parametrize(
    ("options", "code", "says"),
    [
        (["hello", "--many", "not-there.jsonl"], 2, "not-there.jsonl can't be read"),
        (["nobody", "--many", __file__], 3, "nobody"),
        (["hello", "{}", "--many", __file__, "--id", "a"], 2, "--many takes each payload from its file"),
        (["hello", "--many", __file__, "--delay", "5", "--queue", "nowhere"], 2, "nowhere"),
    ],
)
def test_what_is_wrong_with_all_lines_is_said_once(
    zigzag: Any, queue_url: str, options: list[str], code: int, says: str
) -> None:
    found, out, err = zigzag("send", *options)

    assert (found, out, len(err.splitlines())) == (code, "", 1)
    assert says in err


def test_a_queue_that_takes_nothing_ends_it_and_what_was_sent_is_told(
    zigzag: Any, queue_url: str, tmp_path: Path
) -> None:
    file = lines(tmp_path, *['{"name": "a"}'] * 5_000)

    code, out, err = zigzag("send", "hello", "--many", file, "--queue", f"{queue_url}-gone")

    assert code == 2
    assert out.startswith("sent 0 of ")
    assert err.splitlines()[-1].startswith("zigzag: the queue took nothing of 10 batches in a row (")
