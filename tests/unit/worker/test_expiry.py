"""When is it too late for a first start, and is that so only for a message that has never started?"""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.support import NOW, a_delivery, body_of, text
from tests.unit.worker.conftest import Bench, note

from shared.dead_letter import Cause, compose
from shared.delivery import Delivery
from shared.lease import Lease
from worker.decode import decode
from worker.expiry import expire
from worker.outcome import Attempt, DeadLetter
from zigzag import Backoff, Context, task
from zigzag.body import BadMessageError
from zigzag.policy import Policy

RELATIVE = "expired: received 61 s after it was due, and its start_within is 60 s"
ABSOLUTE = "expired: received 31 s after its expires_at, 2027-01-15 08:00:30 UTC"


def decided(
    late: float, within: float | None = 60, *, started: bool = False, noted: Any = None, **more: Any
) -> str | None:
    """Returns the reason of a message that is received so many seconds after it was sent; None if it runs."""
    system = {"SentTimestamp": str(int(NOW * 1000)), "MessageGroupId": "g"}
    attributes = {} if noted is None else {"zigzag": text(json.dumps(noted))}
    lease = Lease.taken(NOW + late)
    delivery = a_delivery(body_of("t", **more), attributes=attributes, lease=lease, system=system)
    attempt = Attempt(1, "t", "id-1", Policy(start_within=within))
    attempt.started = started
    expire(attempt, delivery, decode(delivery))
    assert attempt.bounded == (attempt.expired is None and not started and "message_id" not in (noted or {}))
    return attempt.expired.cause.reason if isinstance(attempt.expired, DeadLetter) else None


@pytest.mark.parametrize(
    ("reason", "late", "more"),
    [
        pytest.param(None, 60, {}, id="received in time"),
        pytest.param(RELATIVE, 60.2, {}, id="a moment too late"),
        pytest.param(None, 61, {"started": True}, id="it has started"),
        pytest.param(None, 160, {"delay_seconds": 100}, id="due after its delay"),
        pytest.param(RELATIVE, 161, {"delay_seconds": 100}, id="too late after its delay"),
        pytest.param(RELATIVE, 61, {"delay_seconds": "100"}, id="a delay that SQS would not take"),
        pytest.param(None, 29, {"expires_at": NOW + 30}, id="before its own end"),
        pytest.param(ABSOLUTE, 61, {"expires_at": NOW + 30}, id="its own end, the earlier one"),
        pytest.param(RELATIVE, 61, {"expires_at": NOW + 90}, id="its task's end, the earlier one"),
        pytest.param(ABSOLUTE, 61, {"expires_at": NOW + 30, "within": None}, id="its own end alone"),
        pytest.param(RELATIVE, 61, {"expires_at": None}, id="null is no end"),
        pytest.param(None, 61, {"noted": {"message_id": "m-0", "attempts": 2}}, id="redriven, had started"),
        pytest.param(None, 61, {"noted": {"message_id": "m-0"}}, id="redriven, nobody knows"),
        pytest.param(RELATIVE, 61, {"noted": "a sender's own"}, id="never redriven"),
    ],
)
def test_what_expires(reason: str | None, late: float, more: dict[str, Any]) -> None:
    assert decided(late, **more) == reason


@pytest.mark.parametrize(("before", "told"), [({}, None), ({"attempts": 0}, 0), ({"attempts": 2}, None)])
def test_a_redriven_message_that_is_given_up_without_a_start_had_started_as_before(
    before: dict[str, int], told: int | None
) -> None:
    attributes = {"zigzag": text(json.dumps({"message_id": "m-0", **before}))}
    delivery = Delivery({"MessageId": "m-1", "Body": "{}", "MessageAttributes": attributes})

    letter = compose(delivery, Cause("not started"), 0.0)

    assert json.loads(letter.attributes["zigzag"]["StringValue"]).get("attempts") == told


def test_a_letter_that_never_started_may_expire_again_once_it_is_redriven() -> None:
    delivery = a_delivery(
        body_of("t", expires_at=NOW),
        attributes={"zigzag": text('{"message_id": "m-0", "attempts": 0}')},
        lease=Lease.taken(NOW + 1),
    )
    attempt = Attempt(1, "t", "id-1")
    expire(attempt, delivery, decode(delivery))

    assert attempt.expired is not None


@pytest.mark.parametrize(("first", "expires"), [(60, False), (61, True), (None, False)])
def test_without_a_lease_the_first_receive_counts(first: int | None, expires: bool) -> None:
    known = {} if first is None else {"ApproximateFirstReceiveTimestamp": str(int((NOW + first) * 1000))}
    delivery = a_delivery(body_of("t", expires_at=NOW + 60), system=known)
    attempt = Attempt(1, "t", "id-1")
    expire(attempt, delivery, decode(delivery))

    assert (attempt.expired is not None) == expires


@pytest.mark.parametrize("bad", ["2027-01-15T08:00:00Z", True, 0, -1, 1_800_000_000_000, {}], ids=str)
def test_an_expires_at_that_is_no_time_is_a_bad_message(bad: Any) -> None:
    with pytest.raises(BadMessageError, match="it must be epoch seconds, such as 1767225600"):
        decode(a_delivery(body_of("t", expires_at=bad)))


@pytest.mark.parametrize(
    "bad",
    [{"start_within": 0}, {"start_within": True}, {"start_within": 15 * 86_400}, {"on_expiry": "notify"}],
    ids=str,
)
def test_a_policy_says_what_it_takes(bad: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="; it may be "):
        Policy(**bad)


def sent(bench: Bench, does: dict[str, Any] | None = None, *, policy: Any = None, **more: Any) -> None:
    """Sends a message to a task `brief`, which has a minute for its first start."""

    settings: dict[str, Any] = {"attempts": 3, "backoff": Backoff(first=1, longest=1), "start_within": 60}

    @task(**settings | (policy or {}))
    async def brief(payload: dict[str, Any], context: Context) -> None:
        await bench._obey(payload, context)

    bench.table["brief"] = brief
    options = (
        {"group": "g", "deduplication_id": f"d{bench.seconds()}"} if bench.queue.url.endswith(".fifo") else {}
    )
    bench.send(body_of("brief", does or {}, **more), **options)


def later(bench: Bench) -> list[str]:
    """Returns the outcomes an hour later."""
    bench.pass_time(3600)
    return bench.outcomes(bench.receive())


def test_an_expired_message_never_starts_and_its_letter_says_why(bench: Bench) -> None:
    sent(bench, policy={"on_failure": "notify"})

    assert (later(bench), bench.began, len(bench.queue)) == (["dead-letter"], [], 0)
    told = note(bench)
    assert told["reason"] == "expired: received 3,600 s after it was due, and its start_within is 60 s"
    assert (told["attempts"], told.get("on_failure")) == (0, None)


def test_it_is_deleted_if_its_task_says_so(bench: Bench) -> None:
    sent(bench, policy={"on_expiry": "ignore"})

    assert (later(bench), bench.began, len(bench.queue)) == (["ignored"], [], 0)
    assert not bench.dead_letters.messages


def test_a_start_is_recorded_before_the_task_and_not_a_second_time(bench: Bench) -> None:
    sent(bench, {"raises": True})
    bench.work(*bench.receive())

    assert bench.records.calls == ["allow", "count"]
    assert (later(bench), len(bench.began), bench.records.calls[2:]) == (["retry later"], 2, ["count"])


def test_a_message_whose_first_start_killed_its_process_runs_however_late(bench: Bench) -> None:
    sent(bench, {"crashes": True})
    bench.crash(*bench.receive())
    bench.pass_time(3600)
    bench.crash(*bench.receive())

    assert len(bench.began) == 2


def test_a_start_that_was_no_attempt_was_one_nevertheless(bench: Bench) -> None:
    sent(bench, {"n": 0, "seconds": 80})
    sent(bench, {"n": 1, "seconds": 40})
    reports = bench.work(*bench.receive(), seconds_left=100)

    assert "no attempt, behind others of its batch" in (reports[1].reason or "")
    assert later(bench) == ["succeeded"]


def test_a_message_that_was_received_and_never_started_expires(bench: Bench) -> None:
    sent(bench)
    bench.receive()

    assert (later(bench), bench.began) == (["dead-letter"], [])


def test_a_key_function_that_fails_is_no_start_of_a_message_that_has_expired(bench: Bench) -> None:
    fails = [True, False]

    def key(payload: dict[str, Any]) -> str:
        if fails and fails.pop(0):
            raise ConnectionError("for a moment")
        return "k"

    sent(bench, policy={"attempts": 20, "idempotent": key})
    bench.receive()

    assert (later(bench), later(bench), bench.began) == (["retry later"], ["dead-letter"], [])


def test_without_its_record_a_first_start_waits(bench: Bench) -> None:
    sent(bench)
    bench.records.broken = {"allow", "count", "excuse"}
    (report,) = bench.work(*bench.receive())
    bench.records.broken = set()

    assert (report.outcome, report.reason, bench.began) == (
        "retry later",
        "not started: its first start can't be recorded: allow is broken",
        [],
    )
    bench.pass_time(report.retry_seconds or 0)
    assert bench.outcomes(bench.receive()) == ["succeeded"]


def test_what_is_done_already_never_expires(bench: Bench) -> None:
    for _ in range(2):
        sent(bench, policy={"idempotent": True}, id="id-1")
    first, _ = bench.receive()
    bench.work(first)
    bench.pass_time(3600)

    assert bench.outcomes(bench.receive()) == ["already done"]
    assert len(bench.began) == 1


def test_an_idempotent_one_expires_once_nobody_runs_its_id(bench: Bench) -> None:
    sent(bench, policy={"idempotent": True, "attempts": 30})
    bench.receive()
    bench.dead_letters.broken = {"send"}
    bench.records.broken = {"conclude"}

    assert [later(bench), later(bench)] == [["dead-letter"]] * 2
    assert (bench.began, "allow" in bench.records.calls) == ([], False)


def test_in_a_group_the_next_one_starts_after_one_that_expires(fifo: Bench) -> None:
    sent(fifo, {"n": 0})
    fifo.pass_time(120)
    sent(fifo, {"n": 1})

    assert fifo.outcomes(fifo.receive()) == ["dead-letter", "succeeded"]


def test_without_a_queue_nothing_expires(bench: Bench) -> None:
    sent(bench)
    late = a_delivery(body_of("brief", expires_at=1), lease=Lease.taken(NOW), ReceiptHandle=None)

    assert bench.outcomes([late]) == ["succeeded"]
