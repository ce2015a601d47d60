"""Remembers the local AWS that `make up` started.

The project has one, noted in .zigzag-local/state.json (git-ignored).
"""

import json
import os
from dataclasses import asdict
from pathlib import Path

from zigzag_local import processes
from zigzag_local.errors import LocalAwsError
from zigzag_local.running import LocalAws

FILE = Path(".zigzag-local") / "state.json"


def save(project: Path, aws: LocalAws) -> None:
    """Saves the local AWS of the project, in a file that only its owner can read."""
    file = project / FILE
    file.parent.mkdir(mode=0o700, exist_ok=True)
    said = {**asdict(aws), "directory": str(aws.directory)}
    new = file.with_suffix(".new")
    new.unlink(missing_ok=True)  # others might be able to read an old one
    with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as opened:
        json.dump(said, opened, indent=2)
    new.replace(file)


def load(project: Path) -> LocalAws | None:
    """Returns the local AWS of the project if it is running, else None.

    One that has ended in the meantime (after a restart of the machine, or a kill) is cleaned up and
    forgotten.

    Raises LocalAwsError if the file is damaged, or names a directory that is not a local AWS's.
    """
    file = project / FILE
    try:
        said = json.loads(file.read_text())
        aws = LocalAws(
            endpoint=str(said["endpoint"]),
            directory=Path(said["directory"]),
            pid=int(said["pid"]),
            secret=str(said["secret"]),
            tls=bool(said["tls"]),
            auth=bool(said["auth"]),
        )
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise LocalAwsError(
            f"{file} is damaged ({error}): delete it, and end what still runs of the local AWS."
        ) from error
    if aws.directory.exists() and not processes.is_ours(aws.directory):
        raise LocalAwsError(
            f"{file} names {said['directory']!r}, which is no local AWS's directory: "
            f"nothing in it was touched. Delete {file}."
        )
    if aws.is_running():
        return aws
    aws.stop()
    clear(project)
    return None


def running(project: Path) -> LocalAws:
    """Returns the local AWS of the project. Raises LocalAwsError if there is none, or load() does."""
    aws = load(project)
    if aws is None:
        raise LocalAwsError("no local AWS is running: start one with `make up`")
    return aws


def clear(project: Path) -> None:
    """Removes the file, and its folder if that is empty."""
    file = project / FILE
    file.unlink(missing_ok=True)
    if file.parent.is_dir() and not any(file.parent.iterdir()):
        file.parent.rmdir()
