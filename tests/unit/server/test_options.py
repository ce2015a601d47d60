"""The command line of a server and its variables: a mistake is refused, and the error says what may be."""

from __future__ import annotations

import pytest

from server.options import options_of, queue_of, settings_of
from shared.settings import SettingError

VARIABLES = {
    "ZIGZAG_QUEUE_URL": "https://sqs.test/tasks",
    "ZIGZAG_QUEUES": "urgent:6=https://sqs.test/urgent",
    "ZIGZAG_DEAD_LETTER_QUEUE_URL": "https://sqs.test/dead-letters",
    "ZIGZAG_RECORDS_TABLE": "records",
    "ZIGZAG_FLOW_CONTROL": "true",
}


@pytest.mark.parametrize(
    ("argument", "may_be"),
    [
        ("--at-once=0", "'0'; it may be 1 to 256 tasks"),
        ("--at-once=two", "'two'; it may be 1 to 256 tasks"),
        ("--timeout=43200", "'43200'; it may be 1 to 42300 seconds: SQS hides a message for 12 hours"),
        ("--timeout=0", "'0'; it may be 1 to 42300 seconds"),
        ("--grace=-1", "'-1'; it may be 0 to"),
        ("--memory=-1", "'-1'; it may be 0 to"),
        ("--speed=9", "unrecognized arguments: --speed=9"),
    ],
)
def test_a_wrong_option_is_refused_with_what_it_may_be(
    argument: str, may_be: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as refused:
        options_of([argument])

    assert refused.value.code == 2
    assert may_be in capsys.readouterr().err


def test_a_process_gets_the_options_of_its_server() -> None:
    options = options_of(["--queue=urgent", "--at-once=3", "--timeout=60", "--grace=9", "--memory=512"])

    assert options_of(options.to_arguments()) == options
    assert options != options_of([])


@pytest.mark.parametrize(("grace", "seconds"), [(600, 20), (25, 20), (20, 15), (5, 1), (0, 1)])
def test_a_receive_ends_within_the_grace(grace: int, seconds: int) -> None:
    assert options_of([f"--grace={grace}"]).poll_seconds == seconds


def test_a_queue_is_found_by_its_name() -> None:
    settings = settings_of(VARIABLES)

    assert queue_of(settings, "default").url == "https://sqs.test/tasks"
    assert queue_of(settings, "urgent").url == "https://sqs.test/urgent"
    assert queue_of(settings, "urgent").dead_letter_url == "https://sqs.test/dead-letters"


def test_a_queue_that_the_stack_does_not_have_is_refused_with_the_names_that_there_are() -> None:
    with pytest.raises(SettingError, match="'bulk'; the queues of the stack are: default, urgent"):
        queue_of(settings_of(VARIABLES), "bulk")


FIFO = {"ZIGZAG_QUEUES": "orders=https://sqs.test/orders.fifo"}


def test_a_fifo_queue_next_to_standard_ones_has_the_dead_letters_of_its_kind() -> None:
    other = {"ZIGZAG_OTHER_DEAD_LETTER_QUEUE_URL": "https://sqs.test/dead-letters.fifo"}
    settings = settings_of({**VARIABLES, **FIFO, **other})

    assert queue_of(settings, "orders").dead_letter_url == "https://sqs.test/dead-letters.fifo"


def test_without_dead_letters_of_its_kind_a_queue_is_not_served() -> None:
    with pytest.raises(SettingError, match="set ZIGZAG_OTHER_DEAD_LETTER_QUEUE_URL to the stack's output"):
        queue_of(settings_of({**VARIABLES, **FIFO}), "orders")


@pytest.mark.parametrize("missing", sorted(VARIABLES.keys() - {"ZIGZAG_QUEUES"}))
def test_a_variable_that_is_missing_is_named(missing: str) -> None:
    """Without ZIGZAG_FLOW_CONTROL a server would not know of a pause."""
    with pytest.raises(SettingError, match=f"{missing} is not set; it may be "):
        settings_of({name: one for name, one in VARIABLES.items() if name != missing})


def test_a_server_needs_no_other_variable() -> None:
    assert settings_of(VARIABLES).transport == "lean"
    assert settings_of(VARIABLES).metrics is False
