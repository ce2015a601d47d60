"""Plays AWS for verify: boto3's real clients ask it, and botocore's model judges questions and answers.

It has stacks that take their time, and resources as the template's; it judges each call by the policy that
verify prints. And it refuses, throttles, hangs, and does things by half.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any, ClassVar

import boto3
from botocore.exceptions import ReadTimeoutError
from botocore.validate import ParamValidator

from zigzag_operate.doctor.evaluating import covers
from zigzag_verify.names import TAG, run_of
from zigzag_verify.package import Packages, template_text, transformed
from zigzag_verify.policy import MAKES, TAKES, action_of, arn_of

ACCOUNT, REGION = "123456789012", "eu-west-1"
PLACE = {"partition": "aws", "region": REGION, "account": ACCOUNT}
MAKE_SECONDS, TAKE_SECONDS, LISTED_ON_SECONDS = 100, 60, 50
CALL_SECONDS = 0.05
KINDS = {
    "AWS::SQS::Queue": "queue",
    "AWS::DynamoDB::Table": "table",
    "AWS::Logs::LogGroup": "log group",
    "AWS::Lambda::Function": "function",
    "AWS::Events::Rule": "rule",
    "AWS::CloudWatch::Alarm": "alarm",
    "AWS::IAM::Role": "role",
    "AWS::IAM::ManagedPolicy": "policy",
}
"""The types that are things of their own, as services list them."""


class Killed(BaseException):
    """The process is gone: it makes no call any more."""


class RefusedError(Exception):
    """An answer that is an error."""

    def __init__(self, code: str, message: str = "no", status: int = 400) -> None:
        self.code, self.message, self.status = code, message, status


class VirtualClock:
    def __init__(self) -> None:
        self.at = 1_800_000_000.0

    def now(self) -> float:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.at += seconds


@cache
def packages() -> Packages:
    """Returns the real template with zips that nobody opens."""
    keys = {"ConsumerFunction": "c.zip", "WorkerFunction": "w.zip"}
    return Packages(dict.fromkeys(keys.values(), b"zip"), transformed(template_text(), "bucket", keys))


class PlayedAws:
    """An account.

    policy -- that of the caller.
    fault  -- is asked before each call, by its number and its action; returns what goes wrong, or None.
    things -- what there is, by kind and name: its tags.
    """

    def __init__(self, policy: Mapping[str, Any]) -> None:
        self.policy, self.clock = policy, VirtualClock()
        self.fault: Callable[[int, str], str | None] = lambda number, action: None
        self.things: dict[tuple[str, str], dict[str, str]] = {}
        self.stacks: dict[str, dict[str, Any]] = {}
        self.deleted: dict[tuple[str, str], float] = {}
        self.asked: list[str] = []
        self.killed, self.concurrency = False, 1000

    # ---- How it is asked ----

    def answer(self, model: Any, params: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
        service = model.service_model.service_name
        action = action_of(service, model.name)
        if self.killed:
            raise Killed
        self.clock.at += CALL_SECONDS
        self.asked.append(action)
        fault = self.fault(len(self.asked), action)
        self._before(fault)
        try:
            if fault in ("refused", "throttled"):
                raise RefusedError(
                    "AccessDenied" if fault == "refused" else "ThrottlingException", status=403
                )
            self._judge(action, arn_of(service, params, PLACE))
            told = getattr(self, f"_{service}_{model.name}", self._nothing)(params)
        except RefusedError as refusal:
            error = {"Code": refusal.code, "Message": refusal.message}
            return _Http(refusal.status), {"Error": error, "ResponseMetadata": {}}
        finally:
            self._after(fault)
        if model.output_shape is not None:
            report = ParamValidator().validate(told, model.output_shape)
            assert not report.has_errors(), f"{action}: {report.generate_report()}"
        return _Http(200), {**told, "ResponseMetadata": {"HTTPStatusCode": 200}}

    def _before(self, fault: str | None) -> None:
        if fault == "interrupted":
            raise KeyboardInterrupt
        if fault == "hung":
            raise ReadTimeoutError(endpoint_url="https://aws")
        if fault == "killed":
            self.killed = True
            raise Killed

    def _after(self, fault: str | None) -> None:
        if fault == "half":
            raise ReadTimeoutError(endpoint_url="https://aws")
        if fault == "killed after":
            self.killed = True
            raise Killed

    def _judge(self, action: str, arn: str) -> None:
        if action != "sts:GetCallerIdentity" and not self.allows(action, arn):
            raise RefusedError("AccessDenied", f"not authorized to perform {action} on {arn}", 403)

    def allows(self, action: str, arn: str) -> bool:
        listed = [{"NotAction": [], "NotResource": [], **one} for one in self.policy["Statement"]]
        return any(covers({**one, **_lists(one)}, action, arn) for one in listed)

    def _nothing(self, params: Mapping[str, Any]) -> dict[str, Any]:
        raise RefusedError("NoSuchEntity")

    # ---- What there is ----

    def left(self) -> list[str]:
        """Returns what there is with verify's tag or name."""
        ours = [one for one, tags in self.things.items() if TAG in tags or run_of(one[1])]
        named = [f"{kind} {name}" for kind, name in ours]
        return sorted([*named, *(f"stack {name}" for name in self._there())])

    def _there(self) -> list[str]:
        return [name for name in self.stacks if self._status(name) is not None]

    def _names(self, kind: str) -> list[str]:
        lagging = [one for one, until in self.deleted.items() if until > self.clock.at]
        return sorted({name for its, name in [*self.things, *lagging] if its == kind})

    def _gone(self, kind: str, name: str) -> dict[str, Any]:
        if (kind, name) not in self.things:
            raise RefusedError("ResourceNotFoundException")
        del self.things[kind, name]
        if kind == "queue":
            self.deleted[kind, name] = self.clock.at + LISTED_ON_SECONDS
        return {}

    # ---- CloudFormation ----

    def _cloudformation_CreateStack(self, params: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802
        name = params["StackName"]
        if name in self._there():
            raise RefusedError("AlreadyExistsException")
        bucket, key = params["TemplateURL"].split("/")[-2:]
        body = self.things["object", f"{bucket}/{key}"]["body"]
        template = json.loads(body)
        given = {one["ParameterKey"]: one["ParameterValue"] for one in params["Parameters"]}
        tags = {one["Key"]: one["Value"] for one in params["Tags"]}
        resources = [(one["Type"], logical, one) for logical, one in real(template, given)]
        missing = [
            one
            for kind in sorted({kind for kind, _, _ in resources})
            for one in MAKES[kind].split()
            if not self.allows(one, _arn(one, name))
        ]
        made = resources[: len(resources) // 2] if missing else resources
        self.stacks[name] = {
            "made": self.clock.at + MAKE_SECONDS,
            "failed": missing[0] if missing else None,
            "resources": made,
            "outputs": template["Outputs"],
            "parameters": params["Parameters"],
            "taken": None,
        }
        for kind, logical, _ in made:
            if kind in KINDS:
                self.things[KINDS[kind], _name(name, kind, logical)] = dict(tags)
        return {"StackId": f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/{name}/1"}

    def _status(self, name: str) -> str | None:
        stack = self.stacks[name]
        if stack["taken"] is not None:
            if stack["taken"] > self.clock.at:
                return "DELETE_IN_PROGRESS"
            self._take(name)
            return "DELETE_FAILED" if stack["resources"] else None
        if stack["made"] > self.clock.at:
            return "CREATE_IN_PROGRESS"
        return "CREATE_FAILED" if stack["failed"] else "CREATE_COMPLETE"

    def _take(self, name: str) -> None:
        stack = self.stacks[name]
        kept = []
        for kind, logical, resource in stack["resources"]:
            refused = [one for one in TAKES[kind].split() if not self.allows(one, _arn(one, name))]
            if refused:
                kept.append((kind, logical, resource))
            elif kind in KINDS and "Retain" not in resource.get("DeletionPolicy", ""):
                self.things.pop((KINDS[kind], _name(name, kind, logical)), None)
        stack["resources"] = kept

    def _cloudformation_DescribeStacks(self, params: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802
        name = params["StackName"]
        if name not in self._there():
            raise RefusedError("ValidationError", f"Stack with id {name} does not exist")
        stack, status = self.stacks[name], str(self._status(name))
        of_queue = f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{name}-"
        outputs = {key: f"{of_queue if 'Url' in key else f'{name}-'}{key}" for key in stack["outputs"]}
        outputs |= {"Queues": f"default:1={outputs['QueueUrl']}"}
        told = {
            "StackName": name,
            "StackId": f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/{name}/1",
            "StackStatus": status,
            "CreationTime": datetime.fromtimestamp(self.clock.at, UTC),
            "Outputs": [{"OutputKey": key, "OutputValue": value} for key, value in outputs.items()],
            "Parameters": stack["parameters"],
        }
        return {"Stacks": [told]}

    def _cloudformation_DescribeStackEvents(self, params: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802
        name = params["StackName"]
        reason = f"not authorized to perform {self.stacks[name]['failed']}"
        event = {"LogicalResourceId": "X", "ResourceStatus": "CREATE_FAILED", "ResourceStatusReason": reason}
        at = datetime.fromtimestamp(self.clock.at, UTC)
        ids = {"StackId": "1", "EventId": "1", "StackName": name}
        return {"StackEvents": [{**event, **ids, "Timestamp": at}]}

    def _cloudformation_DeleteStack(self, params: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802
        name = params["StackName"]
        if name in self._there() and self._status(name) != "DELETE_IN_PROGRESS":
            self.stacks[name]["taken"] = self.clock.at + TAKE_SECONDS
        return {}

    # ---- S3 ----

    def _s3_CreateBucket(self, params: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802
        self.things["bucket", params["Bucket"]] = {}
        return {}

    def _s3_PutBucketTagging(self, params: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802
        tags = {one["Key"]: one["Value"] for one in params["Tagging"]["TagSet"]}
        self.things["bucket", params["Bucket"]] = tags
        return {}

    def _s3_PutObject(self, params: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802
        body = params["Body"].read().decode()
        self.things["object", f"{params['Bucket']}/{params['Key']}"] = {"body": body}
        return {}

    def _s3_ListBuckets(self, params: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802
        return {"Buckets": [{"Name": name} for name in [*self._names("bucket"), "somebodys-own"]]}

    def _s3_ListObjectsV2(self, params: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802
        if params["Bucket"] not in self._names("bucket"):
            raise RefusedError("NoSuchBucket")
        return {"Contents": [{"Key": key} for key in self._keys(params["Bucket"])]}

    def _s3_DeleteObjects(self, params: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802
        for one in params["Delete"]["Objects"]:
            self.things.pop(("object", f"{params['Bucket']}/{one['Key']}"), None)
        return {}

    def _s3_DeleteBucket(self, params: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802
        if self._keys(params["Bucket"]):
            raise RefusedError("BucketNotEmpty")
        return self._gone("bucket", params["Bucket"])

    def _keys(self, bucket: str) -> list[str]:
        return [name.partition("/")[2] for name in self._names("object") if name.startswith(f"{bucket}/")]

    # ---- The others: lists, and deletes ----

    def _sts_GetCallerIdentity(self, params: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802
        return {"Account": ACCOUNT, "Arn": f"arn:aws:iam::{ACCOUNT}:user/ann", "UserId": "A"}

    def _lambda_GetAccountSettings(self, params: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802
        return {"AccountLimit": {"UnreservedConcurrentExecutions": self.concurrency}}

    def _sqs_ListQueues(self, params: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802
        prefix = params["QueueNamePrefix"]
        names = [name for name in self._names("queue") if name.startswith(prefix)]
        return {"QueueUrls": [f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{name}" for name in names]}

    def _sqs_DeleteQueue(self, params: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802
        return self._gone("queue", params["QueueUrl"].rpartition("/")[2])

    def _dynamodb_ListTables(self, params: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802
        return {"TableNames": [*self._names("table"), "somebodys-own"]}

    def _dynamodb_UpdateTable(self, params: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802
        if ("table", params["TableName"]) not in self.things:
            raise RefusedError("ResourceNotFoundException")
        self.things["table", params["TableName"]]["open"] = "yes"
        return {}

    def _dynamodb_DeleteTable(self, params: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802
        if self.things.get(("table", params["TableName"]), {"open": ""}).get("open") is None:
            raise RefusedError("ValidationException", "the table is protected")
        return self._gone("table", params["TableName"])

    def _logs_DescribeLogGroups(self, params: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802
        return {"logGroups": [{"logGroupName": name} for name in self._names("log group")]}

    def _logs_DeleteLogGroup(self, params: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802
        return self._gone("log group", params["logGroupName"])

    def _lambda_ListFunctions(self, params: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802
        return {"Functions": [{"FunctionName": name} for name in [*self._names("function"), "own"]]}

    def _events_ListRules(self, params: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802
        return {"Rules": [{"Name": name} for name in self._names("rule")]}

    def _cloudwatch_DescribeAlarms(self, params: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802
        return {"MetricAlarms": [{"AlarmName": name} for name in self._names("alarm")]}

    def _iam_ListRoles(self, params: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802
        at = datetime.fromtimestamp(0, UTC)
        common = {"Path": "/", "RoleId": "A" * 16, "CreateDate": at}
        names = [*self._names("role"), "own"]
        return {
            "Roles": [
                {**common, "RoleName": one, "Arn": f"arn:aws:iam::{ACCOUNT}:role/{one}"} for one in names
            ]
        }

    def _iam_ListPolicies(self, params: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802
        arns = [f"arn:aws:iam::{ACCOUNT}:policy/{one}" for one in self._names("policy")]
        return {"Policies": [{"Arn": arn} for arn in arns]}

    def _resourcegroupstaggingapi_GetResources(self, params: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802
        (wanted,) = params["TagFilters"]
        values = wanted.get("Values")
        found = [
            {"ResourceARN": f"arn:aws:{kind}:{REGION}:{ACCOUNT}:{name}"}
            for (kind, name), tags in self.things.items()
            if TAG in tags and (values is None or tags[TAG] in values)
        ]
        return {"ResourceTagMappingList": found}

    # ---- What the trials ask: nothing runs here, so that nothing comes of what is sent ----

    def _sqs_SendMessage(self, params: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802
        return {"MessageId": "1"}

    def _sqs_ReceiveMessage(self, params: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802
        message = {"MessageId": "1", "ReceiptHandle": "1", "Body": "", "Attributes": {"SenderId": "A"}}
        return {"Messages": [message]} if "Scratch" in params["QueueUrl"] else {}

    def _sqs_GetQueueAttributes(self, params: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802
        if params["QueueUrl"].endswith("-none"):
            raise RefusedError("AWS.SimpleQueueService.NonExistentQueue")
        return {"Attributes": dict.fromkeys(params["AttributeNames"], "0")}

    def _taken(self, params: Mapping[str, Any]) -> dict[str, Any]:
        return {}

    _sqs_SetQueueAttributes = _sqs_DeleteMessage = _logs_FilterLogEvents = _taken  # noqa: N815
    _dynamodb_Scan = _dynamodb_PutItem = _dynamodb_UpdateItem = _dynamodb_BatchGetItem = _taken  # noqa: N815

    def _cloudwatch_GetMetricData(self, params: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802
        return {"MetricDataResults": []}

    def _lambda_Invoke(self, params: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802
        return {"StatusCode": 202}


class _Http:
    headers: ClassVar[Mapping[str, str]] = {}

    def __init__(self, status: int) -> None:
        self.status_code = status


def real(template: Mapping[str, Any], given: Mapping[str, str]) -> list[tuple[str, dict[str, Any]]]:
    """Returns the resources that a stack with these parameters has."""
    values = {name: str(one.get("Default")) for name, one in template["Parameters"].items()} | dict(given)

    def holds(condition: Any) -> bool:
        ((function, said),) = condition.items()
        match function:
            case "Condition":
                return holds(template["Conditions"][said])
            case "Fn::Not":
                return not holds(said[0])
            case "Fn::And" | "Fn::Or":
                return (all if function == "Fn::And" else any)(map(holds, said))
        left, right = (values[one["Ref"]] if isinstance(one, Mapping) else one for one in said)
        return str(left) == str(right)

    return [
        (logical, one)
        for logical, one in template["Resources"].items()
        if "Condition" not in one or holds({"Condition": one["Condition"]})
    ]


def _name(stack: str, kind: str, logical: str) -> str:
    """Returns the name that CloudFormation makes, or the template's."""
    return f"{stack}-{logical}" if kind == "AWS::Logs::LogGroup" else f"{stack}-{logical}-1A2B3C"


def _lists(statement: Mapping[str, Any]) -> dict[str, list[str]]:
    return {
        name: [value] if isinstance(value, str) else list(value)
        for name, value in statement.items()
        if name in ("Action", "Resource")
    }


def _arn(action: str, stack: str) -> str:
    """Returns an ARN as CloudFormation's calls name it, of a thing of the stack."""
    name = f"{stack}-X-1A2B3C"
    region = f"{REGION}:{ACCOUNT}"
    of_iam = "policy" if "Polic" in action and "Role" not in action else "role"
    forms = {
        "sqs": f"arn:aws:sqs:{region}:{name}",
        "dynamodb": f"arn:aws:dynamodb:{region}:table/{name}",
        "lambda": f"arn:aws:lambda:{region}:function:{name}",
        "iam": f"arn:aws:iam::{ACCOUNT}:{of_iam}/{name}",
        "logs": f"arn:aws:logs:{region}:log-group:{name}:*",
        "events": f"arn:aws:events:{region}:rule/{name}",
        "cloudwatch": f"arn:aws:cloudwatch:{region}:alarm:{name}",
        "s3": f"arn:aws:s3:::{stack}/c.zip",
    }
    if action == "iam:ListEntitiesForPolicy":
        return f"arn:aws:iam::{ACCOUNT}:policy/{name}"
    return forms[action.partition(":")[0]]


class Session:
    """boto3's session, whose clients are made once for all tests, and ask one played AWS at a time."""

    region_name = REGION
    _clients: ClassVar[dict[str, Any]] = {}
    _asked: ClassVar[list[PlayedAws]] = []

    def __init__(self, aws: PlayedAws) -> None:
        self._asked[:] = [aws]

    def client(self, service: str, **_: object) -> Any:
        if service not in self._clients:
            session = boto3.Session(
                region_name=REGION, aws_access_key_id="testing", aws_secret_access_key="testing"
            )
            self._clients[service] = session.client(service)  # type: ignore[call-overload]
            events = self._clients[service].meta.events
            events.register("before-parameter-build", self._note, unique_id="played notes")
            events.register("before-call", self._ask, unique_id="played asks")
        events = self._clients[service].meta.events
        for event, its in {"before-parameter-build": "verify notes", "before-call": "verify passes"}.items():
            events.unregister(event, unique_id=its)  # of the door of the last test
        return self._clients[service]

    @staticmethod
    def _note(params: Any, context: dict[str, Any], **_: object) -> None:
        context["played"] = dict(params)

    @classmethod
    def _ask(cls, model: Any, context: Mapping[str, Any], **_: object) -> Any:
        return cls._asked[0].answer(model, context["played"])
