"""Settings: read once, and an error that tells a person everything."""

from __future__ import annotations

from typing import Any

import pytest

from consumer.settings import ConsumerSettings
from shared.settings import SettingError, read
from worker.settings import WorkerSettings

CONSUMER = {
    "ZIGZAG_QUEUE_URL": "https://sqs.test/tasks",
    "ZIGZAG_DEAD_LETTER_QUEUE_URL": "https://sqs.test/dead",
    "ZIGZAG_WORKER": "worker",
    "ZIGZAG_TRANSPORT": "lean",
    "ZIGZAG_LINGER_SECONDS": "0",
    "ZIGZAG_IN_FLIGHT_CAP": "1000",
    "ZIGZAG_BATCH_SIZE": "1",
}
WORKER = {
    "ZIGZAG_QUEUE_URL": "https://sqs.test/tasks",
    "ZIGZAG_DEAD_LETTER_QUEUE_URL": "https://sqs.test/dead",
    "ZIGZAG_RECORDS_TABLE": "records",
    "ZIGZAG_TRANSPORT": "boto",
    "ZIGZAG_METRICS": "true",
}


def test_the_consumers_settings_are_read_from_the_environment() -> None:
    assert read(ConsumerSettings, CONSUMER) == ConsumerSettings(
        queue_url="https://sqs.test/tasks",
        dead_letter_queue_url="https://sqs.test/dead",
        worker="worker",
        transport="lean",
        linger_seconds=0,
        in_flight_cap=1000,
        batch_size=1,
    )


def test_the_workers_settings_are_read_from_the_environment() -> None:
    assert read(WorkerSettings, {**WORKER, "MAIL_FROM": "somebody's own"}) == WorkerSettings(
        queue_url="https://sqs.test/tasks",
        dead_letter_queue_url="https://sqs.test/dead",
        records_table="records",
        transport="boto",
        metrics=True,
    )


@pytest.mark.parametrize(
    ("settings", "variable"),
    [
        *(pytest.param(ConsumerSettings, name, id=f"consumer {name}") for name in CONSUMER),
        *(pytest.param(WorkerSettings, name, id=f"worker {name}") for name in WORKER),
    ],
)
def test_a_missing_setting_is_named_with_what_it_may_be(settings: type[Any], variable: str) -> None:
    environ = {name: value for name, value in {**CONSUMER, **WORKER}.items() if name != variable}

    with pytest.raises(SettingError, match=f"^{variable} is not set; it may be .+"):
        read(settings, environ)


@pytest.mark.parametrize(
    ("variable", "value", "says"),
    [
        (
            "ZIGZAG_LINGER_SECONDS",
            "71",
            "ZIGZAG_LINGER_SECONDS is '71'; it may be a whole number from 0 to 70",
        ),
        (
            "ZIGZAG_LINGER_SECONDS",
            "-1",
            "ZIGZAG_LINGER_SECONDS is '-1'; it may be a whole number from 0 to 70",
        ),
        (
            "ZIGZAG_LINGER_SECONDS",
            "1.5",
            "ZIGZAG_LINGER_SECONDS is '1.5'; it may be a whole number from 0 to 70",
        ),
        ("ZIGZAG_TRANSPORT", "pigeon", "ZIGZAG_TRANSPORT is 'pigeon'; it may be one of lean, boto"),
        ("ZIGZAG_LINGER_SECONDS", "", "ZIGZAG_LINGER_SECONDS is ''; it may be a whole number from 0 to 70"),
        (
            "ZIGZAG_IN_FLIGHT_CAP",
            "many",
            "ZIGZAG_IN_FLIGHT_CAP is 'many'; it may be a whole number from 0 to 120000",
        ),
        (
            "ZIGZAG_IN_FLIGHT_CAP",
            "120001",
            "ZIGZAG_IN_FLIGHT_CAP is '120001'; it may be a whole number from 0 to 120000",
        ),
        (
            "ZIGZAG_BATCH_SIZE",
            "0",
            "ZIGZAG_BATCH_SIZE is '0'; it may be a whole number from 1 to 10",
        ),
        (
            "ZIGZAG_BATCH_SIZE",
            "11",
            "ZIGZAG_BATCH_SIZE is '11'; it may be a whole number from 1 to 10",
        ),
        ("ZIGZAG_WORKER", "  ", "ZIGZAG_WORKER is '  '; it may be the name of the worker function"),
        (
            "ZIGZAG_QUEUE_URL",
            "tasks",
            "ZIGZAG_QUEUE_URL is 'tasks'; it may be the task queue's URL, which starts with https://",
        ),
        (
            "ZIGZAG_DEAD_LETTER_QUEUE_URL",
            "arn:aws:sqs:x",
            "ZIGZAG_DEAD_LETTER_QUEUE_URL is 'arn:aws:sqs:x'; "
            "it may be the dead-letter queue's URL, which starts with https://",
        ),
    ],
)
def test_a_bad_setting_is_named_with_what_it_was_and_what_it_may_be(
    variable: str, value: str, says: str
) -> None:
    with pytest.raises(SettingError) as caught:
        read(ConsumerSettings, {**CONSUMER, variable: value})

    assert str(caught.value) == says
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("value", ["True", "1", "yes", ""])
def test_what_is_neither_true_nor_false_is_named(value: str) -> None:
    with pytest.raises(SettingError, match=f"^ZIGZAG_METRICS is '{value}'; it may be true or false$"):
        read(WorkerSettings, {**WORKER, "ZIGZAG_METRICS": value})


def test_false_is_false() -> None:
    assert read(WorkerSettings, {**WORKER, "ZIGZAG_METRICS": "false"}).metrics is False


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("ZIGZAG_LINGER_SECONDS", "60"),
        ("ZIGZAG_IN_FLIGHT_CAP", "0"),
        ("ZIGZAG_IN_FLIGHT_CAP", "120000"),
        ("ZIGZAG_BATCH_SIZE", "10"),
        ("ZIGZAG_QUEUE_URL", "http://127.0.0.1:4566/000000000000/tasks"),
    ],
)
def test_the_limits_themselves_are_allowed(variable: str, value: str) -> None:
    read(ConsumerSettings, {**CONSUMER, variable: value})
