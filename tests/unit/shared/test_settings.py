"""Settings: read once, and an error that tells a person everything."""

from __future__ import annotations

from typing import Any

import pytest
from benchmarks.template import environment_of

from consumer.settings import ConsumerSettings
from shared.settings import PREFIX, SettingError, read
from worker.settings import WorkerSettings

CONSUMER = environment_of("ConsumerFunction", TaskQueue="https://sqs.test/tasks", LingerSeconds="7")
WORKER = environment_of("WorkerFunction", RecordsTable="records", Transport="boto", Metrics="true")


def test_the_consumers_settings_are_read_from_the_environment() -> None:
    settings = read(ConsumerSettings, CONSUMER)

    assert settings.queue_url == "https://sqs.test/tasks"
    assert settings.linger_seconds == 7


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
