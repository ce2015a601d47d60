"""Runs the AWS command line on the local AWS, as a person would."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from zigzag_local.errors import LocalAwsError, last_lines
from zigzag_local.running import LocalAws

_AWS = Path(sys.executable).with_name("aws")


def run(aws: LocalAws, *arguments: str) -> dict[str, Any]:
    """Returns the answer of `aws <arguments>`. Raises LocalAwsError if the command is missing or fails."""
    if not _AWS.is_file():
        raise LocalAwsError(f"The AWS command line is not installed, {_AWS} is missing: run `make setup`.")
    # `aws sqs` has its own host for us-east-1, which AWS_ENDPOINT_URL does not change.
    command = [str(_AWS), *arguments, "--endpoint-url", aws.endpoint]
    done = subprocess.run(command, env=aws.environment(), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        said = last_lines(done.stderr)
        raise LocalAwsError(f"`aws {' '.join(arguments[:2])}` failed: correct what it names. It said:{said}")
    return dict(json.loads(done.stdout)) if done.stdout.strip() else {}
