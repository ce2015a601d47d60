"""Makes the template that any tool deploys: SAM's transform done, and the code in a bucket of one's own.

It needs no `CAPABILITY_AUTO_EXPAND`, and CDK's CfnInclude and Terraform's `aws_cloudformation_stack` take it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any
from unittest import mock

from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse

FUNCTION = "AWS::Serverless::Function"
BUCKET = "CodeBucket"


class _NoManagedPolicies:
    """Stands for IAM's list of AWS's managed policies, for which SAM would ask AWS. The template has ARNs."""

    def load(self) -> dict[str, str]:
        return {}


def transformed(source: Mapping[str, Any]) -> dict[str, Any]:
    """Returns what SAM's transform makes of a template, here and without a call."""
    region = {"AWS_DEFAULT_REGION": os.environ.get("AWS_DEFAULT_REGION", "us-east-1")}
    with mock.patch.dict(os.environ, region):  # it asks for one, and makes nothing of it
        return dict(transform(source, {}, _NoManagedPolicies()))


def functions(text: str) -> list[str]:
    """Returns the names of a template's functions, whose packages `sam build` makes."""
    return [name for name, one in yaml_parse(text)["Resources"].items() if one["Type"] == FUNCTION]


def packaged(text: str, zips: Mapping[str, str], architecture: str) -> dict[str, Any]:
    """Returns the template for these zips.

    zips         -- the file's name by the function's.
    architecture -- the one that they were built for.

    A function's key in the bucket is a parameter, whose default is the file's name.
    """
    source = yaml_parse(text)
    for name in zips:
        source["Resources"][name]["Properties"]["CodeUri"] = f"s3://bucket/{name}"
    (source.get("Globals", {}).get("Function") or {}).pop("CodeUri", None)
    made = transformed(source)
    made["Parameters"] = {**made["Parameters"], **_parameters(zips)}
    made["Parameters"]["Architecture"] |= {"Default": architecture, "AllowedValues": [architecture]}
    for name in zips:
        function = made["Resources"][name]
        function.pop("Metadata", None)
        function["Properties"]["Code"] = {"S3Bucket": {"Ref": BUCKET}, "S3Key": {"Ref": f"{name}Key"}}
    return made


def _parameters(zips: Mapping[str, str]) -> dict[str, Any]:
    bucket = {"Type": "String", "Description": "The bucket in the stack's region that the zips are in."}
    keys = {
        f"{name}Key": {"Type": "String", "Default": file, "Description": f"The key of {name}'s zip there."}
        for name, file in zips.items()
    }
    return {BUCKET: bucket, **keys}
