"""Tasks that tell a file what they really did, and that fail and die as their payload wishes.

The file stands in the folder CHAOS_FOLDER. A line is written by one call: it is there whole or not at all,
even if the process is killed in the next moment. Times are the machine's, the same for all its processes.
"""

import json
import os
import random
import signal
import threading
import time
import uuid
from pathlib import Path
from typing import Literal

from pydantic import BaseModel

from zigzag import Backoff, Context, Reject, task

SOON = Backoff(first=1, longest=2)
MANY_ATTEMPTS = 10
"""More than a task is killed by chance."""


class Wish(BaseModel):
    """The wish of a payload: its task's behaviour.

    seconds -- how long it takes.
    fails   -- raises the first time.
    dies    -- kills its process the first time: before its effect, after it, or a moment after it has ended,
               while its message is settled; or always.
    """

    seconds: float = 0
    fails: bool = False
    rejected: bool = False
    dies: Literal["never", "before", "after", "a moment later", "always"] = "never"


@task(attempts=MANY_ATTEMPTS, backoff=SOON)
def chaos(wish: Wish, context: Context) -> None:
    live(wish, context)


@task(attempts=MANY_ATTEMPTS, backoff=SOON, idempotent=True)
def chaos_once(wish: Wish, context: Context) -> None:
    live(wish, context)


@task(attempts=1)
def chaos_poison(wish: Wish, context: Context) -> None:
    live(wish, context)


def live(wish: Wish, context: Context) -> None:
    """Writes one run: "began", then "failed", or "ended" with its effect. "killed" is about its process."""
    run = uuid.uuid4().hex
    write("began", context.id, run)
    if wish.dies == "always":
        die()
    time.sleep(wish.seconds / 2)
    if wish.dies == "before" and is_first("cause", context.id):
        die()
    if wish.rejected or (wish.fails and is_first("failure", context.id)):
        write("failed", context.id, run)
        raise Reject("as wished") if wish.rejected else RuntimeError("as wished")
    time.sleep(wish.seconds / 2)
    write("ended", context.id, run)
    if wish.dies == "after" and is_first("cause", context.id):
        die()
    if wish.dies == "a moment later" and is_first("cause", context.id):
        later = threading.Timer(random.uniform(0, 0.05), die)
        later.daemon = True
        later.start()


def write(what: str, id: str = "", run: str = "") -> None:
    line = {"what": what, "id": id, "run": run, "process": process_name(), "at": time.monotonic()}
    file = os.open(folder() / "effects.jsonl", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        os.write(file, json.dumps(line).encode() + b"\n")
    finally:
        os.close(file)


def process_name() -> str:
    """Returns number and start, since numbers are given again."""
    started = Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19]
    return f"{os.getpid()}-{started}"


def die() -> None:
    write("killed")
    os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(60)


def is_first(what: str, id: str) -> bool:
    """Tells whether nobody has asked this before."""
    try:
        (folder() / f"{what}-{id}").touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


def folder() -> Path:
    return Path(os.environ["CHAOS_FOLDER"])
