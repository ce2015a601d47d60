"""Tasks that need what the examples don't."""

from tasks.hello import Greeting, hello
from zigzag import Reject, task


@task()
def relay(greeting: Greeting) -> None:
    """Sends a task."""
    hello.send(greeting, delay_seconds=900)


@task(idempotent=True)
def refuse(greeting: Greeting) -> None:
    """Becomes a dead letter after its start was recorded."""
    raise Reject(f"not {greeting.name}")
