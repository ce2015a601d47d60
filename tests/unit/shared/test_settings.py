"""Settings: read once, and an error that tells a person everything."""

from __future__ import annotations

from typing import Any

import pytest
from benchmarks.template import environment_of

from consumer.settings import ConsumerSettings
from shared.queues import QUEUES_MAY_BE, WORKERS_MAY_BE
from shared.settings import PREFIX, SettingError, read
from worker.settings import WorkerSettings

CONSUMER = environment_of("ConsumerFunction", TaskQueue="https://sqs.test/tasks", LingerSeconds="7")
WORKER = environment_of("WorkerFunction", RecordsTable="records", Transport="boto", Metrics="true")
BOTH = {**WORKER, **CONSUMER}

LINGER = "a whole number from 0 to 60"
CAP = "a whole number from 0 to 120000"
BATCH = "a whole number from 1 to 10"


def test_the_consumers_settings_are_read_from_the_environment() -> None:
    settings = read(ConsumerSettings, CONSUMER)

    assert (settings.queue_url, settings.linger_seconds) == ("https://sqs.test/tasks", 7)


def test_the_workers_settings_are_read_from_the_environment() -> None:
    settings = read(WorkerSettings, {**WORKER, "MAIL_FROM": "somebody's own"})

    assert (settings.records_table, settings.transport, settings.metrics) == ("records", "boto", True)


@pytest.mark.parametrize(
    ("settings", "variable"),
    [
        pytest.param(settings, PREFIX + field.upper(), id=f"{settings.__name__} {field}")
        for settings in (ConsumerSettings, WorkerSettings)
        for field in settings._fields
    ],
)
def test_a_missing_setting_is_named_with_what_it_may_be(settings: type[Any], variable: str) -> None:
    environ = {name: value for name, value in BOTH.items() if name != variable}

    with pytest.raises(SettingError, match=f"^{variable} is not set; it may be .+"):
        read(settings, environ)


@pytest.mark.parametrize(
    ("settings", "name", "value", "may_be"),
    [
        (ConsumerSettings, "LINGER_SECONDS", "61", LINGER),
        (ConsumerSettings, "LINGER_SECONDS", "-1", LINGER),
        (ConsumerSettings, "LINGER_SECONDS", "1.5", LINGER),
        (ConsumerSettings, "LINGER_SECONDS", "", LINGER),
        (ConsumerSettings, "IN_FLIGHT_CAP", "120001", CAP),
        (ConsumerSettings, "BATCH_SIZE", "0", BATCH),
        (ConsumerSettings, "BATCH_SIZE", "11", BATCH),
        (ConsumerSettings, "TRANSPORT", "pigeon", "one of lean, boto"),
        (ConsumerSettings, "WORKER", "  ", "the name of the worker function"),
        (ConsumerSettings, "QUEUE_URL", "tasks", "the task queue's URL, which starts with https://"),
        (ConsumerSettings, "QUEUES", "urgent:0=https://a/b", QUEUES_MAY_BE),
        (WorkerSettings, "QUEUES", "urgent=https://a/b urgent=https://a/c", QUEUES_MAY_BE),
        (ConsumerSettings, "DEFAULT_WEIGHT", "0", "a whole number from 1 to 100"),
        (WorkerSettings, "OTHER_DEAD_LETTER_QUEUE_URL", "dead", "a queue's URL, or empty"),
        (ConsumerSettings, "QUEUE_WORKERS", "video", WORKERS_MAY_BE),
        (ConsumerSettings, "QUEUE_WORKERS", "video=one video=two", WORKERS_MAY_BE),
        (WorkerSettings, "METRICS", "True", "true or false"),
        (WorkerSettings, "METRICS", "1", "true or false"),
    ],
)
def test_a_bad_setting_is_named_with_what_it_was_and_what_it_may_be(
    settings: type[Any], name: str, value: str, may_be: str
) -> None:
    with pytest.raises(SettingError) as caught:
        read(settings, {**BOTH, PREFIX + name: value})

    assert str(caught.value) == f"{PREFIX}{name} is {value!r}; it may be {may_be}"
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("settings", "name", "value", "read_as"),
    [
        (ConsumerSettings, "LINGER_SECONDS", "60", 60),
        (ConsumerSettings, "IN_FLIGHT_CAP", "0", 0),
        (ConsumerSettings, "IN_FLIGHT_CAP", "120000", 120_000),
        (ConsumerSettings, "BATCH_SIZE", "10", 10),
        (ConsumerSettings, "QUEUE_URL", "http://127.0.0.1:4566/0/tasks", "http://127.0.0.1:4566/0/tasks"),
        (WorkerSettings, "METRICS", "false", False),
        (WorkerSettings, "OTHER_DEAD_LETTER_QUEUE_URL", "", ""),
    ],
)
def test_a_good_setting_is_read(settings: type[Any], name: str, value: str, read_as: object) -> None:
    assert getattr(read(settings, {**BOTH, PREFIX + name: value}), name.lower()) == read_as


def test_a_queue_has_the_worker_that_is_named_for_it_and_the_others_have_the_stacks() -> None:
    environ = {
        **BOTH,
        "ZIGZAG_QUEUES": "video:2=https://sqs.test/v mails=https://sqs.test/m",
        "ZIGZAG_QUEUE_WORKERS": " video:2=zigzag-VideoWorker-1A",
    }

    queues = read(ConsumerSettings, environ).task_queues

    assert [(queue.name, queue.worker) for queue in queues] == [
        ("default", BOTH["ZIGZAG_WORKER"]),
        ("video", "zigzag-VideoWorker-1A"),
        ("mails", BOTH["ZIGZAG_WORKER"]),
    ]


def test_a_worker_of_a_queue_that_is_not_there_is_named_with_the_queues_that_are() -> None:
    """A queue with a slip of the pen in it would be worked by the stack's worker, and nobody would know."""
    environ = {**BOTH, "ZIGZAG_QUEUES": "video=https://sqs.test/v", "ZIGZAG_QUEUE_WORKERS": "vidoe=worker"}

    with pytest.raises(SettingError, match=r"^ZIGZAG_QUEUE_WORKERS has 'vidoe'; it may have default, video$"):
        read(ConsumerSettings, environ).task_queues  # noqa: B018 -- this is when it is looked at
