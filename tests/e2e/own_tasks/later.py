"""A task that sends for a later time, by the worker's own permissions."""

from datetime import UTC, datetime, timedelta

from tasks.hello import Greeting, hello
from zigzag import task


@task()
def put_off(greeting: Greeting) -> None:
    """Sends a greeting in a week."""
    hello.send(greeting, id=f"to-{greeting.name}", at=datetime.now(UTC) + timedelta(days=7))
