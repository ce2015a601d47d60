"""All rules of the doctor, in the order in which their findings are told: the worst first."""

from __future__ import annotations

from zigzag_operate.doctor import (
    alarms,
    concurrency,
    foreign,
    permissions,
    presence,
    queue_policies,
    senders,
    starts,
    surroundings,
    trust,
    values,
    variables,
    wiring,
)
from zigzag_operate.doctor.finding import Rule

RULES: tuple[Rule, ...] = (
    surroundings.judge_stack,  # half there, drift, memory, dry runs
    surroundings.judge_parameters,  # what CloudFormation refuses
    presence.judge_what_is_there,  # a queue, a role, an alarm that is missing
    presence.judge_names,
    starts.judge_schedule,  # the rule: off, without a target, twice, retries
    starts.judge_pollers,  # another consumer; Trigger=events
    starts.judge_workers_of_queues,
    starts.judge_weights,  # by events there are none
    starts.judge_settings_of_invocations,
    starts.judge_destinations,
    values.judge_values,  # retries, leases, retention, FIFO, what is kept: a table
    wiring.judge_letters,  # the dead-letter queue: missing, another, of another kind
    wiring.judge_letters_of_others,
    wiring.judge_names_of_queues,
    variables.judge_variables,  # ZIGZAG_…
    presence.judge_parameters_are_used,
    presence.judge_tags,
    wiring.judge_table,
    wiring.judge_key,
    wiring.judge_bucket,
    wiring.judge_subscription,
    permissions.judge_permissions,  # a missing action, a role of something else
    permissions.judge_roles_of_own_workers,
    trust.judge_broad,  # `*`
    trust.judge_trust,
    trust.judge_who_may_invoke,
    trust.judge_records,
    queue_policies.judge_queue_policies,  # who is kept out, and who is let in
    queue_policies.judge_one_policy_each,
    senders.judge_senders,
    foreign.judge_senders_of_the_template,
    foreign.judge_keys_of_senders,
    senders.judge_scheduler,
    senders.judge_schedules,  # whose the Scheduler's role is
    senders.judge_key_policy,
    senders.judge_keys_of_the_scheduler,
    concurrency.judge_concurrency,  # caps, reserved 0
    concurrency.judge_batches,
    surroundings.judge_network,
    surroundings.judge_packages,
    surroundings.judge_order,
    surroundings.judge_tasks,
    wiring.judge_logs,
    wiring.judge_outputs,
    wiring.judge_queues_output,
    alarms.judge_alarms,
    alarms.judge_who_is_told,
)
