"""The stack as verify deploys it: the project's own, with verify's tasks in the places of a user's."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from samtranslator.yaml_helper import yaml_parse

from zigzag_local import stack
from zigzag_local.errors import LocalAwsError
from zigzag_local.machine import lambda_architecture
from zigzag_package import template, zips
from zigzag_project.places import emptied, joined, split
from zigzag_verify.errors import VerifyError

PROJECT = Path(__file__).resolve().parents[2]
TASKS = Path(__file__).with_name("deployed.py")
TABLE_OF_TASKS = """\
TASKS = dict.fromkeys(("verify", "verify_once", "verify_away"), "tasks.verify")
EVENTS: dict[str, str] = {}
"""
ARCHITECTURE = "x86_64"
"""Of the functions on AWS: each region has it."""

FUNCTIONS = ("ConsumerFunction", "WorkerFunction")

YOURS = {
    "permissions": """\
- Effect: Allow
  Action: [dynamodb:GetItem, dynamodb:PutItem]
  Resource: !GetAtt EffectsTable.Arn
""",
    "environment variables": "VERIFY_TABLE: !Ref EffectsTable\n",
    "resources": """\
EffectsTable:
  Type: AWS::DynamoDB::Table
  DeletionPolicy: Retain
  UpdateReplacePolicy: Retain
  Properties:
    BillingMode: PAY_PER_REQUEST
    AttributeDefinitions: [{AttributeName: id, AttributeType: S}, {AttributeName: run, AttributeType: S}]
    KeySchema: [{AttributeName: id, KeyType: HASH}, {AttributeName: run, KeyType: RANGE}]
ScratchQueue:
  Type: AWS::SQS::Queue
  DeletionPolicy: Retain
  UpdateReplacePolicy: Retain
  Properties:
    FifoQueue: !If [IsFifo, true, !Ref AWS::NoValue]
""",
    "outputs": """\
EffectsTableName:
  Value: !Ref EffectsTable
ScratchQueueUrl:
  Value: !Ref ScratchQueue
""",
}
"""The contents of a user's places in the template: a table of effects, a queue to try SQS on. A sweep deletes
them, as it does the template's own, and so a stack goes sooner."""


class Packages(NamedTuple):
    """The upload: a zip for each function, and the template that CloudFormation gets."""

    zips: Mapping[str, bytes]
    template: Mapping[str, Any]


def template_text(project: Path = PROJECT) -> str:
    """Returns the project's template with verify's things in a user's places, and Lambda's own reports."""
    ours, places = split(emptied((project / "template.yaml").read_text(encoding="utf-8")))
    for place, text in YOURS.items():
        (marker,) = [one for one in places if one == f"# ==== YOURS: {place} ===="]
        line = next(line for line in ours.splitlines() if line.strip() == marker)
        indent = line[: -len(marker)]
        places[marker] = "".join(f"{indent}{one}\n" for one in text.splitlines())
    return joined(ours, places).replace("SystemLogLevel: WARN", "SystemLogLevel: INFO")


def transformed(text: str, bucket: str, keys: Mapping[str, str]) -> dict[str, Any]:
    """Returns what CloudFormation gets: SAM's own transform, made here, so that it is known before."""
    source = yaml_parse(text)
    for name in FUNCTIONS:
        source["Resources"][name]["Properties"]["CodeUri"] = {"Bucket": bucket, "Key": keys[name]}
    found = template.transformed(source)
    for name, resource in found["Resources"].items():
        if resource["Type"] == "AWS::Logs::LogGroup":  # which another AWS names otherwise
            resource["Properties"]["LogGroupName"] = {"Fn::Sub": f"${{AWS::StackName}}-{name}"}
    return found


def boundary(arn: str | None) -> str:
    """Returns the permissions boundary of each role, as the parameter says it. Raises VerifyError if it is no
    ARN of a policy."""
    pattern = yaml_parse(template_text())["Parameters"]["PermissionsBoundary"]["AllowedPattern"]
    if arn and not re.fullmatch(pattern, arn):
        raise VerifyError(f"BOUNDARY={arn} is no ARN of a policy of IAM. Nothing was made")
    return arn or "none"


def build(bucket: str, *, on_aws: bool, boundary: str = "none") -> Packages:
    """Runs `sam build` on a copy of the project that has verify's tasks only. Raises VerifyError."""
    with tempfile.TemporaryDirectory(prefix="zigzag-verify-") as folder:
        project = Path(folder) / "project"
        ignored = shutil.ignore_patterns("__pycache__", "tasks")
        shutil.copytree(PROJECT / "src", project / "src", ignore=ignored)
        tasks = project / "src" / "tasks"
        tasks.mkdir()
        shutil.copy(TASKS, tasks / "verify.py")
        (tasks / "__init__.py").write_text(TABLE_OF_TASKS)
        text = template_text()
        (project / "template.yaml").write_text(text, encoding="utf-8")
        shutil.copy(PROJECT / "samconfig.toml", project)
        architecture = ARCHITECTURE if on_aws else lambda_architecture()
        built = Path(folder) / "built" / "build"
        kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        log, overrides = Path(folder) / "log", {"Architecture": architecture}
        try:
            stack.build(project, kept, built, log, overrides=overrides)
        except LocalAwsError as error:
            raise VerifyError(f"nothing was made: {error}") from error
        packed = {name: _packed(built / name) for name in FUNCTIONS}
    keys = {name: f"{name}.zip" for name in FUNCTIONS}
    made = transformed(text, bucket, keys)
    made["Parameters"]["Architecture"]["Default"] = architecture
    made["Parameters"]["PermissionsBoundary"]["Default"] = boundary
    return Packages({keys[name]: packed[name] for name in FUNCTIONS}, made)


def as_text(made: Mapping[str, Any]) -> str:
    """Returns the template as it is uploaded."""
    return json.dumps(made)  # CloudFormation knows no aliases of YAML


def _packed(folder: Path) -> bytes:
    into = io.BytesIO()
    zips.pack(folder, into)
    return into.getvalue()
