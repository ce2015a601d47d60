"""A PostgreSQL server of a test's own, where this machine has the program."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.certificates import make_certificate

USER = "zigzag"
_DEBIANS = sorted(Path("/usr/lib/postgresql").glob("*/bin"))


def programs() -> Path | None:
    """Returns the folder of its programs. Debian keeps it off the PATH."""
    found = shutil.which("initdb")
    return Path(found).resolve().parent if found else next(iter(reversed(_DEBIANS)), None)


@dataclass(frozen=True)
class Server:
    """A server on this machine that speaks TLS. It asks its user for no password."""

    port: int
    certificate: Path


@contextmanager
def serving() -> Iterator[Server]:
    """Starts a server with an empty database, and ends it. Nothing of it is left."""
    bin_ = programs()
    assert bin_ is not None
    with tempfile.TemporaryDirectory(prefix="zigzag-postgres-") as folder:
        home = Path(folder)
        certificate, _ = make_certificate(home)
        run = _not_as_root(home)
        data = home / "data"
        subprocess.run(
            [bin_ / "initdb", "-D", data, "-A", "trust", "-U", USER, "--no-sync"],
            check=True,
            capture_output=True,
            **run,
        )
        port = _free_port()
        control = [bin_ / "pg_ctl", "-D", data, "-w", "-l", home / "log"]
        settings = {"ssl": "on", "ssl_cert_file": certificate, "ssl_key_file": home / "key.pem"}
        # `-k ''`: no socket in a folder that others share. `-F`: nobody needs its data after a crash.
        options = f"-h 127.0.0.1 -p {port} -k '' -F " + " ".join(f"-c {k}={v}" for k, v in settings.items())
        subprocess.run([*control, "-o", options, "start"], check=True, stdout=subprocess.DEVNULL, **run)
        try:
            yield Server(port, certificate)
        finally:
            stop = [*control, "-m", "immediate", "stop"]
            subprocess.run(stop, check=True, stdout=subprocess.DEVNULL, **run)


def _not_as_root(home: Path) -> dict[str, Any]:
    """Returns how its programs are started: they refuse to run as root."""
    run: dict[str, Any] = {"cwd": home}
    if os.geteuid() == 0:
        user = pwd.getpwnam("postgres")
        for file in (home, *home.iterdir()):
            os.chown(file, user.pw_uid, user.pw_gid)
        run |= {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    return run


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
    return port
