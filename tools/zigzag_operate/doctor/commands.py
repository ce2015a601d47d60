"""The commands that undo in a deployed stack what somebody has changed by hand.

A deployment does not: CloudFormation changes what has changed in the template.
"""

from __future__ import annotations

from dataclasses import replace

from shared.lease import EVENT_AGE_SECONDS
from zigzag_operate.doctor.facts import MAPPING, RULE, Facts, Resource
from zigzag_operate.doctor.finding import Finding


def with_command(finding: Finding, facts: Facts) -> Finding:
    """Returns the finding with the command to type, if one mends it."""
    name, _, path = finding.at.partition(".")
    one = facts.resources.get(name)
    return finding if one is None else replace(finding, type=_command(one, path, facts))


def _command(one: Resource, path: str, facts: Facts) -> str | None:
    if one.type == RULE and path == "State":
        return f"aws events {'dis' if facts.by_events else 'en'}able-rule --name {one.ref}"
    if one.type == MAPPING and path == "Enabled":
        return f"aws lambda update-event-source-mapping --uuid {one.get('UUID')} --enabled"
    if path == "ReservedConcurrentExecutions":
        meant = facts.parameters.get("WorkerConcurrency", "0") if one.id == "WorkerFunction" else "0"
        if meant == "0":
            return f"aws lambda delete-function-concurrency --function-name {one.ref}"
        some = f"--function-name {one.ref} --reserved-concurrent-executions {meant}"
        return f"aws lambda put-function-concurrency {some}"
    if path.startswith("EventInvokeConfig"):
        never = f"--maximum-retry-attempts 0 --maximum-event-age-in-seconds {EVENT_AGE_SECONDS}"
        return f"aws lambda put-function-event-invoke-config --function-name {one.ref} {never}"
    return None
