"""Foreign senders: what becomes of each body on docs/foreign-senders.md, and of what EVENTS says."""

from __future__ import annotations

import base64
import gzip
import json
import logging
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support import NOW, a_delivery, body_of, text

import tasks
from shared.dead_letter import Cause, compose
from shared.lease import Lease
from worker.decode import Message, NothingToDoError, decode
from worker.foreign.lines import line_of
from worker.foreign.senders import MAX_ENVELOPES
from worker.lookup import BrokenTaskError
from zigzag import task
from zigzag.body import BadMessageError
from zigzag.extra.pointers import written
from zigzag_testing import Sandbox

PAGE = Path(__file__).parents[3] / "docs" / "foreign-senders.md"

EVENTS = {
    "s3": "import_file",
    "s3:archive": "index_archive",
    "eventbridge:aws.ec2": "note_instance",
    "eventbridge:aws.ec2:EC2 Spot Instance Interruption Warning": "leave_instance",
    "eventbridge:aws.scheduler": "clean_up",
    "alarm": "call_somebody",
    "sns": "note",
    "sns:orders": "note_order",
    "celery:shop.resize": "resize_image(key, width)",
}


@pytest.fixture(autouse=True)
def events(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Stands in for the user's EVENTS; a test may change it."""
    mine: dict[str, Any] = dict(EVENTS)
    monkeypatch.setattr(tasks, "EVENTS", mine, raising=False)
    return mine


def b64(content: str | bytes) -> str:
    return base64.b64encode(content.encode() if isinstance(content, str) else content).decode()


def s3(*keys: str, bucket: str = "in") -> dict[str, Any]:
    return {
        "Records": [
            {"eventSource": "aws:s3", "s3": {"bucket": {"name": bucket}, "object": {"key": key}}}
            for key in keys
        ]
    }


def sns(message: Any, topic: str = "news", **more: Any) -> str:
    said = message if isinstance(message, str) else json.dumps(message)
    arn = f"arn:aws:sns:us-east-1:123456789012:{topic}"
    envelope = {"Type": "Notification", "MessageId": "sns-1", "TopicArn": arn, "Message": said}
    return json.dumps({**envelope, **more})


def typed(kind: str, value: Any) -> dict[str, Any]:
    """Returns a value as kombu marks it."""
    return {"__type__": kind, "__value__": value}


def celery(
    args: Any = ("cat.png",),
    kwargs: Any = None,
    embed: Any = None,
    *,
    headers: dict[str, Any] | None = None,
    content: Any = None,
    **more: Any,
) -> str:
    """Returns a call as kombu writes it, before the base64 around it."""
    body = [list(args), {"width": 100} if kwargs is None else kwargs, embed or {}]
    named = {"task": "shop.resize", "id": "c-1", "eta": None, "expires": None, **(headers or {})}
    message = {
        "body": b64(json.dumps(body if content is None else content)),
        "content-encoding": "utf-8",
        "content-type": "application/json",
        "headers": named,
        "properties": {"body_encoding": "base64", "reply_to": "r-1"},
    }
    return json.dumps({**message, **more})


SPOT = "EC2 Spot Instance Interruption Warning"
EC2 = {
    "id": "e-1",
    "source": "aws.ec2",
    "detail-type": "EC2 Instance State-change",
    "detail": {"state": "on"},
}
NIGHT = {"id": "e-2", "source": "aws.scheduler", "detail-type": "Scheduled Event", "detail": "{}"}
TEST = {"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "in"}
ALARM = {"AlarmName": "late", "NewStateValue": "ALARM", "StateChangeTime": "2027-01-01T00:00:00.000+0000"}
RESIZED = Message("resize_image", {"key": "cat.png", "width": 100}, "c-1")
NOTHING = "nothing to do"
LATER = "2027-01-15T08:30:00+00:00"  # half an hour after NOW
EARLIER = "2027-01-15T07:30:00"

# Each row of the page: its body, and the message, or "" for a reason that the row itself has.
ROWS: dict[str, tuple[str, Any]] = {
    "an event of S3": (json.dumps(s3("a.csv", "b.csv")), Message("import_file", s3("a.csv", "b.csv"), "m-1")),
    "a key with a space, as `+`": (json.dumps(s3("a+b/%C3%BC")), Message("import_file", s3("a b/ü"), "m-1")),
    "a key that is not UTF-8": (json.dumps(s3("SECRET%FF")), ""),
    "S3's test event": (json.dumps(TEST), NOTHING),
    "S3's test event by SNS": (sns(TEST), NOTHING),
    "an event of S3 by SNS": (sns(s3("a+b")), Message("import_file", s3("a b"), "sns-1")),
    "a message of yours by SNS, not raw": (
        sns({"task": "t", "payload": {"a": 1}}),
        Message("t", {"a": 1}, "sns-1"),
    ),
    "a plain text by SNS": (sns("valid"), Message("note", json.loads(sns("valid")), "sns-1")),
    "a bounce of SES by SNS": (
        sns({"mail": {}, "notificationType": "Bounce"}),
        Message("note", json.loads(sns({"mail": {}, "notificationType": "Bounce"})), "sns-1"),
    ),
    "a bounce of SES by SNS, raw": ('{"mail": {"a": "SECRET"}, "notificationType": "Bounce"}', ""),
    "an alarm by SNS": (sns(ALARM), Message("call_somebody", ALARM, "sns-1")),
    "SNS's request to confirm": (sns("SECRET", Type="SubscriptionConfirmation", Token="SECRET"), ""),
    "an event of EventBridge": (json.dumps(EC2), Message("note_instance", EC2, "e-1")),
    "an event of EventBridge Scheduler, whose `detail` is a text": (
        json.dumps(NIGHT),
        Message("clean_up", NIGHT, "e-2"),
    ),
    "what a transformer made one text": (json.dumps('{"Key": "SECRET"}'), ""),
    "Celery's JSON in base64": (b64(celery()), RESIZED),
    "Celery's JSON without base64": (celery(), RESIZED),
    "Celery's pickle": (b64(celery(**{"content-type": "application/x-python-serialize"})), ""),
    "Celery's countdown": (b64(celery(headers={"eta": LATER})), ""),
    "a message of PyQS": ('{"task": "t", "args": [1], "kwargs": {"a": 1}}', Message("t", {}, "m-1")),
    "a job of Laravel": (r'{"job": "Illuminate\\Queue\\CallQueuedHandler@call", "data": {}}', ""),
    "a job of ActiveJob": ('{"job_class": "SECRET", "arguments": []}', ""),
    "a job of Sidekiq": ('{"class": "SECRET", "args": [1], "jid": "a1"}', ""),
    "a CloudEvent": ('{"specversion": "1.0", "type": "SECRET", "source": "/a", "id": "1", "data": {}}', ""),
    "JSON that is made JSON twice": (json.dumps(body_of("SECRET")), ""),
    "a byte order mark before it": ("\ufeff" + body_of("SECRET"), ""),
    "gzip in base64": (b64(gzip.compress(body_of("t").encode(), mtime=0)), ""),
    "protobuf in base64": (b64(b"\x08\x96\x01\x12\x07\xff\xfe"), ""),
    "JSON of ours in base64": (b64(body_of("t", {"a": 1}, id="i-1")), Message("t", {"a": 1}, "i-1")),
    "an array": (json.dumps([{"task": "SECRET"}]), ""),
    "a number alone": ("861969468", ""),
    "a text alone": ("SECRET", ""),
    "`[object Object]`": ("[object Object]", ""),
    "NaN": ('{"task": "t", "payload": {"a": NaN}}', ""),
    "a number beyond 2⁵³": (body_of("t", {"a": 2**63}), Message("t", {"a": 2**63}, "m-1")),
    "a null character, escaped": (
        r'{"task": "t", "payload": {"a": "\u0000"}}',
        Message("t", {"a": "\0"}, "m-1"),
    ),
    "half an emoji": (r'{"task": "t", "payload": {"a": "\ud83d"}}', Message("t", {"a": "\ud83d"}, "m-1")),
    "a key twice": ('{"task": "t", "payload": {"a": 1, "a": 2}}', Message("t", {"a": 2}, "m-1")),
}

ON_THE_PAGE = dict(
    re.findall(r"^\| (.+?) \| (.+?) \| \[.+\]\(https://github.com/.+\) \|$", PAGE.read_text(), re.M)
)


def received(body: str, **delivery: Any) -> Any:
    return decode(a_delivery(body, lease=Lease.taken(NOW), **delivery))


def refusal(body: str, **delivery: Any) -> str:
    with pytest.raises(BadMessageError) as caught:
        received(body, **delivery)
    assert "SECRET" not in str(caught.value)
    return str(caught.value)


def test_the_page_has_a_row_for_each_of_these_bodies_and_no_other() -> None:
    assert list(ON_THE_PAGE) == list(ROWS)


@pytest.mark.parametrize("row", ROWS)
def test_a_body_becomes_what_its_row_says(row: str) -> None:
    body, becomes = ROWS[row]
    if isinstance(becomes, Message):
        assert received(body) == becomes
        assert ON_THE_PAGE[row].startswith("a task")
    elif becomes == NOTHING:
        with pytest.raises(NothingToDoError):
            received(body)
        assert ON_THE_PAGE[row].startswith("nothing")
    else:
        assert ON_THE_PAGE[row].strip("`") in refusal(body)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param(json.dumps(s3("k", bucket="archive")), "index_archive", id="a bucket"),
        pytest.param(json.dumps({**EC2, "detail-type": SPOT}), "leave_instance", id="a detail-type"),
        pytest.param(sns("x", topic="orders"), "note_order", id="a topic"),
        pytest.param(sns(EC2, topic="orders"), "note_instance", id="not the topic of what is recognised"),
        pytest.param(sns({"a": 1}, topic="orders"), "note_order", id="of JSON that nobody knows"),
        pytest.param(sns(sns(ALARM)), "call_somebody", id="twice wrapped"),
        pytest.param(sns(b64(celery())), "resize_image", id="of Celery by SNS"),
        pytest.param(
            sns(ALARM, MessageAttributes={"task": {"Type": "Binary", "Value": "dA=="}}),
            "call_somebody",
            id="not an attribute that is no text",
        ),
        pytest.param(
            sns('{"a": 1}', MessageAttributes={"task": {"Type": "String", "Value": "t"}}),
            "t",
            id="its attribute",
        ),
    ],
)
def test_the_line_that_says_the_most_counts(body: str, expected: str) -> None:
    assert received(body).task == expected


class TestLines:
    """EVENTS, which a person wrote."""

    @pytest.mark.parametrize(
        ("body", "wanted"),
        [
            (json.dumps(s3("SECRET")), '`"s3": "your_task"`'),
            (sns("SECRET"), '`"sns": "your_task"`'),
            (json.dumps({**EC2, "detail": {"a": "SECRET"}}), '`"eventbridge": "your_task"`'),
            (sns(ALARM), '`"sns": "your_task"`'),
            (celery(["SECRET"]), '`"celery:ITS NAME": "your_task"`'),
        ],
    )
    def test_a_body_without_a_line_is_refused_with_the_line_to_write(
        self, events: dict[str, Any], body: str, wanted: str
    ) -> None:
        events.clear()

        assert wanted in refusal(body)
        assert refusal(body).startswith("the body names no task")

    def test_an_earlier_versions_table_has_no_lines(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delattr(tasks, "EVENTS")

        assert "write" in refusal(json.dumps(s3("k")))

    @pytest.mark.parametrize("line", [5, "", "two words", "import_file(key)", ["a"]])
    def test_a_line_that_cant_be_read_may_be_repaired_by_a_deployment(
        self, events: dict[str, Any], line: Any
    ) -> None:
        events["s3"] = line

        with pytest.raises(BrokenTaskError, match="'s3' may lead to a task's name"):
            received(json.dumps(s3("k")))

    def test_lines_that_are_none_use_up_no_attempt(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(tasks, "EVENTS", None, raising=False)
        with Sandbox({}) as sandbox:
            sandbox.send_message(json.dumps(s3("k")))
            sandbox.run_for(600)

        assert {one.outcome for one in sandbox.reports} == {"retry later"}

    @pytest.mark.parametrize("key", ["S3", "celery", "aws.ec2", ""])
    def test_a_key_that_nothing_has_is_found_before_a_deployment(self, key: str) -> None:
        with pytest.raises(BrokenTaskError, match="is none of s3, sns, eventbridge, alarm, celery:ITS NAME"):
            line_of(key, "t")


class TestCelery:
    """A call is run as it was meant, or refused."""

    @pytest.mark.parametrize(
        ("body", "payload"),
        [
            pytest.param(celery([], {"a": 1}), {"a": 1}, id="all by name"),
            pytest.param(celery(["k", 5], {}), {"key": "k", "width": 5}, id="none by name"),
            pytest.param(
                celery(
                    [[typed("decimal", "1.50")]], {"at": {"id": typed("uuid", {"hex": "0f", "version": 4})}}
                ),
                {"key": ["1.50"], "at": {"id": "0f"}},
                id="with kombu's types",
            ),
            pytest.param(celery(headers={"eta": EARLIER}), RESIZED.payload, id="a countdown that has come"),
            pytest.param(celery(headers={"retries": 2, "group": "g"}), RESIZED.payload, id="a retry"),
        ],
    )
    def test_its_arguments_are_the_payload(self, body: str, payload: dict[str, Any]) -> None:
        assert received(b64(body)) == Message("resize_image", payload, "c-1")

    @pytest.mark.parametrize(
        ("expires", "at"),
        [(EARLIER, NOW - 1800), pytest.param("0001-01-01T00:00:00+02:00", 0, id="before the year 1")],
    )
    def test_its_expiry_is_the_messages(self, expires: str, at: float) -> None:
        assert received(b64(celery(headers={"expires": expires}))).expires_at == at

    @pytest.mark.parametrize(
        ("body", "says"),
        [
            (celery([1, 2, 3]), "3 arguments without a name, and its line in EVENTS names 2"),
            (celery(["SECRET"], {"key": "SECRET"}), "the argument key twice"),
            *(
                (celery(embed={part: ["SECRET"]}), f"`{part}`")
                for part in ("callbacks", "errbacks", "chain", "chord")
            ),
            (celery(headers={"expires": "SECRET"}), "its `expires` is no time"),
            (celery(headers={"eta": "SECRET"}), "its `eta` is no time"),
            (celery(headers={"compression": "zlib"}), "it is compressed"),
            (celery(headers={"task": None}), "it names no task"),
            (celery(content={"task": "shop.resize", "id": "c-1", "args": []}), "protocol 1"),
            (celery(content="SECRET"), "its content is a text"),
            (celery([], {"a": typed("base64", "SECRET")}), "a value of the type 'base64'"),
            (celery(**{"content-encoding": "binary"}), "its content is not in UTF-8"),
            (celery(body="SECRET!"), "its content can't be read"),
        ],
    )
    def test_of_a_call_that_would_lose_a_part_the_reason_is_said(self, body: str, says: str) -> None:
        assert says in refusal(b64(body))

    def test_without_a_lease_a_countdown_is_compared_with_the_first_receive(self) -> None:
        system = {"ApproximateFirstReceiveTimestamp": str(int(NOW * 1000))}

        assert decode(a_delivery(celery(headers={"eta": EARLIER}), system=system)) == RESIZED


class TestBounds:
    """A hostile sender can't make the look-up long, deep or loud."""

    def test_no_more_envelopes_than_two_are_opened(self) -> None:
        body = sns("x")
        for _ in range(MAX_ENVELOPES):
            body = sns(body)

        assert "within 2 others" in refusal(body)

    @pytest.mark.parametrize("filler", [" ", "A", "a=", "\n", "+", "=", "<", "[", '"', "H4sI"])
    def test_a_megabyte_is_read_once_and_not_from_each_of_its_characters(self, filler: str) -> None:
        refusal(filler * (1_000_000 // len(filler)) + "!")  # by the square of the length it takes hours

    @pytest.mark.parametrize(
        ("body", "says"),
        [
            (sns(written("large", "SECRET")), "set RawMessageDelivery"),
            (sns(" " + written("large", "SECRET"), topic="orders"), "set RawMessageDelivery"),
            ('{"s3BucketName": "SECRET", "s3Key": "SECRET"}', "the form of the SQS extended client"),
        ],
    )
    def test_a_pointer_that_is_not_read_is_no_payload(self, body: str, says: str) -> None:
        assert says in refusal(body)

    def test_a_key_of_a_record_may_be_anything(self) -> None:
        event = {"Records": [{"eventSource": "aws:s3", "s3": {"object": {"key": 5}}}]}

        assert "it seems to be an event for a function" in refusal(json.dumps(event))

    def test_depth_and_numbers_are_bounded_in_an_envelope_as_well(self) -> None:
        assert "nested too deeply" in refusal(sns("[" * 100_000))
        assert "too large" in refusal(b64(celery(body=b64('[[], {"a": 1e999}, {}]'))))


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=9,
)


@settings(deadline=None)
@given(st.sampled_from([s3("k"), EC2, ALARM, TEST, json.loads(sns("x")), json.loads(celery())]), st.data())
def test_whatever_a_part_of_an_event_is_it_is_a_message_or_refused(
    event: dict[str, Any], data: st.DataObject
) -> None:
    changed = json.loads(json.dumps(event))
    place = changed
    while isinstance(place[key := data.draw(st.sampled_from(sorted(place)))], dict) and place[key]:
        if data.draw(st.booleans()):
            break
        place = place[key]
    place[key] = data.draw(JSON)
    body = data.draw(st.sampled_from([str, b64, sns]))(json.dumps(changed))

    try:
        assert isinstance(received(body), Message)
    except (BadMessageError, NothingToDoError) as error:
        str(error).encode()  # the dead letter's reason


def test_after_a_redrive_the_id_is_that_of_the_first_time() -> None:
    before = a_delivery(json.dumps(s3("k")))
    letter = compose(before, Cause("failed", id="m-1"), NOW)

    assert decode(a_delivery(letter.body, attributes=letter.attributes, MessageId="m-2")).id == "m-1"


def test_an_attribute_that_names_the_task_is_asked_first() -> None:
    assert received(json.dumps(s3("a+b")), attributes={"task": text("t")}) == Message("t", s3("a+b"), "m-1")


@pytest.mark.parametrize(
    "delivery",
    [
        {"attributes": {"task": text("t")}},
        {"attributes": {"task": text("t")}, "body": '{"task": ["SECRET"]}'},
        {"attributes": {"zigzag": text(json.dumps({"displaced": {"task": text("t")}}))}},
        {"body": sns({"task": "SECRET"}, MessageAttributes={"task": {"Type": "String", "Value": "t"}})},
    ],
    ids=["on the message", "of an array", "displaced by a note", "in an envelope of SNS"],
)
def test_an_attribute_names_no_other_task_than_the_body(delivery: dict[str, Any]) -> None:
    said = {"body": json.dumps({"task": "SECRET", "payload": {}}), **delivery}

    assert "the attribute `task` and the body's own `task` differ" in refusal(**said)


@pytest.mark.parametrize("own", ["t", 5, None])
def test_a_payloads_own_key_that_names_no_other_task_is_one(own: Any) -> None:
    assert received(json.dumps({"task": own}), attributes={"task": text("t")}).payload == {"task": own}


def test_an_event_of_s3_runs_its_task_once_and_its_test_event_none(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    ran: list[str] = []

    @task(idempotent=True)
    def import_file(payload: dict[str, Any]) -> None:
        ran.append(payload["Records"][0]["s3"]["object"]["key"])

    with Sandbox({"import_file": import_file}) as sandbox:
        sandbox.send_message(json.dumps(TEST))
        for _ in range(2):  # SNS delivers at least once
            sandbox.send_message(sns(s3("a+b")))
        sandbox.run()

    assert ran == ["a b"]
    assert [report.outcome for report in sandbox.reports if report.settled][-1] == "already done"
    assert sandbox.dead_letters == []
    assert "nothing to do: S3 tests whether it may send here, s3:TestEvent" in caplog.messages
