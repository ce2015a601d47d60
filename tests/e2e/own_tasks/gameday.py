"""A task of the game day: what it does depends on the release that is deployed, and on a service."""

import os
import time
from pathlib import Path

from pydantic import BaseModel

from zigzag import Backoff, Context, task


class Order(BaseModel):
    number: int


@task(attempts=2, backoff=Backoff(first=1, longest=1))
def ship(order: Order, context: Context) -> None:
    """Writes one line, which is its effect."""
    folder = Path(os.environ["GAMEDAY_FOLDER"])
    if os.environ["GAMEDAY_RELEASE"] == "bad":
        raise KeyError("price")
    if (folder / "slow").exists():
        time.sleep(0.5)
    if (folder / "down").exists():
        raise ConnectionError("the server answered 503")
    file = os.open(folder / "effects", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        os.write(file, f"{context.id}\n".encode())
    finally:
        os.close(file)
