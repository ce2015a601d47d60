"""`./zigzag dead-letters` and its `show`, on an account of moto's: in 80 columns, and as JSON."""

from __future__ import annotations

import itertools
import json
import re
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from tests.project.docs.pages import ROOT
from tests.project.docs.patterns import Command, prints, read
from tests.stacks import deployed, no_poll_waits, queue

from zigzag_cli import dead_letters, filters

NOW = 1_800_000_000.0
LONG = "send_the_welcome_mail_to_everybody_who_has_joined_since_yesterday"
TRACEBACK = """Traceback (most recent call last):
  File "/var/task/worker/process.py", line 3, in run
    function()
  File "/var/task/tasks/crawl_page.py", line 12, in crawl_page
    fetch(url)
  File "/opt/python/lib/python3.13/site-packages/httpx/_api.py", line 9, in get
    raise error
    ^^^^^
  File "<frozen importlib._bootstrap>", line 1, in x
zigzag.errors.Reject: the server answered 404
"""


@pytest.fixture
def letters(account: None, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Writes letters into the stack's dead-letter queue."""
    numbers = itertools.count()
    no_poll_waits(monkeypatch)
    monkeypatch.setattr(dead_letters, "time", lambda: NOW)
    monkeypatch.setattr(filters, "time", lambda: NOW)
    monkeypatch.setenv("COLUMNS", "80")
    outputs, sqs = deployed(queue(), queues={"default": 1, "orders": 1}, fifo="orders"), boto3.client("sqs")

    def write(
        reason: str | None, task: str | None = None, ago: float = 0, *, fifo: str = "", **note: Any
    ) -> str:
        said = {"reason": reason, "task": task, "moved": NOW - ago, "attempts": 3, **note}
        text = {"DataType": "String", "StringValue": json.dumps(said)}
        more = {"MessageGroupId": fifo, "MessageDeduplicationId": str(next(numbers))} if fifo else {}
        answer = sqs.send_message(
            QueueUrl=outputs["OtherDeadLetterQueueUrl" if fifo else "DeadLetterQueueUrl"],
            MessageBody=json.dumps({"secret": task}),
            MessageAttributes={"zigzag": text} if reason else {},
            **more,
        )
        return str(answer["MessageId"])

    return write


@pytest.fixture
def some(letters: Callable[..., str]) -> None:
    """Writes fourteen letters of four groups."""
    for number in range(11):
        letters(
            f"rejected: the server answered {400 + number}",
            "crawl_page",
            12 + 100 * number,
            id=f"page-{number}",
            message_id=f"first-{number}",
            error="Reject: the server answered",
            traceback=TRACEBACK,
        )
    letters("failed after 3 attempts: OSError: \x1b[2J\nno disk", LONG, 7200)
    letters("failed after 3 attempts: ValueError: 'x'", "pay", 3 * 86_400)
    letters(None)


def test_groups_are_shown_in_80_columns(zigzag: Any, some: None) -> None:
    code, out, _ = zigzag("dead-letters")

    assert code == 0
    lines = [line.rstrip() for line in out.splitlines()]
    assert max(map(len, lines)) <= 80
    assert lines[0].startswith("14 dead letters in 4 groups · read in ")
    assert lines[1].split() == ["group", "n", "task", "reason", "last", "first"]
    assert " ".join(lines[2].split()) == "40791837 11 crawl_page rejected: the server 12 s 17 m"
    task = slice(lines[1].index("task"), lines[1].index("reason"))
    assert LONG in "".join(line[task].strip() for line in lines)
    assert "\\x1b[2J\\nno disk" in out
    assert "unknown" in out
    assert lines[-2:] == [
        "  ./zigzag dead-letters show 40791837",
        "  ./zigzag dead-letters redrive 40791837 --dry-run",
    ]


def test_the_first_hundred_are_told_while_it_reads_on(zigzag: Any, letters: Any) -> None:
    for number in range(104):
        letters("no", "pay" if number % 13 else "ship", 12)

    _, out, err = zigzag("dead-letters")

    assert out.startswith("104 dead letters in ")
    assert re.search(
        r"^zigzag: of the first 100: \d+ in [0-9a-f]{8} \(.+\); reading on …$", err, re.MULTILINE
    )
    assert "of the first" not in zigzag("dead-letters", "--json")[2]


def test_json_is_only_json_with_real_ids(zigzag: Any, some: None) -> None:
    told = json.loads(zigzag("dead-letters", "--json", "--task", "crawl_page")[1])

    assert (told["matched"], told["look"]["seen"], told["look"]["about"]) == (11, 14, 14)
    (group,) = told["groups"]
    assert group == {
        "group": "40791837",
        "letters": 11,
        "tasks": {"crawl_page": 11},
        "reason": "rejected: the server answered 400",
        "id": "page-0",
        "message_id": "first-0",
        "first": NOW - 1012,
        "last": NOW - 12,
    }


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--task", "pay", "40791837"], "no dead letter matches: 14 were seen"),
        (["show", "--id", "nobody's"], "no dead letter matches: 14 were seen"),
        (["shown"], "'shown' is no group: its name has 8 hex digits, such as 7c1e93aa"),
        (["show"], "name a group, as `./zigzag dead-letters` shows them, or a filter"),
        (["--since", "yesterday"], "'yesterday' is no time: write 90s, 30min, 6h or 2d ago"),
        (["--since", "1000000d"], "'1000000d' is no time: write 90s"),
        (["--reason", ""], "the reason is empty: give some text, or leave it out"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_can_not_be_shown_is_2_and_a_sentence(
    zigzag: Any, some: None, arguments: list[str], said: str
) -> None:
    code, out, err = zigzag("dead-letters", *arguments)

    assert (code, out) == (2, "")
    assert said in err


def test_a_group_is_shown_newest_first_without_payload(zigzag: Any, some: None) -> None:
    code, out, _ = zigzag("dead-letters", "show", "40791837", "--limit", "2")

    assert code == 0
    letter = """
crawl_page  page-0
  died      2027-01-15 07:59:48 UTC, 12 s ago
  group     40791837
  attempts  3
  reason    rejected: the server answered 400
  error     Reject: the server answered
  message   first-0
    Traceback (most recent call last):
      … 1 frame of libraries
      File "/var/task/tasks/crawl_page.py", line 12, in crawl_page
        fetch(url)
      … 2 frames of libraries
    zigzag.errors.Reject: the server answered 404
"""
    assert out.startswith("2 of 11 dead letters, the newest first\n" + letter + "\ncrawl_page  page-1\n")
    assert "secret" not in out
    assert 'payload   {"secret": "crawl_page"}' in zigzag("dead-letters", "show", "40791837", "--payload")[1]
    told = json.loads(zigzag("dead-letters", "show", "--id", "page-3", "--json")[1])
    assert [(one["message_id"], one["body"]) for one in told["letters"]] == [("first-3", None)]


def test_control_characters_are_shown_as_such(zigzag: Any, some: None) -> None:
    out = zigzag("dead-letters", "show", "--task", LONG)[1]

    assert "reason    failed after 3 attempts: OSError: \\x1b[2J\\nno disk" in out


def test_without_letters_it_says_so(zigzag: Any, letters: Any) -> None:
    code, out, _ = zigzag("dead-letters")

    assert code == 0
    assert out.startswith("no dead letters · read in ")


def test_the_queue_of_the_other_kind_is_read_and_its_groups_heads_only(zigzag: Any, letters: Any) -> None:
    letters("rejected: no", "pay")
    letters("rejected: no", "pay", fifo="a")

    out = zigzag("dead-letters")[1]

    assert out.startswith("2 dead letters in 1 group · ")
    assert "saw 2 of about 2: of a FIFO queue, a look sees the first ones of each group only" in out


def test_the_page_shows_what_is_printed(zigzag: Any, letters: Any) -> None:
    """The group's name is on the page, and would be another after a change of the rules."""
    reason = "rejected: the bank refuses 500 cents"
    letters(reason, "pay_out", 30, id="payout-9", attempts=1, error="Reject: the bank refuses 500 cents")
    page = read(ROOT / "docs" / "patterns" / "a-person-decides.md")
    commands = [step for step in page.steps if isinstance(step, Command) and "dead-letters" in step.text]

    for command in commands:
        assert prints(command.prints, zigzag(*command.text.split()[1:])[1]), command.text
    assert len(commands) == 2


@pytest.mark.parametrize(("word", "shown"), [("hold", True), ("notify", False)])
def test_a_letter_names_the_task_that_was_sent_to_repair_it(
    zigzag: Any, letters: Any, word: str, shown: bool
) -> None:
    letters("rejected: no such seat", "book", on_failure=word)
    group = json.loads(zigzag("dead-letters", "--json")[1])["groups"][0]["group"]

    assert ("  repair    hold, sent before" in zigzag("dead-letters", "show", group)[1]) is shown


def test_what_is_hidden_is_told(zigzag: Any, some: None, letters: Any) -> None:
    url = boto3.client("sqs").list_queues(QueueNamePrefix="zigzag-DeadLetterQueue")["QueueUrls"][0]
    boto3.client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=3, VisibilityTimeout=600)

    out = zigzag("dead-letters", "--reason", "no")[1]

    assert "\nsaw 11 of about 14: 3 are hidden, by a look or redrive under way\n" in out


def test_a_stack_that_is_not_there_is_1(zigzag: Any, account: None) -> None:
    code, out, err = zigzag("dead-letters", "--json", "--stack", "other")

    assert (code, err) == (1, "")
    assert "there is no stack 'other'" in json.loads(out)["error"]


GREEDY = """
import resource
from zigzag_operate.dead_letters import Filter, _Groups
from zigzag_operate.looking import look

class Queue:
    at = 0
    def get_queue_attributes(self, **asked):
        return {"Attributes": dict.fromkeys(asked["AttributeNames"], "0")}
    def receive_message(self, **asked):
        names = range(self.at, min(100_000, self.at + 10))
        self.at += 10
        return {"Messages": [{"MessageId": f"{n:036}", "ReceiptHandle": f"{n:0412}"} for n in names]}
    def change_message_visibility_batch(self, **asked):
        return {}

def kilobytes():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

queue, first = Queue(), []
before, found = kilobytes(), _Groups(Filter(), None, lambda groups: first.append(queue.at))
look(queue, ["https://sqs.test/letters"], found.each, clock=lambda: 0.0)
print(found.matched, kilobytes() - before, *first)
"""


@pytest.mark.slow
def test_a_look_at_a_hundred_thousand_letters_takes_64_mb_at_most() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", GREEDY],
        env={"PYTHONPATH": "src:tools"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )

    seen, kilobytes, first = map(int, ran.stdout.split())
    assert (seen, first) == (100_000, 100)
    assert kilobytes < 64 * 1024
