"""A task that does nothing, with a pydantic model as its payload."""

from pydantic import BaseModel

from zigzag import task


class Nothing(BaseModel):
    name: str


@task()
def nothing_model(nothing: Nothing) -> None:
    """Does nothing."""
