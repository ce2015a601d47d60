"""The first task: says hello in the log."""

from pydantic import BaseModel

from zigzag import Context, task


class Greeting(BaseModel):
    name: str


@task
def hello(greeting: Greeting, context: Context) -> None:
    """Greets somebody by name."""
    context.log.info("Hello, %s!", greeting.name)
