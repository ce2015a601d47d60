"""A running local AWS: its address, the variables for its clients, and its end."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from zigzag_local import processes

REGION = "us-east-1"
ROOT = "test"  # access key id of MiniStack's root user, which may do everything, even if roles are enforced


@dataclass(frozen=True, kw_only=True)
class LocalAws:
    #: The address for clients, such as http://127.0.0.1:41231
    endpoint: str
    #: The private directory of all files that the emulator makes. stop() removes it.
    directory: Path
    #: The process id of the emulator's server.
    pid: int
    #: The secret access key of the root user, drawn at the start. Calls without it are refused.
    secret: str = field(repr=False)
    #: Whether the endpoint speaks https, with a certificate of its own.
    tls: bool = False
    #: Whether each role's and queue's policy is enforced.
    auth: bool = False

    @property
    def log_path(self) -> Path:
        """The emulator's own log."""
        return log_path(self.directory)

    @property
    def ca_bundle(self) -> Path | None:
        """The certificate that a client has to trust, if the endpoint speaks https."""
        return certificate_path(self.directory) if self.tls else None

    def environment(self, base: Mapping[str, str] | None = None) -> dict[str, str]:
        """Returns the whole environment for a client process: `base` (this process's) with this local AWS.

        All AWS variables of `base` are removed, and no file of profiles or credentials is read: the client
        can't reach a person's own account.
        """
        base = os.environ if base is None else base
        kept = {name: value for name, value in base.items() if not name.startswith("AWS_")}
        hosts = (base.get("NO_PROXY") or base.get("no_proxy") or "").split(",")
        direct = ",".join(dict.fromkeys(filter(None, (*hosts, "127.0.0.1"))))
        return {**kept, **self.variables(), "NO_PROXY": direct, "no_proxy": direct}

    def variables(self) -> dict[str, str]:
        """Returns the AWS_* variables that lead a client only here."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": ROOT,
            "AWS_SECRET_ACCESS_KEY": self.secret,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_REGION": REGION,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
            **({"AWS_CA_BUNDLE": str(self.ca_bundle)} if self.tls else {}),
        }

    def is_running(self) -> bool:
        """Returns whether the server runs. Another process with its number does not count."""
        return self.pid in processes.find(self.directory)

    def stop(self) -> None:
        """Ends the server and its functions, and removes the directory. It can be called twice."""
        processes.end(self.directory)


def log_path(directory: Path) -> Path:
    return directory / "ministack.log"


def certificate_path(directory: Path) -> Path:
    """Returns the path of the certificate that MiniStack makes for itself."""
    return Path(processes.marker(directory)) / "ministack-tls" / "server.crt"
