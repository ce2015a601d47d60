"""Could a run take away what it makes? Each such call is made on names that nothing has, first."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError

from zigzag_operate.causes import cause
from zigzag_verify.clock import Clock
from zigzag_verify.door import Door, is_refused
from zigzag_verify.errors import VerifyError
from zigzag_verify.finding import by_tag, found
from zigzag_verify.names import PREFIX

TRIES = 3
WAIT_SECONDS = 10

OF_POLICY = ("DeletePolicy", "GetPolicy", "ListPolicyVersions", "ListEntitiesForPolicy")
OF_ROLE = ("DeleteRole", "GetRole", "ListAttachedRolePolicies", "ListRolePolicies")
OF_FUNCTION = ("DeleteFunctionEventInvokeConfig", "DeleteFunction", "GetFunction")


def rehearse(door: Door, run: str, clock: Clock) -> None:
    """Raises VerifyError if a call of a sweep is refused, or if there is something of that name. It has found
    nothing and changed nothing otherwise."""
    there, problems = found(door, run)
    if problems:
        raise VerifyError(f"verify could not see what it leaves ({problems[0]}). Nothing was made")
    if names := [f"{kind} {name}" for kind, some in there.items() for name in some]:
        raise VerifyError(f"there is a {names[0]} already, which is not verify's. Nothing was made")
    by_tag(door, run)
    refused = [
        why for call in calls(door, f"{PREFIX}{run}-none") if (why := _why_refused(door, clock, *call))
    ]
    if refused:
        raise VerifyError(
            f"the credentials lack {len(refused)} of the permissions to take everything away: {refused[0]}. "
            "Nothing was made"
        )


def calls(door: Door, none: str) -> list[tuple[str, str, dict[str, Any]]]:
    """Returns each call of a sweep, and of CloudFormation to delete a stack, on a name that nothing has."""
    arn = f"arn:{door.place['partition']}:iam::{door.place['account']}:policy/{none}"
    url = f"{door.client('sqs').meta.endpoint_url}/{door.place['account']}/{none}"
    policy, role, function = {"PolicyArn": arn}, {"RoleName": none}, {"FunctionName": none}
    table, rule, bucket = {"TableName": none}, {"Rule": none}, {"Bucket": none}
    return [
        ("cloudformation", "DeleteStack", {"StackName": none}),
        ("sqs", "DeleteQueue", {"QueueUrl": url}),
        ("sqs", "GetQueueAttributes", {"QueueUrl": url}),
        ("dynamodb", "UpdateTable", {**table, "DeletionProtectionEnabled": False}),
        ("dynamodb", "DeleteTable", table),
        ("dynamodb", "DescribeTable", table),
        ("s3", "ListObjectsV2", bucket),
        ("s3", "DeleteObjects", {**bucket, "Delete": {"Objects": [{"Key": "none"}]}}),
        ("s3", "DeleteBucket", bucket),
        ("logs", "DeleteLogGroup", {"logGroupName": none}),
        ("lambda", "RemovePermission", {**function, "StatementId": "none"}),
        *(("lambda", operation, function) for operation in OF_FUNCTION),
        ("events", "RemoveTargets", {**rule, "Ids": ["none"]}),
        ("events", "ListTargetsByRule", rule),
        ("events", "DescribeRule", {"Name": none}),
        ("events", "DeleteRule", {"Name": none}),
        ("cloudwatch", "DeleteAlarms", {"AlarmNames": [none]}),
        ("iam", "DetachRolePolicy", {**role, **policy}),
        ("iam", "DeleteRolePolicy", {**role, "PolicyName": "none"}),
        ("iam", "TagRole", {**role, "Tags": [{"Key": "none", "Value": "none"}]}),
        ("iam", "UntagRole", {**role, "TagKeys": ["none"]}),
        *(("iam", operation, role) for operation in OF_ROLE),
        ("iam", "DeletePolicyVersion", {**policy, "VersionId": "v1"}),
        *(("iam", operation, policy) for operation in OF_POLICY),
    ]


def _why_refused(
    door: Door, clock: Clock, service: str, operation: str, arguments: dict[str, Any]
) -> str | None:
    """Returns what refused the call, or None if it was allowed. Raises ClientError if AWS throttles it on and
    on, and BotoCoreError if no answer comes."""
    client = door.client(service)
    (method,) = [name for name, its in client.meta.method_to_api_mapping.items() if its == operation]
    for number in range(TRIES):
        try:
            getattr(client, method)(**arguments)
        except ClientError as error:
            if is_refused(error):
                return cause(error)
            if not is_throttled(error):
                return None
            if number == TRIES - 1:
                raise
            clock.sleep(WAIT_SECONDS)
        else:
            return None
    return None


def is_throttled(error: ClientError) -> bool:
    said = str(error.response["Error"].get("Code"))
    return any(word in said for word in ("Throttl", "TooManyRequests", "SlowDown", "LimitExceeded"))
