"""How does this very process speak to the local AWS, whatever AWS variables and profiles it has?

For example: `session().client("sqs", **client_options(aws.environment()))`.
"""

import os
from collections.abc import Mapping
from typing import TypedDict

import boto3
import botocore.session
from botocore.configprovider import ConstantProvider


class ClientOptions(TypedDict):
    """What boto3's client() and resource() take to lead to the local AWS."""

    endpoint_url: str
    region_name: str
    aws_access_key_id: str
    aws_secret_access_key: str
    verify: str | bool


def session() -> boto3.Session:
    """A session that reads no profile: neither AWS_PROFILE nor a person's files."""
    plain = botocore.session.Session()
    settings = plain.get_component("config_store")
    settings.set_config_provider("profile", ConstantProvider(value=None))
    settings.set_config_provider("config_file", ConstantProvider(value=os.devnull))
    settings.set_config_provider("credentials_file", ConstantProvider(value=os.devnull))
    return boto3.Session(botocore_session=plain)


def client_options(environment: Mapping[str, str]) -> ClientOptions:
    """Where the local AWS is, from LocalAws.environment()."""
    return {
        "endpoint_url": environment["AWS_ENDPOINT_URL"],
        "region_name": environment["AWS_DEFAULT_REGION"],
        "aws_access_key_id": environment["AWS_ACCESS_KEY_ID"],
        "aws_secret_access_key": environment["AWS_SECRET_ACCESS_KEY"],
        "verify": environment.get("AWS_CA_BUNDLE", False),
    }
