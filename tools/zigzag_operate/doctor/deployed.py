"""Reads each kind of a deployed resource, as the properties that CloudFormation has for it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from zigzag_operate.doctor.calls import Calls
from zigzag_operate.doctor.facts import (
    ALARM,
    BUCKET,
    FUNCTION,
    LOGS,
    POLICIES,
    QUEUE,
    ROLE,
    RULE,
    SUBSCRIPTION,
    TABLE,
    TOPIC,
    Unknown,
)

type Read = tuple[dict[str, Any], str]
"""The properties and the ARN."""


def _queue(calls: Calls, url: str) -> Read:
    answer = calls.ask("sqs", "get_queue_attributes", QueueUrl=url, AttributeNames=["All"])
    found = dict(answer["Attributes"])
    for name in ("RedrivePolicy", "RedriveAllowPolicy", "Policy"):
        if name in found:
            found[name] = json.loads(found[name])
    return found, found["QueueArn"]


def _function(calls: Calls, name: str) -> Read:
    found = calls.ask("lambda", "get_function_configuration", FunctionName=name)
    reserved = calls.or_unknown("lambda", "get_function_concurrency", FunctionName=name)
    events = calls.or_unknown(
        "lambda", "get_function_event_invoke_config", FunctionName=name, Qualifier="$LATEST"
    )
    held = reserved if isinstance(reserved, Unknown) else reserved.get("ReservedConcurrentExecutions")
    return {**found, "EventInvokeConfig": events, "ReservedConcurrentExecutions": held}, found["FunctionArn"]


def _rule(calls: Calls, name: str) -> Read:
    found = calls.ask("events", "describe_rule", Name=name)
    targets = calls.ask("events", "list_targets_by_rule", Rule=name)["Targets"]
    return {**found, "Targets": targets}, found["Arn"]


def _table(calls: Calls, name: str) -> Read:
    found = calls.ask("dynamodb", "describe_table", TableName=name)["Table"]
    lives = calls.or_unknown("dynamodb", "describe_time_to_live", TableName=name)
    if not isinstance(lives, Unknown):
        lives = lives.get("TimeToLiveDescription", {})
        enabled = lives.get("TimeToLiveStatus") in ("ENABLED", "ENABLING")
        lives = {"Enabled": enabled, "AttributeName": lives.get("AttributeName")}
    billed = found.get("BillingModeSummary", {}).get("BillingMode", "PROVISIONED")
    key = {"KMSMasterKeyId": found.get("SSEDescription", {}).get("KMSMasterKeyArn")}
    more = {"BillingMode": billed, "TimeToLiveSpecification": lives, "SSESpecification": key}
    return {**found, **more}, found["TableArn"]


def _role(calls: Calls, name: str) -> Read:
    found = calls.ask("iam", "get_role", RoleName=name)["Role"]
    names = calls.ask("iam", "list_role_policies", RoleName=name)["PolicyNames"]
    policies = [calls.ask("iam", "get_role_policy", RoleName=name, PolicyName=one) for one in names]
    attached = calls.ask("iam", "list_attached_role_policies", RoleName=name)["AttachedPolicies"]
    return {
        "AssumeRolePolicyDocument": found["AssumeRolePolicyDocument"],
        "PermissionsBoundary": found.get("PermissionsBoundary"),
        "Policies": policies,
        "ManagedPolicyArns": [one["PolicyArn"] for one in attached],
    }, found["Arn"]


def policy(calls: Calls, arn: str) -> Read:
    """Reads a managed policy in its version."""
    version = calls.ask("iam", "get_policy", PolicyArn=arn)["Policy"]["DefaultVersionId"]
    found = calls.ask("iam", "get_policy_version", PolicyArn=arn, VersionId=version)["PolicyVersion"]
    return {"PolicyDocument": found["Document"]}, arn


def _logs(calls: Calls, name: str) -> Read:
    groups: list[dict[str, Any]] = calls.ask("logs", "describe_log_groups", logGroupNamePrefix=name)[
        "logGroups"
    ]
    found: dict[str, Any] = next((one for one in groups if one["logGroupName"] == name), {})
    made = {"RetentionInDays": found.get("retentionInDays"), "KmsKeyId": found.get("kmsKeyId")}
    return made, found.get("arn", "")


def _alarm(calls: Calls, name: str) -> Read:
    found: list[dict[str, Any]] = calls.ask("cloudwatch", "describe_alarms", AlarmNames=[name])[
        "MetricAlarms"
    ]
    return (found[0], found[0].get("AlarmArn", "")) if found else ({}, "")


def _topic(calls: Calls, arn: str) -> Read:
    found = calls.ask("sns", "get_topic_attributes", TopicArn=arn)["Attributes"]
    told = calls.or_unknown("sns", "list_subscriptions_by_topic", TopicArn=arn)
    held = told if isinstance(told, Unknown) else told.get("Subscriptions", [])
    return {**found, "Policy": json.loads(found.get("Policy", "{}")), "Subscription": held}, arn


def _subscription(calls: Calls, arn: str) -> Read:
    found = dict(calls.ask("sns", "get_subscription_attributes", SubscriptionArn=arn)["Attributes"])
    if "RedrivePolicy" in found:
        found["RedrivePolicy"] = json.loads(found["RedrivePolicy"])
    return found, arn


def _bucket(calls: Calls, name: str) -> Read:
    block = calls.or_unknown("s3", "get_public_access_block", Bucket=name)
    lives = calls.or_unknown("s3", "get_bucket_lifecycle_configuration", Bucket=name)
    closed = block if isinstance(block, Unknown) else block.get("PublicAccessBlockConfiguration", {})
    if not isinstance(lives, Unknown):
        rules = [
            {**one, "ExpirationInDays": one.get("Expiration", {}).get("Days")}
            for one in lives.get("Rules", [])
        ]
        lives = {"Rules": rules}
    return {
        "PublicAccessBlockConfiguration": closed,
        "LifecycleConfiguration": lives,
    }, f"arn:{calls.partition}:s3:::{name}"


READERS: Mapping[str, tuple[str, Callable[[Calls, str], Read]]] = {
    QUEUE: (QUEUE, _queue),
    "AWS::Lambda::Function": (FUNCTION, _function),
    RULE: (RULE, _rule),
    TABLE: (TABLE, _table),
    ROLE: (ROLE, _role),
    LOGS: (LOGS, _logs),
    ALARM: (ALARM, _alarm),
    TOPIC: (TOPIC, _topic),
    SUBSCRIPTION: (SUBSCRIPTION, _subscription),
    BUCKET: (BUCKET, _bucket),
    POLICIES[0]: (POLICIES[0], policy),
}
"""The type that a resource has among the facts, and its reader, by CloudFormation's type."""
