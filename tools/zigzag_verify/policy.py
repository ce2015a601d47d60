"""The policy that a run needs: what verify calls itself, and what CloudFormation does in its name."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

from zigzag_verify.names import PREFIX

MAKES = {
    "AWS::SQS::Queue": "sqs:CreateQueue sqs:GetQueueUrl sqs:GetQueueAttributes sqs:ListQueueTags"
    " sqs:TagQueue",
    "AWS::SQS::QueuePolicy": "sqs:SetQueueAttributes sqs:GetQueueAttributes",
    "AWS::DynamoDB::Table": "dynamodb:CreateTable dynamodb:DescribeTable dynamodb:DescribeTimeToLive"
    " dynamodb:UpdateTimeToLive dynamodb:DescribeContinuousBackups dynamodb:DescribeContributorInsights"
    " dynamodb:DescribeKinesisStreamingDestination dynamodb:GetResourcePolicy dynamodb:ListTagsOfResource"
    " dynamodb:TagResource dynamodb:UpdateTable",
    "AWS::Lambda::Function": "lambda:CreateFunction lambda:GetFunction lambda:TagResource lambda:ListTags"
    " lambda:GetFunctionCodeSigningConfig lambda:GetRuntimeManagementConfig lambda:GetFunctionRecursionConfig"
    " lambda:GetFunctionScalingConfig iam:PassRole s3:GetObject",
    "AWS::Lambda::EventInvokeConfig": "lambda:PutFunctionEventInvokeConfig"
    " lambda:GetFunctionEventInvokeConfig",
    "AWS::Lambda::Permission": "lambda:AddPermission lambda:GetPolicy",
    "AWS::IAM::Role": "iam:CreateRole iam:PutRolePolicy iam:GetRolePolicy iam:TagRole iam:UntagRole"
    " iam:GetRole iam:ListAttachedRolePolicies iam:ListRolePolicies",
    "AWS::IAM::ManagedPolicy": "iam:CreatePolicy iam:AttachRolePolicy iam:GetPolicy iam:GetPolicyVersion"
    " iam:ListEntitiesForPolicy",
    "AWS::Logs::LogGroup": "logs:CreateLogGroup logs:PutRetentionPolicy logs:TagResource"
    " logs:ListTagsForResource logs:GetDataProtectionPolicy logs:DescribeLogGroups",
    "AWS::Events::Rule": "events:PutRule events:PutTargets events:DescribeRule events:ListTargetsByRule"
    " events:ListTagsForResource events:TagResource",
    "AWS::CloudWatch::Alarm": "cloudwatch:PutMetricAlarm cloudwatch:DescribeAlarms cloudwatch:TagResource"
    " cloudwatch:ListTagsForResource",
}
"""CloudFormation's calls to make a resource of this type, with its caller's permissions: of the handlers in
the type's schema, those that the template's properties need
(https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/resource-type-schemas.html)."""

TAKES = {
    "AWS::SQS::Queue": "sqs:DeleteQueue sqs:GetQueueAttributes",
    "AWS::SQS::QueuePolicy": "sqs:GetQueueAttributes",
    "AWS::DynamoDB::Table": "dynamodb:DeleteTable dynamodb:DescribeTable",
    "AWS::Lambda::Function": "lambda:DeleteFunction lambda:GetFunction",
    "AWS::Lambda::EventInvokeConfig": "lambda:DeleteFunctionEventInvokeConfig",
    "AWS::Lambda::Permission": "lambda:RemovePermission",
    "AWS::IAM::Role": "iam:DeleteRole iam:DeleteRolePolicy iam:DetachRolePolicy iam:GetRole"
    " iam:ListAttachedRolePolicies iam:ListRolePolicies iam:TagRole iam:UntagRole",
    "AWS::IAM::ManagedPolicy": "iam:DeletePolicy iam:DeletePolicyVersion iam:DetachRolePolicy iam:GetPolicy"
    " iam:ListPolicyVersions iam:ListEntitiesForPolicy",
    "AWS::Logs::LogGroup": "logs:DeleteLogGroup logs:DescribeLogGroups",
    "AWS::Events::Rule": "events:DeleteRule events:RemoveTargets events:DescribeRule"
    " events:ListTargetsByRule",
    "AWS::CloudWatch::Alarm": "cloudwatch:DeleteAlarms cloudwatch:DescribeAlarms",
}
"""The same to delete one. A run rehearses each of these calls before it makes anything."""

CALLS = (
    "cloudformation:CreateStack cloudformation:DeleteStack cloudformation:DescribeStackEvents"
    " cloudformation:DescribeStacks dynamodb:ListTables dynamodb:UpdateTable events:ListRules"
    " iam:ListPolicies iam:ListRoles lambda:GetAccountSettings lambda:ListFunctions s3:CreateBucket"
    " s3:DeleteBucket s3:DeleteObject s3:ListAllMyBuckets s3:ListBucket s3:PutBucketTagging s3:PutObject"
    " sqs:ListQueues tag:GetResources"
)
"""The calls of verify to make stacks and to take them away, besides those that delete."""

TRIES = (
    "cloudwatch:GetMetricData dynamodb:BatchGetItem dynamodb:PutItem dynamodb:Scan dynamodb:UpdateItem"
    " lambda:InvokeFunction logs:FilterLogEvents sqs:ChangeMessageVisibility sqs:DeleteMessage"
    " sqs:GetQueueAttributes sqs:ReceiveMessage sqs:SendMessage sqs:SetQueueAttributes"
)
"""The calls of the trials."""

WITHOUT_PERMISSION = {"sts:GetCallerIdentity"}

OF_NO_RESOURCE = {
    *("cloudwatch:DescribeAlarms", "cloudwatch:GetMetricData", "dynamodb:ListTables", "events:ListRules"),
    *(
        "iam:ListPolicies",
        "iam:ListRoles",
        "lambda:GetAccountSettings",
        "lambda:ListFunctions",
        "logs:DescribeLogGroups",
    ),
    *("s3:ListAllMyBuckets", "sqs:ListQueues", "tag:GetResources"),
}
"""Actions that AWS lets nobody bound to a resource, or that look for what is left. They only list."""

RESOURCES = {
    "cloudformation": ["cloudformation:{region}:{account}:stack/{prefix}*"],
    "cloudwatch": ["cloudwatch:{region}:{account}:alarm:{prefix}*"],
    "dynamodb": ["dynamodb:{region}:{account}:table/{prefix}*"],
    "events": ["events:{region}:{account}:rule/{prefix}*"],
    "iam": ["iam::{account}:role/{prefix}*", "iam::{account}:policy/{prefix}*"],
    "lambda": ["lambda:{region}:{account}:function:{prefix}*"],
    "logs": ["logs:{region}:{account}:log-group:{prefix}*"],
    "s3": ["s3:::{prefix}*"],
    "sqs": ["sqs:{region}:{account}:{prefix}*"],
}

_PASSES = "iam:PassRole"

_ACTIONS = {
    "s3:ListBuckets": "s3:ListAllMyBuckets",
    "s3:ListObjectsV2": "s3:ListBucket",
    "s3:DeleteObjects": "s3:DeleteObject",
    "sqs:SendMessageBatch": "sqs:SendMessage",
    "sqs:DeleteMessageBatch": "sqs:DeleteMessage",
    "sqs:ChangeMessageVisibilityBatch": "sqs:ChangeMessageVisibility",
    "lambda:Invoke": "lambda:InvokeFunction",
    "resourcegroupstaggingapi:GetResources": "tag:GetResources",
}
"""IAM's name of an operation, where it is another one."""

_NAMED: dict[str, tuple[tuple[str, str], ...]] = {
    "cloudformation": (("StackName", "cloudformation:{region}:{account}:stack/{name}/*"),),
    "cloudwatch": (("AlarmNames", "cloudwatch:{region}:{account}:alarm:{name}"),),
    "dynamodb": (
        ("TableName", "dynamodb:{region}:{account}:table/{name}"),
        ("RequestItems", "dynamodb:{region}:{account}:table/{name}"),
    ),
    "events": (
        ("Rule", "events:{region}:{account}:rule/{name}"),
        ("Name", "events:{region}:{account}:rule/{name}"),
    ),
    "iam": (("RoleName", "iam::{account}:role/{name}"), ("PolicyArn", "{name}")),
    "lambda": (("FunctionName", "lambda:{region}:{account}:function:{name}"),),
    "logs": (("logGroupName", "logs:{region}:{account}:log-group:{name}:*"),),
    "s3": (("Bucket", "s3:::{name}"),),
    "sqs": (("QueueUrl", "sqs:{region}:{account}:{name}"), ("QueueName", "sqs:{region}:{account}:{name}")),
}
"""The parameter that names an operation's resource, and its ARN without `arn:PARTITION:`."""


def action_of(service: str, operation: str) -> str:
    """Returns IAM's name of an operation of botocore's."""
    own = f"{service}:{operation}"
    return _ACTIONS.get(own, own)


def arn_of(service: str, parameters: Mapping[str, Any], place: Mapping[str, str]) -> str:
    """Returns the ARN of what a call names, or `*` if it names nothing."""
    for parameter, form in _NAMED.get(service, ()):
        if parameter in parameters:
            value = parameters[parameter]
            name = str(value) if isinstance(value, str) else str(next(iter(value)))
            name = name.rpartition("/")[2] if parameter == "QueueUrl" else name
            if service == "s3" and "Key" in parameters:
                name += f"/{parameters['Key']}"
            found = form.format(name=name, **place)
            return found if found.startswith("arn:") else f"arn:{place['partition']}:{found}"
    return "*"


def needed() -> set[str]:
    """Returns the actions of a run."""
    return {*CALLS.split(), *TRIES.split()}.union(
        *(one.split() for one in (*MAKES.values(), *TAKES.values()))
    )


def document(place: Mapping[str, str]) -> dict[str, Any]:
    """Returns the policy. Each statement is for the resources of verify's name, but those that only list."""
    actions = needed()
    by_service: dict[str, list[str]] = {}
    for action in sorted(actions - OF_NO_RESOURCE - {_PASSES}):
        by_service.setdefault(action.partition(":")[0], []).append(action)
    statements: list[dict[str, Any]] = [
        {"Effect": "Allow", "Action": found, "Resource": _resources(service, place)}
        for service, found in by_service.items()
    ]
    statements.append({"Effect": "Allow", "Action": sorted(actions & OF_NO_RESOURCE), "Resource": "*"})
    statements.append(
        {
            "Effect": "Allow",
            "Action": _PASSES,
            "Resource": _resources("iam", place)[0],
            "Condition": {"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}},
        }
    )
    return {"Version": "2012-10-17", "Statement": statements}


def allows(policy: Mapping[str, Any], action: str, arn: str) -> bool:
    """Returns whether a policy of `document` allows the action on that ARN."""
    for one in policy["Statement"]:
        actions, resources = (
            [found] if isinstance(found, str) else found for found in (one["Action"], one["Resource"])
        )
        if action in actions and any(fnmatchcase(arn, resource) for resource in resources):
            return True
    return action in WITHOUT_PERMISSION


def _resources(service: str, place: Mapping[str, str]) -> list[str]:
    forms = RESOURCES[service]
    return [f"arn:{place['partition']}:{one.format(prefix=PREFIX, **place)}" for one in forms]
