"""Does the template keep the time relations of src/shared/lease.py?"""

from __future__ import annotations

import pytest
from tests.project.template.reading import Template

from consumer.linger import DUE_SECONDS, MIN_WAIT_SECONDS, WATCH_SECONDS
from consumer.source import LAST_RECEIVE_SECONDS
from shared import lease
from zigzag_testing.sandbox import CONSUMER_TIMEOUT_SECONDS

FUNCTIONS = ["ConsumerFunction", "WorkerFunction"]
DAY = 24 * 60 * 60
TICK_SECONDS = 60
TICK_END_SECONDS = 5
"""The time that the consumer keeps of its timeout to write its summary."""


def test_the_queue_hides_messages_for_a_lease(template: Template) -> None:
    assert template.decided(template.properties("TaskQueue"))["VisibilityTimeout"] == lease.LEASE_SECONDS


@pytest.mark.parametrize("function", FUNCTIONS)
def test_lambda_never_retries(template: Template, function: str) -> None:
    assert template.properties(f"{function}EventInvokeConfig")["MaximumRetryAttempts"] == 0


@pytest.mark.parametrize("function", FUNCTIONS)
def test_lambda_drops_events_that_are_late(template: Template, function: str) -> None:
    assert (
        template.properties(f"{function}EventInvokeConfig")["MaximumEventAgeInSeconds"]
        == lease.EVENT_AGE_SECONDS
    )


@pytest.mark.parametrize("function", FUNCTIONS)
def test_the_rules_for_events_hold_for_the_version_that_is_invoked(template: Template, function: str) -> None:
    # Given that the functions are invoked by their plain name, which is $LATEST
    assert template.variables("ConsumerFunction")["ZIGZAG_WORKER"] == {"Ref": "WorkerFunction"}
    assert template.properties("ConsumerFunctionTick")["Targets"][0]["Arn"] == {
        "Fn::GetAtt": ["ConsumerFunction", "Arn"]
    }

    # Then the rules are $LATEST's: any other version would get Lambda's defaults, two retries and six hours
    config = template.properties(f"{function}EventInvokeConfig")
    assert (config["FunctionName"], config["Qualifier"]) == ({"Ref": function}, "$LATEST")


def test_the_schedule_never_retries_a_tick(template: Template) -> None:
    targets = template.properties("ConsumerFunctionTick")["Targets"]

    assert [target["RetryPolicy"] for target in targets] == [
        {"MaximumRetryAttempts": 0, "MaximumEventAgeInSeconds": 60}
    ]


def test_sqs_itself_moves_a_message_only_after_as_many_receives_as_it_allows(template: Template) -> None:
    redrive = template.properties("TaskQueue")["RedrivePolicy"]

    assert redrive["maxReceiveCount"] == lease.MAX_RECEIVE_COUNT == 1000
    assert redrive["deadLetterTargetArn"] == {"Fn::GetAtt": ["DeadLetterQueue", "Arn"]}


def test_tasks_and_dead_letters_are_kept_14_days(template: Template) -> None:
    kept = [
        template.properties(queue)["MessageRetentionPeriod"] for queue in ("TaskQueue", "DeadLetterQueue")
    ]

    assert kept == [lease.KEPT_SECONDS] * 2 == [14 * DAY] * 2


def test_a_record_outlives_its_message_in_both_queues(template: Template) -> None:
    # Given how long a message may wait in the one queue, and then in the other
    kept = sum(
        template.properties(queue)["MessageRetentionPeriod"] for queue in ("TaskQueue", "DeadLetterQueue")
    )

    assert kept < lease.RECORD_SECONDS


def test_a_tick_that_watches_always_ends_after_the_next_has_begun(template: Template) -> None:
    timeout = template.properties("ConsumerFunction")["Timeout"]

    assert timeout >= TICK_SECONDS + lease.DISPATCH_SECONDS + TICK_END_SECONDS


def test_no_more_than_two_ticks_run_at_a_time(template: Template) -> None:
    assert template.properties("ConsumerFunction")["Timeout"] < 2 * TICK_SECONDS


def test_what_watches_always_overlaps_the_next_tick_and_fits_into_its_own(template: Template) -> None:
    timeout = template.properties("ConsumerFunction")["Timeout"]

    assert TICK_SECONDS + 5 <= WATCH_SECONDS < timeout - LAST_RECEIVE_SECONDS


def test_what_lingers_ends_less_than_a_second_before_the_next_tick_is_due(template: Template) -> None:
    assert template.source["Parameters"]["Schedule"]["Default"] == "rate(1 minute)"
    assert TICK_SECONDS - MIN_WAIT_SECONDS < DUE_SECONDS < TICK_SECONDS


def test_the_sandboxs_consumer_has_as_much_time(template: Template) -> None:
    assert template.properties("ConsumerFunction")["Timeout"] == CONSUMER_TIMEOUT_SECONDS
