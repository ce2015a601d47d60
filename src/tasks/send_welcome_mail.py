"""Sends a mail after sign-up, by Amazon SES."""

import functools
import os
from typing import Any

import boto3
from botocore.exceptions import ClientError
from pydantic import BaseModel, Field

from zigzag import Context, Reject, Retry, task


class NewUser(BaseModel):
    name: str = Field(min_length=1, max_length=100)
    email: str = Field(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$")


@functools.cache
def _ses() -> Any:
    return boto3.client("sesv2")


@task(attempts=8)
def send_welcome_mail(user: NewUser, context: Context) -> None:
    """Welcomes a new user. Rejects a mail that SES refuses, and retries when SES is busy."""
    try:
        answer = _ses().send_email(
            FromEmailAddress=os.environ["MAIL_FROM"],
            Destination={"ToAddresses": [user.email]},
            Content={
                "Simple": {
                    "Subject": {"Data": "Welcome!"},
                    "Body": {"Text": {"Data": f"Hello {user.name},\n\nit is good to have you here.\n"}},
                }
            },
        )
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code == "MessageRejected":
            raise Reject("SES refuses this mail") from error
        if code in ("TooManyRequestsException", "LimitExceededException"):
            raise Retry("SES is busy", after=60) from error
        raise
    context.log.info("mail sent as %s", answer["MessageId"])
