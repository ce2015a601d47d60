"""A step that takes long: its name and time are told, and on a terminal its log's last line meanwhile."""

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path

from rich.console import Console
from rich.text import Text

from zigzag_local import stack

LOOK_SECONDS = 0.5
SPINNER_WIDTH = 2


def deploy_in_steps(
    project: Path, environment: Mapping[str, str], build_dir: Path, log: Path, console: Console
) -> None:
    """Builds the project and deploys it, as stack.build() and stack.deploy(). Raises LocalAwsError."""
    with step(console, "sam build", log):
        stack.build(project, environment, build_dir, log=log)
    with step(console, "sam deploy --config-env local", log):
        stack.deploy(project, environment, build_dir, log=log)


@contextmanager
def step(console: Console, what: str, log: Path | None = None) -> Iterator[None]:
    """Names a step while the block does it. `log` is the file in which its program says what it does."""
    console.print(Text(what, "bold"), soft_wrap=True)
    began = time.monotonic()
    with nullcontext() if log is None else _telling(console, log):
        yield
    console.print(Text(f"  {time.monotonic() - began:.0f} s", "dim"))


@contextmanager
def _telling(console: Console, log: Path) -> Iterator[None]:
    began, over = time.monotonic(), threading.Event()
    with console.status("") as status:

        def tell() -> None:
            while not over.wait(LOOK_SECONDS):
                told = f"{time.monotonic() - began:.0f} s  {last_line(log)}"
                status.update(Text(told[: console.width - SPINNER_WIDTH]))

        teller = threading.Thread(target=tell, daemon=True)
        teller.start()
        try:
            yield
        finally:
            over.set()
            teller.join()


def last_line(log: Path) -> str:
    """Returns the last line that says something, without the spaces of a table; '' without one."""
    lines = log.read_text(errors="replace").split("\n") if log.exists() else []
    return next((" ".join(line.split()) for line in reversed(lines) if line.strip(" -")), "")
