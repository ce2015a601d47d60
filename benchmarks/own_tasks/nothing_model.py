"""A task that does nothing, with a model for its payload."""

from pydantic import BaseModel

from zigzag import task


class Nothing(BaseModel):
    name: str


@task()
def nothing_model(nothing: Nothing) -> None:
    """Does nothing."""
