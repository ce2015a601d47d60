"""The rules about permissions: has each role what it needs, and no more? Do the queues let it in?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from zigzag_operate.doctor.evaluating import covers, is_judged, keys_fit, matches, own_statements
from zigzag_operate.doctor.facts import POLICIES, ROLE, Facts, Resource, Unknown, listed
from zigzag_operate.doctor.finding import Finding, Found, NotKnown, wrong
from zigzag_operate.doctor.needs import Need, of_consumer, of_server, of_worker, of_workers_of_queues


def judge_permissions(facts: Facts) -> Found:
    """Judges what both roles may do."""
    for function, needs in (("ConsumerFunction", of_consumer(facts)), ("WorkerFunction", of_worker(facts))):
        for one in facts.some(function):
            if isinstance(one.properties, Unknown):
                yield NotKnown(one.id, one.properties.needs)
                continue
            if one.get("Role") is None:
                change = f"set Role: !GetAtt {function.replace('Function', 'Role')}.Arn"
                yield wrong("H20", one, "Role", "SAM makes a role for it that may do nothing here", change)
                continue
            role = facts.by_value(one.get("Role"))
            if role is None or role.type != ROLE:
                yield NotKnown(f"{function}.Role", "a role of this template")
                continue
            expected = function.replace("Function", "Role")
            if role.id in ("ConsumerRole", "WorkerRole") and role.id != expected:
                yield wrong(
                    "H41",
                    one,
                    "Role",
                    f"its role is {role.id}, the other function's",
                    f"set Role: !GetAtt {expected}.Arn",
                )
                continue
            yield from _missing(facts, role, needs)
    for policy in facts.some("ServerPolicy"):
        yield from _missing(facts, policy, of_server(facts))


def judge_roles_of_own_workers(facts: Facts) -> Found:
    """Judges what the role of a queue's own worker may do."""
    for worker, needs in of_workers_of_queues(facts):
        role = facts.by_value(worker.get("Role"))
        if role is None or role.type != ROLE:
            yield NotKnown(f"{worker.id}.Role", "a role of this template")
        elif role.id != "WorkerRole":  # that one is judged above
            yield from _missing(facts, role, needs)


def _missing(facts: Facts, role: Resource, needs: Iterable[Need]) -> Found:
    if isinstance(role.properties, Unknown):
        yield NotKnown(role.id, role.properties.needs)
        return
    if role.get("PermissionsBoundary"):
        yield NotKnown(
            f"{role.id}.PermissionsBoundary", "a look at the boundary: what it forbids is not seen here"
        )
    held, seen, told = list(_held(facts, role)), True, set[tuple[str, int | None]]()
    for policy in _attached(facts, role):
        if isinstance(policy.properties, Unknown):
            seen = False
            yield NotKnown(policy.id, policy.properties.needs)
    for need in needs:
        if isinstance(need.on, Resource) and isinstance(need.on.properties, Unknown):
            continue
        denied = {action: _denying(held, action, need) for action in need.actions}
        for action, denying in denied.items():
            if denying and (place := (denying[0].id, denying[1]["Line"])) not in told:
                told.add(place)
                yield _denied(role, need, action, *denying, is_allowed=_may(held, action, need))
        lacking = [one for one, denying in denied.items() if not denying and not _may(held, one, need)]
        if lacking and seen:
            yield _lacking(facts, role, need, lacking, held)


_GRANT_LOGS_ALONE = ("AWSLambdaVPCAccessExecutionRole", "AWSXRayDaemonWriteAccess")
"""AWS's policies that many a worker has. Of what a role needs here they allow no more than its log."""

type Held = tuple[Resource, Mapping[str, Any]]
"""A statement of a role, and the resource in which it stands."""


def _lacking(
    facts: Facts, role: Resource, need: Need, lacking: list[str], held: list[Held]
) -> Finding | NotKnown:
    """Returns the finding for actions that the role lacks, unless a policy of it is not in the template."""
    seen = {one.ref for one in facts.of_type(*POLICIES)}
    for arn in listed(role.get("ManagedPolicyArns")):
        is_known = str(arn).rpartition("/")[2] in _GRANT_LOGS_ALONE and not lacking[0].startswith("logs:")
        if arn not in seen and not is_known:
            return NotKnown(f"{role.id}.ManagedPolicyArns", f"a look at {arn}: it may allow {lacking[0]}")
    of = f" for records {need.key}…" if need.key else ""
    return wrong(
        need.hazard,
        role,
        "Policies",
        f"it may not {' and '.join(lacking)} on {need.name}{of}",
        f"allow {', '.join(lacking)} on {need.name} again",
        _nearest(held, role, need, lacking[0]),
    )


def _denied(
    role: Resource,
    need: Need,
    action: str,
    policy: Resource,
    statement: Mapping[str, Any],
    *,
    is_allowed: bool,
) -> Finding:
    """Returns the finding for the first call that a statement denies: it may deny others, too."""
    line = statement["Line"]
    where = f"{policy.id}, line {line}," if line else policy.id
    return wrong(
        need.hazard,
        policy,
        "Policies" if policy.type == ROLE else "PolicyDocument",
        f"{role.id} may not {action} on {need.name}: {where} denies it",
        "take that statement away" if is_allowed else "set its Effect: Allow",
        line,
    )


def _nearest(held: list[Held], role: Resource, need: Need, action: str) -> int | None:
    """Returns the line of the role's own statement about the action, or about the resource."""
    own = [one for policy, one in held if policy is role and one.get("Effect") == "Allow"]
    of_action = [one for one in own if matches(one["Action"], action.lower())]
    of_resource = [one for one in own if need.arn in one["Resource"]]
    return next((one["Line"] for one in [*of_action, *of_resource]), None)


def _held(facts: Facts, role: Resource) -> Iterator[Held]:
    """Yields the statements of a role, or of a policy that no role has yet."""
    for policy in (role, *_attached(facts, role)):
        yield from ((policy, one) for one in own_statements(policy))


def _attached(facts: Facts, role: Resource) -> list[Resource]:
    arns = [str(one) for one in listed(role.get("ManagedPolicyArns"))]
    return [
        one
        for one in facts.of_type(*POLICIES)
        if isinstance(one.properties, Unknown) or role.ref in listed(one.get("Roles")) or one.ref in arns
    ]


def _denying(held: list[Held], action: str, need: Need) -> Held | None:
    denying = (one for one in held if one[1].get("Effect") == "Deny" and _fits(one[1], action, need))
    return next(denying, None)


def _may(held: list[Held], action: str, need: Need) -> bool:
    return any(
        one.get("Effect") == "Allow" and _fits(one, action, need) and is_judged(one) for _, one in held
    )


def _fits(statement: Mapping[str, Any], action: str, need: Need) -> bool:
    return covers(statement, action, need.arn) and keys_fit(statement, need.key)
