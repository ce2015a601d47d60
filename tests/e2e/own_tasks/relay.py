"""A task that hands on to itself, and kills its process a moment after it has returned, if wished."""

import random
import threading
import uuid
from typing import Any

from pydantic import BaseModel
from tasks.chaos import die, is_first, write

from zigzag import Context, task


class Baton(BaseModel):
    """A chain's place: how many steps are left, and at which of them its process dies the first time."""

    chain: str
    left: int
    dies_at: int = -1


@task(idempotent=True)
def relay(baton: Baton, context: Context) -> Any:
    run = uuid.uuid4().hex
    write("began", f"{baton.chain}-{baton.left}", run)
    write("ended", f"{baton.chain}-{baton.left}", run)
    if baton.left == baton.dies_at and is_first("cause", context.id):
        threading.Timer(random.uniform(0, 0.03), die).start()
    if baton.left == 0:
        return {"chain": baton.chain}
    return relay.then(baton.model_copy(update={"left": baton.left - 1}))
