"""`send_many`: batches, results, other tries, and every way to end."""

from __future__ import annotations

import gc
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from pydantic import BaseModel
from tests.support import QUEUE_URL, World

from shared.ports.batches import Fate, Unsent
from shared.ports.objects import ObjectsError
from shared.ports.queue import Outgoing
from shared.ports.workers import Meaning
from zigzag import SendError, delivering, remote, send, sending, task
from zigzag.calls import Calls
from zigzag.cutting import MAX_BATCH_BYTES, Entry, cut
from zigzag.many import Preparing
from zigzag.many import sending as sending_by
from zigzag.sending import MAX_AHEAD, MAX_FAILED_CALLS, Sending
from zigzag_testing import Sandbox
from zigzag_testing.memory_queue import MemoryQueue

FIFO_URL = QUEUE_URL + ".fifo"
THROTTLED = Unsent("RequestThrottled", "slow down", Meaning.TRANSIENT)
BROKEN = Unsent("InternalError", "try again", Meaning.TRANSIENT)
REFUSED = Unsent("InvalidParameterValue", "no", Meaning.DEFINITE)
DENIED = Unsent("AccessDenied", "no", Meaning.DEFINITE, whole=True)
LOST = Unsent("ReadTimeout", "no answer", Meaning.AMBIGUOUS, whole=True)
ALTERED = Unsent("ChecksumMismatch", "altered", Meaning.AMBIGUOUS, lasts=True)


class News(BaseModel):
    number: int
    group: str = "g"


push = remote("push", News)


class Queue:
    """Answers the calls for messages by a script of each number; "yes" is an accepted one.

    At its script's end, a message is accepted. `calls` has the numbers of each call.
    """

    def __init__(self, script: dict[int, list[Fate]] | None = None, usual: Fate = "yes") -> None:
        self.script = {number: list(fates) for number, fates in (script or {}).items()}
        self.usual = usual
        self.calls: list[list[int]] = []

    def __call__(self, messages: Sequence[Outgoing]) -> list[Fate]:
        numbers = [News.model_validate_json(body_payload(message)).number for message in messages]
        self.calls.append(numbers)
        return [self.script[n].pop(0) if self.script.get(n) else self.usual for n in numbers]


def body_payload(message: Outgoing) -> str:
    return message.body.partition('"payload": ')[2].partition("}")[0] + "}"


def many(
    queue: Callable[[Sequence[Outgoing]], list[Fate]],
    payloads: Any,
    *,
    url: str = QUEUE_URL,
    at_once: bool = True,
    **options: Any,
) -> Sending[News]:
    return sending_by(payloads, Preparing(push, url, **options), Calls(queue, at_once=at_once))


def news(number: int, group: str = "g") -> Iterator[News]:
    return (News(number=one, group=group) for one in range(number))


def entry(number: int, size: int = 100, group: str | None = None) -> Entry:
    return Entry(number, None, None, Outgoing("x", group=group), size, repeats=False)


@pytest.fixture(autouse=True)
def _no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivering, "FIRST_TRY_AGAIN_SECONDS", 0.0)


@task
def collect(payload: dict[str, Any]) -> None:
    pass


class TestResults:
    """The results of the payloads, in their order."""

    def test_every_payload_is_sent_and_has_its_message_id_also_in_a_sandbox(self, world: World) -> None:
        with send.sending_to(world.queue):
            results = list(collect.send_many(({"n": n} for n in range(23)), id=lambda one: f"o-{one['n']}"))

        assert [(one.index, one.status, one.message_id, one.id) for one in results] == [
            (n, "accepted", f"message-{n + 1}", f"o-{n}") for n in range(23)
        ]
        assert world.queue.messages[22].body == '{"task": "collect", "payload": {"n": 22}, "id": "o-22"}'

    def test_a_payload_that_does_not_fit_is_refused_with_why_and_the_others_go_on(self) -> None:
        payloads: list[Any] = [
            {"number": 0},
            {"number": "x"},
            News(number=2),
            3,
        ]

        results = list(many(Queue(), payloads))

        assert [one.status for one in results] == ["accepted", "refused", "accepted", "refused"]
        assert results[1].payload is payloads[1]
        assert str(results[1].reason).startswith("the payload does not fit push: number: Input should be")

    def test_it_shows_no_payload(self) -> None:
        (result,) = many(Queue(), [{"number": "secret"}])

        assert "secret" not in repr(result)
        assert repr(result).startswith("<payload 0: refused, the payload does not fit push: number")

    def test_only_the_entries_that_failed_are_sent_again(self) -> None:
        queue = Queue({3: [THROTTLED, BROKEN], 5: [REFUSED], 7: [THROTTLED]})

        results = list(many(queue, news(10)))

        assert queue.calls == [[*range(10)], [3, 7], [3]]
        assert [one.index for one in results if one.status != "accepted"] == [5]
        assert results[5].reason == "the queue refused the message: InvalidParameterValue: no"

    def test_tries_end(self) -> None:
        queue = Queue({0: [THROTTLED] * 100})

        results = list(many(queue, news(2)))

        assert [len(call) for call in queue.calls] == [2] + [1] * (delivering.MAX_TRIES - 1)
        assert (results[0].status, results[1].status) == ("refused", "accepted")

    @pytest.mark.parametrize(
        ("options", "calls"),
        [
            pytest.param({}, 1, id="no id, not idempotent"),
            pytest.param({"id": lambda one: str(one.number)}, 1, id="an id, not idempotent"),
            pytest.param({"idempotent": True}, 1, id="idempotent without an id"),
            pytest.param({"idempotent": True, "id": lambda one: str(one.number)}, 2, id="both"),
            pytest.param({"url": FIFO_URL, "group": "g"}, 2, id="FIFO drops the second itself"),
        ],
    )
    def test_after_a_lost_answer_it_is_sent_again_only_if_it_can_run_but_once(
        self, options: dict[str, Any], calls: int
    ) -> None:
        queue = Queue({0: [LOST]})

        (result,) = many(queue, news(1), **options)

        assert len(queue.calls) == calls
        if calls == 1:
            assert result.status == "unknown"
            assert result.reason == "the queue may have the message: ReadTimeout: no answer"
        else:
            assert result.status == "accepted"

    @pytest.mark.parametrize("after", [[REFUSED], [THROTTLED, REFUSED], [LOST] * 9, [ALTERED]])
    def test_what_may_have_been_taken_once_stays_unknown_until_it_is_taken(self, after: list[Fate]) -> None:
        options: dict[str, Any] = {"idempotent": True, "id": lambda one: str(one.number)}

        (result,) = many(Queue({0: [LOST, *after]}), news(1), **options)

        assert result.status == "unknown"

    def test_no_try_comes_when_a_fifo_queue_may_have_forgotten_the_first(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        queue = Queue(usual=LOST)
        monkeypatch.setattr(delivering, "time", lambda: 100.0 * len(queue.calls))

        (result,) = many(queue, news(1), url=FIFO_URL, group="g")

        assert result.status == "unknown"
        assert len(queue.calls) == 3  # the last one at 200 s

    def test_an_altered_message_is_unknown_and_not_sent_again(self) -> None:
        queue = Queue({0: [ALTERED]})

        (result,) = many(queue, news(1), idempotent=True, id=lambda one: "id")

        assert (result.status, queue.calls) == ("unknown", [[0]])

    def test_one_message_that_makes_the_queue_refuse_a_whole_call_takes_no_other_with_it(self) -> None:
        of_all = Unsent("InvalidParameterValue", "one of them", Meaning.DEFINITE, whole=True)
        calls = []

        def queue(messages: Sequence[Outgoing]) -> list[Fate]:
            calls.append(len(messages))
            bad = any('"number": 4,' in message.body for message in messages)
            return [of_all if bad else "yes"] * len(messages)

        results = list(many(queue, news(10)))

        assert [one.index for one in results if one.status == "refused"] == [4]
        assert calls == [10] + [1] * 10

    def test_an_error_of_a_calls_thread_leaves_its_messages_unknown(self) -> None:
        def queue(messages: Sequence[Outgoing]) -> list[Fate]:
            raise MemoryError

        assert [one.status for one in many(queue, news(3))] == ["unknown"] * 3


class TestFinish:
    """The call for those who want all or an error."""

    def test_it_returns_how_many_were_accepted(self) -> None:
        assert many(Queue(), news(35)).finish() == 35

    def test_it_raises_with_numbers_and_reasons_if_one_was_not(self) -> None:
        with pytest.raises(SendError) as caught:
            many(Queue({1: [REFUSED], 2: [LOST]}), news(4)).finish()

        assert str(caught.value) == (
            "2 messages for push were accepted, 1 refused, and 1 are unknown. "
            "payload 1: the queue refused the message: InvalidParameterValue: no; "
            "payload 2: the queue may have the message: ReadTimeout: no answer"
        )


class TestCut:
    """Which messages travel in one call."""

    @pytest.mark.parametrize(
        ("sizes", "numbers", "full"),
        [
            pytest.param([1] * 25, 10, True, id="ten"),
            pytest.param([1] * 9, 9, False, id="room for one more"),
            pytest.param([MAX_BATCH_BYTES // 2] * 3, 2, True, id="a MiB together"),
            pytest.param([MAX_BATCH_BYTES // 2, MAX_BATCH_BYTES // 2 + 1], 1, True, id="a byte more"),
            pytest.param([MAX_BATCH_BYTES, 1], 1, True, id="one of a MiB"),
        ],
    )
    def test_by_number_and_by_bytes(self, sizes: list[int], numbers: int, full: bool) -> None:
        found = cut([entry(n, size) for n, size in enumerate(sizes)], (), fifo=False)

        assert ([one.number for one in found.entries], found.full) == ([*range(numbers)], full)

    @pytest.mark.parametrize(
        ("groups", "busy", "numbers"), [("abab", "", [0, 1]), ("abcb", "a", [1, 2]), ("aaa", "a", [])]
    )
    def test_on_fifo_one_of_each_group_that_is_not_under_way(
        self, groups: str, busy: str, numbers: list[int]
    ) -> None:
        found = cut([entry(n, group=group) for n, group in enumerate(groups)], set(busy), fifo=True)

        assert [one.number for one in found.entries] == numbers

    def test_a_full_batch_is_sent_while_the_payloads_are_read(self) -> None:
        read: list[int] = []
        begun: list[int] = []

        def payloads() -> Iterator[News]:
            for number in range(25):
                read.append(number)
                yield News(number=number)

        def post(messages: Sequence[Outgoing]) -> list[Fate]:
            begun.append(len(read))
            return ["yes"] * len(messages)

        assert many(post, payloads(), at_once=False).finish() == 25
        assert begun == [10, 20, 25]

    def test_bytes_are_those_of_utf8_and_include_attributes(self) -> None:
        prepared = Preparing(push, QUEUE_URL)(0, News(number=1, group="🙂"))

        assert isinstance(prepared, Entry)
        assert prepared.size == len(prepared.message.body.encode())


class TestOrder:
    """A FIFO queue gets each group's messages in the payloads' order, whatever fails."""

    def test_a_message_that_fails_for_a_while_is_not_overtaken(self) -> None:
        queue = Queue({0: [THROTTLED] * 3, 4: [LOST]})
        payloads = [News(number=n, group="ab"[n % 2]) for n in range(12)]

        results = list(many(queue, payloads, url=FIFO_URL, group=lambda one: one.group))

        last = {number: at for at, call in enumerate(queue.calls) for number in call}
        first = {number: at for at, call in reversed([*enumerate(queue.calls)]) for number in call}
        assert {one.status for one in results} == {"accepted"}
        assert [n for n in range(10) if last[n] >= first[n + 2]] == []

    def test_what_would_overtake_one_that_is_not_accepted_is_not_sent(self) -> None:
        queue = Queue({2: [BROKEN] * 99, 3: [REFUSED]})
        payloads = [News(number=n, group="ab"[n % 2]) for n in range(8)]

        results = list(many(queue, payloads, url=FIFO_URL, group=lambda one: one.group))

        assert [one.index for one in results if one.status == "refused"] == [2, 3, 4, 5, 6, 7]
        assert results[4].reason == (
            "it was not sent: payload 2 of its group was not accepted, and must not be overtaken"
        )
        assert {number for call in queue.calls for number in call} == {0, 1, 2, 3}


class TestEnds:
    """The ends that it may come to, and what is known then."""

    def test_a_call_alone_sends_nothing_and_python_says_so(self) -> None:
        queue = Queue()

        with pytest.warns(RuntimeWarning, match="sent nothing for push: iterate over it, or call its fin"):
            many(queue, news(3))

        assert queue.calls == []

    def test_leaving_it_early_is_said_too(self) -> None:
        def leave() -> None:
            for _ in many(Queue(), news(30)):
                break

        with pytest.warns(
            RuntimeWarning, match=r"ended early: close\(\) returns the results of 29 payloads more"
        ):
            leave()

    def test_one_that_is_read_to_its_end_says_nothing(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            list(many(Queue(), news(30)))
            gc.collect()

    def test_closing_it_returns_what_became_of_all_that_was_read(self) -> None:
        read: list[News] = []
        queue = Queue({number: [LOST] for number in range(10)})

        sending = many(queue, (read.append(one) or one for one in news(10**9)))  # type: ignore[func-returns-value]
        first = next(sending)
        left = sending.close()

        assert [one.index for one in (first, *left)] == [*range(len(read))]
        assert {one.status for one in left} <= {"accepted", "refused", "unknown"}
        whys = {one.reason for one in left if one.status == "refused"}
        assert whys <= {"it was not sent: the sending was closed"}
        sent = {number for call in queue.calls for number in call}
        assert sent == {0, *(one.index for one in left if one.status != "refused")}
        assert list(sending) == sending.close() == []

    def test_an_error_of_the_payloads_comes_after_the_results_of_those_before_it(self) -> None:
        def broken() -> Iterator[News]:
            yield from news(15)
            raise LookupError("the file ended in the middle")

        sending, results = many(Queue(), broken()), []
        with pytest.raises(LookupError, match="in the middle"):
            results.extend(sending)  # extend keeps what came before the error

        assert [one.status for one in results] == ["accepted"] * 15

    @pytest.mark.parametrize(("error", "raised"), [(KeyError, KeyError), (StopIteration, RuntimeError)])
    def test_an_error_of_the_id_function_is_the_callers_and_names_the_payload(
        self, error: type[Exception], raised: type[Exception]
    ) -> None:
        def id_of(one: News) -> str:
            if one.number == 12:
                raise error
            return str(one.number)

        with pytest.raises(raised) as caught:
            many(Queue(), news(20), id=id_of).finish()

        assert caught.value.__notes__ == ["in send_many(…), for payload 12"]

    @pytest.mark.parametrize("fate", [DENIED, LOST, THROTTLED])
    def test_a_queue_that_takes_nothing_ends_it_soon(self, fate: Unsent) -> None:
        queue, results = Queue(usual=fate), []

        with pytest.raises(SendError, match=f"the queue took nothing of 10 batches in a row .{fate.code}"):
            results.extend(many(queue, news(10**9)))

        assert len(queue.calls) <= (MAX_FAILED_CALLS + MAX_AHEAD // 10) * delivering.MAX_TRIES
        assert len(results) <= MAX_FAILED_CALLS * 10 + MAX_AHEAD
        assert {one.status for one in results} <= {"refused", "unknown"}

    def test_messages_that_are_refused_one_by_one_do_not_end_it(self) -> None:
        assert len([*many(Queue(usual=REFUSED), news(500))]) == 500

    def test_an_interrupt_keeps_what_was_sent_and_it_can_go_on(self) -> None:
        queue = Queue()
        sending = many(queue, news(40))
        start, begun = sending._calls.start, []

        def start_once(entries: Sequence[Entry]) -> None:
            start(entries)
            begun.append(entries)
            if len(begun) == 2:
                raise KeyboardInterrupt

        sending._calls.start = start_once  # type: ignore[method-assign]
        with pytest.raises(KeyboardInterrupt):
            list(sending)

        results = list(sending)

        assert sorted(number for call in queue.calls for number in call) == [*range(40)]
        assert [one.index for one in results if one.status == "unknown"] == [*range(10, 20)]

    def test_a_forked_child_sends_nothing(self) -> None:
        sending = many(Queue(), news(30))
        next(sending)

        child = os.fork()
        if child == 0:
            try:
                next(sending)
            except SendError as error:
                os._exit(0 if "forked" in str(error) and sending.close() == [] else 1)
            os._exit(2)
        sending.close()

        assert os.waitpid(child, 0)[1] == 0


class TestRefusals:
    """A mistake that concerns every message is said at the call."""

    @pytest.mark.parametrize(
        ("payloads", "options", "says"),
        [
            pytest.param([], {"delay_seconds": 901}, "SQS takes 0 to 900", id="a delay"),
            pytest.param([], {"id": "order-7"}, "takes a function of the payload", id="one id for all"),
            pytest.param([], {"url": FIFO_URL}, "has no group", id="FIFO without a group"),
            pytest.param([], {"group": "two words"}, "group may be 1 to 128", id="a group"),
            pytest.param({"number": 1}, {}, "several payloads, .* not one dict", id="one payload"),
            pytest.param(News(number=1), {}, "several payloads, .* not one News", id="one model"),
            pytest.param(None, {}, "several payloads, .* not one NoneType", id="none at all"),
        ],
    )
    def test_before_anything_is_sent(self, payloads: Any, options: dict[str, Any], says: str) -> None:
        with pytest.raises(SendError, match=says):
            many(Queue(), payloads, **options)

    def test_a_queue_that_is_not_known_is_too(self) -> None:
        with pytest.raises(SendError, match="ZIGZAG_QUEUE_URL is not set"):
            push.send_many([])


def test_a_task_knows_itself_whether_it_is_idempotent() -> None:
    @task(idempotent=lambda one: str(one["number"]))
    def keyed(payload: dict[str, Any]) -> None:
        pass

    @task(idempotent=True)
    def once(payload: dict[str, Any]) -> None:
        pass

    def repeats(of: Any, **options: Any) -> bool:
        found = Preparing(of, QUEUE_URL, **options)(0, {"number": 1})
        return isinstance(found, Entry) and found.repeats

    assert [repeats(keyed), repeats(once), repeats(once, id=lambda one: "a"), repeats(collect)] == [
        True,
        False,
        True,
        False,
    ]


def test_it_reads_only_a_little_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []
    monkeypatch.setattr(sending, "MAX_AHEAD_BYTES", 50_000)

    def large() -> Iterator[News]:
        for number in range(1000):
            read.append(number)
            yield News(number=number, group="x" * 9_900)

    iterator = many(Queue(), large())
    ahead = [len(read) - result.index for result, _ in zip(iterator, range(500), strict=False)]
    iterator.close()

    assert max(ahead) <= 6


@pytest.mark.parametrize(
    ("payload", "most"),
    [
        pytest.param(lambda: {"a": "x" * 1_000_000}, 9, id="whose bodies go to S3"),
        pytest.param(lambda: {"a": b"x" * 1_000_000}, 1, id="that are refused"),
    ],
)
def test_of_large_ones_few_are_held(payload: Callable[[], dict[str, Any]], most: int) -> None:
    read: list[int] = []

    def large() -> Iterator[dict[str, Any]]:
        for number in range(30):
            read.append(number)
            yield payload()

    with Sandbox({"collect": collect}, large_payloads=True):
        ahead = [len(read) - result.index for result in collect.send_many(large())]

    assert max(ahead) <= most


def test_a_group_that_is_no_text_refuses_its_payload_and_no_other() -> None:
    with Sandbox({"collect": collect}, fifo=True):
        sent = collect.send_many([{"n": n} for n in range(3)], group=odd_group)

        assert [one.status for one in sent] == ["accepted", "refused", "accepted"]


def odd_group(payload: dict[str, Any]) -> Any:
    return ["g"] if payload["n"] == 1 else "g"


def test_on_fifo_what_the_bucket_does_not_take_is_not_overtaken(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise ObjectsError("SlowDown")

    with Sandbox({"collect": collect}, fifo=True, large_payloads=True) as sandbox:
        monkeypatch.setattr(sandbox.objects, "put", refuse)
        payloads = [{"n": 0}, {"n": "x" * MAX_BATCH_BYTES}, {"n": 2}]
        results = [*collect.send_many(payloads, group="g")]

    assert [one.status for one in results] == ["accepted", "refused", "refused"]


def test_on_fifo_a_sandbox_has_them_in_order(world: World) -> None:
    queue = MemoryQueue(world.clock, FIFO_URL)
    with send.sending_to(queue):
        collect.send_many([{"n": n} for n in range(30)], group=lambda one: f"g{one['n'] % 3}").finish()

    assert [message.group for message in queue.messages] == ["g0", "g1", "g2"] * 10
