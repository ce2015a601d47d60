"""Clients of this process for the local AWS. The process's own AWS variables and profiles don't matter.

For example: `session().client("sqs", **client_options(aws.environment()))`.
"""

import os
from collections.abc import Mapping
from typing import TypedDict

import boto3
import botocore.session
from botocore.configprovider import ConstantProvider


class ClientOptions(TypedDict):
    """The arguments of boto3's client() and resource() for the local AWS."""

    endpoint_url: str
    region_name: str
    aws_access_key_id: str
    aws_secret_access_key: str
    verify: str | bool


def session() -> boto3.Session:
    """Returns a session that reads neither AWS_PROFILE nor a person's files."""
    plain = botocore.session.Session()
    settings = plain.get_component("config_store")
    settings.set_config_provider("profile", ConstantProvider(value=None))
    settings.set_config_provider("config_file", ConstantProvider(value=os.devnull))
    settings.set_config_provider("credentials_file", ConstantProvider(value=os.devnull))
    return boto3.Session(botocore_session=plain)


def client_options(environment: Mapping[str, str]) -> ClientOptions:
    """Returns the options for the local AWS of this LocalAws.environment()."""
    return {
        "endpoint_url": environment["AWS_ENDPOINT_URL"],
        "region_name": environment["AWS_DEFAULT_REGION"],
        "aws_access_key_id": environment["AWS_ACCESS_KEY_ID"],
        "aws_secret_access_key": environment["AWS_SECRET_ACCESS_KEY"],
        "verify": environment.get("AWS_CA_BUNDLE", False),
    }
