"""Makes a run's bucket and stacks, and waits until they are there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from botocore.exceptions import ClientError

from zigzag_verify.clock import Clock
from zigzag_verify.door import Door
from zigzag_verify.errors import VerifyError
from zigzag_verify.finding import is_gone
from zigzag_verify.journal import Journal
from zigzag_verify.names import EVERY_STACK, SETTINGS, TAG, bucket_of, stack_of
from zigzag_verify.package import Packages, as_text

LOOK_SECONDS = 5
TEMPLATE = "template.yaml"


class Made(NamedTuple):
    """A stack that is there.

    setting    -- its short name.
    outputs    -- by name.
    parameters -- what it was made with.
    """

    setting: str
    name: str
    outputs: dict[str, str]
    parameters: dict[str, str]

    @property
    def is_fifo(self) -> bool:
        return self.parameters.get("Fifo") == "true"


def make(
    door: Door, run: str, packages: Packages, journal: Journal, clock: Clock, until: float
) -> dict[str, Made]:
    """Makes all stacks at the same time. Raises VerifyError if one fails, or is not there in time."""
    address = _upload(door, run, packages, journal)
    for setting in SETTINGS:
        name = stack_of(run, setting)
        journal.will_make(run, f"stack {name}")
        door.client("cloudformation").create_stack(
            StackName=name,
            TemplateURL=address,
            Parameters=[
                {"ParameterKey": key, "ParameterValue": value} for key, value in parameters(setting).items()
            ],
            Capabilities=["CAPABILITY_IAM"],
            OnFailure="DO_NOTHING",  # the reason is read, then all is taken away
            Tags=_tags(run),
            ClientRequestToken=name,
        )
    made: dict[str, Made] = {}
    while len(made) < len(SETTINGS):
        for setting in [one for one in SETTINGS if one not in made]:
            outputs = _outputs(door, stack_of(run, setting))
            if outputs is not None:
                made[setting] = Made(setting, stack_of(run, setting), outputs, parameters(setting))
        if clock.now() > until:
            missing = ", ".join(one for one in SETTINGS if one not in made)
            raise VerifyError(f"CloudFormation did not make these stacks in time: {missing}")
        if len(made) < len(SETTINGS):
            clock.sleep(LOOK_SECONDS)
    return made


def parameters(setting: str) -> dict[str, str]:
    return {**EVERY_STACK, **SETTINGS[setting]}


def _upload(door: Door, run: str, packages: Packages, journal: Journal) -> str:
    """Makes the bucket, and puts code and template into it. Returns the template's address."""
    bucket, s3 = bucket_of(run), door.client("s3")
    journal.will_make(run, f"bucket {bucket}")
    where: dict[str, Any] = {}
    if door.region_name != "us-east-1":  # which S3 does not let be named
        where = {"CreateBucketConfiguration": {"LocationConstraint": door.region_name}}
    s3.create_bucket(Bucket=bucket, **where)
    s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": _tags(run)})
    for key, packed in packages.zips.items():
        s3.put_object(Bucket=bucket, Key=key, Body=packed)
    s3.put_object(Bucket=bucket, Key=TEMPLATE, Body=as_text(packages.template).encode())
    return f"{s3.meta.endpoint_url}/{bucket}/{TEMPLATE}"


def _tags(run: str) -> list[dict[str, str]]:
    return [{"Key": TAG, "Value": run}]


def _outputs(door: Door, name: str) -> dict[str, str] | None:
    """Returns the stack's outputs once it is there, or None. Raises VerifyError if it has failed."""
    try:
        (found,) = door.client("cloudformation").describe_stacks(StackName=name)["Stacks"]
    except ClientError as error:
        if not is_gone(error):
            raise
        return None  # it was asked for a moment ago
    status = found["StackStatus"]
    if status == "CREATE_COMPLETE":
        return {one["OutputKey"]: one["OutputValue"] for one in found.get("Outputs", ())}
    if status == "CREATE_IN_PROGRESS":
        return None
    raise VerifyError(f"the stack {name} is {status}: {_reason(door, name, found)}")


def _reason(door: Door, name: str, found: Mapping[str, Any]) -> str:
    events = door.client("cloudformation").describe_stack_events(StackName=name)["StackEvents"]
    failed = [
        f"{one['LogicalResourceId']}: {one.get('ResourceStatusReason', 'no reason')}"
        for one in events
        if one["ResourceStatus"].endswith("_FAILED")
        and "cancelled" not in one.get("ResourceStatusReason", "")
    ]
    return failed[-1] if failed else str(found.get("StackStatusReason", "no reason"))
