"""Facts from outside of the stack's resources: key, account, network, log, dry runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from math import ceil
from typing import Any

from zigzag_operate.doctor.calls import FAILURES, Calls, lacks
from zigzag_operate.doctor.facts import Facts, Unknown
from zigzag_operate.facts.lines import fields_of

LOOK_BACK = timedelta(days=1)
MAX_MEMORY = 0.9


def around(calls: Calls, facts: Facts) -> Mapping[str, Any]:
    """Returns the facts by their names. One that is not asked for is not there."""
    limits = calls.or_unknown("lambda", "get_account_settings")
    return {
        "concurrency": limits if isinstance(limits, Unknown) else _concurrency(limits),
        "memory": _memory(calls, facts),
        "dry runs": {
            one.id: _dry_run(calls, one.ref) for one in facts.some("ConsumerFunction", "WorkerFunction")
        },
        **({"key state": _key_state(calls, facts)} if facts.has_key else {}),
        **({"ways out": _ways_out(calls, facts)} if _subnets(facts) else {}),
    }


def _concurrency(limits: Mapping[str, Any]) -> int | None:
    found = limits.get("AccountLimit", {}).get("ConcurrentExecutions")
    return int(found) if found else None


def _key_state(calls: Calls, facts: Facts) -> Any:
    found = calls.or_unknown("kms", "describe_key", KeyId=facts.parameters["KmsKeyArn"])
    return found if isinstance(found, Unknown) else found.get("KeyMetadata", {}).get("KeyState", "gone")


def _memory(calls: Calls, facts: Facts) -> Any:
    """Returns the most memory in MB that a delivery of the last day took, if that is near the function's."""
    for worker, group in zip(facts.some("WorkerFunction"), facts.some("WorkerLogGroup"), strict=False):
        size = worker.number("MemorySize")
        if not size:
            return None
        begin = datetime.now(UTC) - LOOK_BACK
        found = calls.or_unknown(
            "logs",
            "filter_log_events",
            logGroupName=group.ref,
            filterPattern=f"{{ $.memory_mb >= {ceil(size * MAX_MEMORY)} }}",
            startTime=int(begin.timestamp() * 1000),
            limit=1,
        )
        if isinstance(found, Unknown):
            return found
        return _most_of(found.get("events", ()), ceil(size * MAX_MEMORY))
    return None


def _most_of(events: Iterable[Mapping[str, Any]], least: int) -> int | None:
    """Returns `least` if a line tells of so much memory: the local AWS does not filter by numbers."""
    told = ((fields_of(event["message"]) or {}).get("memory_mb") for event in events)
    return least if any(isinstance(one, int | float) and one >= least for one in told) else None


def _dry_run(calls: Calls, function: str) -> Any:
    """Returns why the function can't be invoked, or None if it can
    (https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html: a dry run invokes nothing)."""
    try:
        calls.ask("lambda", "invoke", FunctionName=function, InvocationType="DryRun")
    except FAILURES as error:
        return lacks(error) or "it is not there"
    return None


def _subnets(facts: Facts) -> list[str]:
    for worker in facts.some("WorkerFunction"):
        vpc = worker.get("VpcConfig")
        if isinstance(vpc, Mapping):
            return list(vpc.get("SubnetIds") or [])
    return []


def _ways_out(calls: Calls, facts: Facts) -> Any:
    """Returns `nat` if each subnet has a route out, and the names of the services with an endpoint."""
    try:
        calls.prepare("ec2")
        subnets = calls.ask("ec2", "describe_subnets", SubnetIds=_subnets(facts))["Subnets"]
        vpc = [{"Name": "vpc-id", "Values": [subnets[0]["VpcId"]]}]
        tables = calls.ask("ec2", "describe_route_tables", Filters=vpc)["RouteTables"]
        endpoints = calls.ask("ec2", "describe_vpc_endpoints", Filters=vpc)["VpcEndpoints"]
    except FAILURES as error:
        return lacks(error) or Unknown("the subnets of the worker: they are not there")
    ways = {one["ServiceName"].rpartition(".")[2] for one in endpoints}
    return ways | ({"nat"} if all(_leads_out(one["SubnetId"], tables) for one in subnets) else set())


def _leads_out(subnet: str, tables: list[Any]) -> bool:
    """Returns whether the subnet's routes lead out by anything but an internet gateway, which needs a public
    address, and a worker has none."""
    own = [one for one in tables if any(each.get("SubnetId") == subnet for each in one["Associations"])]
    main = [one for one in tables if any(each.get("Main") for each in one["Associations"])]
    return any(
        route.get("DestinationCidrBlock") == "0.0.0.0/0"
        and not str(route.get("GatewayId", "")).startswith("igw-")
        for table in own or main
        for route in table.get("Routes", [])
    )
