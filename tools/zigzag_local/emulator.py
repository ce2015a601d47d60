"""Starts a local AWS that is ready and private, and that leaves nothing behind.

MiniStack runs from its own environment, bound to the loopback, in its own session (a Ctrl-C reaches only us),
with a private directory for all its files.
"""

import contextlib
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from http.client import HTTPException
from pathlib import Path
from types import TracebackType

from zigzag_local import machine, processes
from zigzag_local.errors import LocalAwsError, last_lines
from zigzag_local.pages import ask
from zigzag_local.running import ROOT, LocalAws, log_path

LOOPBACK = "127.0.0.1"  # where the functions find the emulator, so it always listens here
START_SECONDS = 60.0  # about 2 s on two cores; the first start compiles

CONCURRENCY = 16
"""Most functions that run at a time: each is a process, whose start takes most of a second of CPU. Other
events wait, as with an account's limit on AWS."""

_TOOLS = Path(__file__).resolve().parents[1]
_SERVE = Path(__file__).with_name("serve.py")
INTERPRETER = _TOOLS.parent / ".venv-ministack" / "bin" / "python"


class Emulator:
    """Starts a local AWS. It ends with the `with` block, or with this process, even if that is killed.

    interpreter -- the Python that has MiniStack installed.
    host        -- another address to listen on, such as Docker's bridge for `sam local invoke`; by
                   default only the loopback.
    tls         -- whether it speaks only https, with a certificate made at the start.
    auth        -- whether it enforces every role's and queue's policy.
    outlive     -- whether it runs on when this process ends; LocalAws.stop() ends it then.
    minute      -- seconds of a minute of its metrics, ages, alarms and rules: with less than 60, tests are
                   faster.
    """

    def __init__(
        self,
        *,
        interpreter: Path = INTERPRETER,
        host: str = LOOPBACK,
        tls: bool = False,
        auth: bool = False,
        outlive: bool = False,
        minute: float = 60,
    ) -> None:
        self._interpreter, self._host = interpreter, host
        self._tls, self._auth, self._outlive, self._minute = tls, auth, outlive, minute
        self._directory: Path | None = None
        self._server: subprocess.Popen[bytes] | None = None
        self._guard: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> LocalAws:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> LocalAws:
        """Starts the local AWS and waits until it answers. Raises LocalAwsError if it can't run here, is not
        installed, or does not start."""
        machine.lambda_architecture()
        self._check_installed()
        self._directory = directory = Path(tempfile.mkdtemp(prefix="zigzag-local-")).resolve()
        processes.claim(directory)
        try:
            Path(processes.marker(directory)).mkdir()
            if not self._outlive:
                self._guard = _start_guard(directory)
            with contextlib.ExitStack() as ours:
                sockets = [ours.enter_context(bound) for bound in self._bind()]
                port: int = sockets[0].getsockname()[1]
                secret = secrets.token_urlsafe(30)
                self._server = self._start_server(directory, sockets, port, secret)
            aws = LocalAws(
                endpoint=f"{'https' if self._tls else 'http'}://{LOOPBACK}:{port}",
                directory=directory,
                pid=self._server.pid,
                secret=secret,
                tls=self._tls,
                auth=self._auth,
            )
            _wait_until_ready(self._server, aws)
        except BaseException:  # a Ctrl-C must leave nothing behind, too
            self.stop()
            raise
        return aws

    def stop(self) -> None:
        """Ends everything that start() started, and removes its files. It can be called twice."""
        if self._directory is not None:
            processes.end(self._directory)
        if self._server is not None:
            self._server.wait()
        if self._guard is not None and self._guard.stdin is not None:
            self._guard.stdin.close()
            self._guard.wait()
        self._directory = self._server = self._guard = None

    def _check_installed(self) -> None:
        if not self._interpreter.is_file():
            raise LocalAwsError(
                f"The local AWS is not installed, {self._interpreter} is missing: run `make setup`."
            )
        if self._tls and shutil.which("openssl") is None:
            raise LocalAwsError("The local AWS needs the command openssl for TLS: install openssl.")

    def _bind(self) -> list[socket.socket]:
        """Binds a free port of the loopback, and the same one of the other host. The server gets the bound
        sockets, so nobody can take the port in between."""
        bound: list[socket.socket] = []
        try:
            for host in dict.fromkeys((LOOPBACK, self._host)):
                bound.append(socket.socket())
                bound[-1].bind((host, bound[0].getsockname()[1] if bound[1:] else 0))
        except OSError as error:
            for one in bound:
                one.close()
            raise LocalAwsError(
                f"The local AWS found no free port on {LOOPBACK} and {self._host} ({error}): "
                "end what holds them, or name an address of this machine."
            ) from error
        return bound

    def _start_server(
        self, directory: Path, sockets: list[socket.socket], port: int, secret: str
    ) -> subprocess.Popen[bytes]:
        # MiniStack's own command would open port 443 as well, and bind by name and number. -P: the server
        # must not import the modules next to serve.py.
        command = [str(self._interpreter), "-P", str(_SERVE), "ministack.app:app"]
        command += ["--config", "python:ministack.core.hypercorn_conf", "--workers", "0"]
        command += ["--keep-alive", "75", "--log-level", "INFO"]
        for one in sockets:
            command += ["--bind", f"fd://{one.fileno()}"]
        with log_path(directory).open("wb") as log:
            return subprocess.Popen(
                command,
                env=self._server_environment(directory, port, secret),
                cwd=directory,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=[one.fileno() for one in sockets],
                start_new_session=True,
            )

    def _server_environment(self, directory: Path, port: int, secret: str) -> dict[str, str]:
        """Returns the server's variables, which functions see: of the caller's only PATH and LANG."""
        kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        return {
            **kept,
            "HOME": str(directory),
            "TMPDIR": processes.marker(directory),
            "STATE_DIR": str(directory / "state"),
            "S3_DATA_DIR": str(directory / "s3"),
            "GATEWAY_PORT": str(port),
            "MINISTACK_HOST": LOOPBACK,  # the queues' URLs begin with it
            "LOG_LEVEL": "INFO",  # logs when a rule fires
            "AWS_ACCESS_KEY_ID": ROOT,
            "AWS_SECRET_ACCESS_KEY": secret,
            "AWS_EC2_METADATA_DISABLED": "true",
            "LAMBDA_ACCOUNT_CONCURRENCY": str(CONCURRENCY),
            "MINUTE_SECONDS": str(self._minute),
            "IOT_MTLS_ENABLED": "0",  # a port of its own
            "SFTP_ENABLED": "0",  # likewise
            # It would remove containers of another MiniStack on this machine.
            "DOCKER_HOST": f"unix://{directory}/no-docker.sock",
            **({"USE_SSL": "1"} if self._tls else {}),
            **({"AUTH": "true"} if self._auth else {}),
        }


def _start_guard(directory: Path) -> subprocess.Popen[bytes]:
    """Starts the process that cleans up if this one is killed."""
    return subprocess.Popen(
        [sys.executable, "-S", "-m", "zigzag_local.guard", str(directory)],
        env={"PYTHONPATH": str(_TOOLS), "PYTHONDONTWRITEBYTECODE": "1"},
        cwd="/",
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def _wait_until_ready(server: subprocess.Popen[bytes], aws: LocalAws) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not _answers(aws):
        if server.poll() is not None:
            what = f"ended at its start with status {server.returncode}"
        elif time.monotonic() > deadline:
            what = f"did not answer within {START_SECONDS:.0f} s"
        else:
            time.sleep(0.05)
            continue
        said = last_lines(aws.log_path.read_text(errors="replace"))
        raise LocalAwsError(f"The local AWS {what}: run `make setup`, try again. It said:{said}")


def _answers(aws: LocalAws) -> bool:
    try:
        ask(aws, "/_ministack/ready", seconds=5)
    except (OSError, HTTPException):
        return False
    return True
