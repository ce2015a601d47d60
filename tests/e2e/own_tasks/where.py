"""A task that tells in which worker it runs, by its dead letter."""

import os

from zigzag import Reject, task


@task()
def where(payload: dict[str, str]) -> None:
    raise Reject(f"with {os.environ['AWS_LAMBDA_FUNCTION_MEMORY_SIZE']} MB")
