"""Runs one arm against the stub: with its command, its variables and its outcome."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from benchmarks import machine, template
from benchmarks.package import Package, Packages, built
from benchmarks.processes import Ran, run
from benchmarks.stub.running import Stub, running_stub

ARMS = Path(__file__).with_name("arms")


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """One way to do the job.

    script       -- its script in benchmarks/arms, with arguments.
    interpreter  -- the command that runs the script.
    function     -- the function in template.yaml whose variables it gets.
    parameters   -- the parameters of template.yaml that are not the defaults.
    package      -- the one of `Packages` that it runs on.
    code         -- the function whose folder of the package it gets, if it is another one.
    small_bundle -- whether it trusts one authority, instead of all of botocore's.
    share        -- its share of the backlog; less than 1 if all of it would take minutes.
    """

    name: str
    script: tuple[str, ...]
    interpreter: tuple[str, ...] = (machine.PYTHON, "-s")
    function: str = "ConsumerFunction"
    parameters: Mapping[str, str] = field(default_factory=dict, hash=False)
    package: str = "compiled"
    code: str = ""
    small_bundle: bool = False
    share: float = 1.0

    @property
    def changed(self) -> str:
        """Every parameter that is not the default, in words."""
        return ", ".join(f"{name}={value}" for name, value in self.parameters.items())


@dataclass(frozen=True, slots=True)
class Outcome:
    """The run of an arm, and the stub's counts."""

    ran: Ran
    stats: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Bench:
    """The stub and the packages. `folder` is the working folder of the arms, and their home."""

    stub: Stub
    packages: Packages
    folder: Path
    bundle: Path

    def run(self, arm: Arm, backlog: int = 0, *, count_bundles: bool = False, **manner: Any) -> Outcome:
        """Runs an arm on a new backlog; `manner` as for `Stub.reset`. Raises ArmFailedError."""
        self.stub.reset(backlog, **manner)
        script, *arguments = arm.script
        command = [*arm.interpreter, str(ARMS / script), *arguments]
        more = {"BENCHMARK_COUNTS_BUNDLES": "1"} if count_bundles else {}
        ran = run(command, {**self.environment(arm), **more}, self.folder)
        return Outcome(ran, self.stub.stats())

    def environment(self, arm: Arm) -> dict[str, str]:
        """Returns the variables that Lambda would give the function, with the stub's address."""
        package: Package = getattr(self.packages, arm.package)
        return {
            **template.environment_of(arm.function, **arm.parameters),
            "ZIGZAG_LINGER_SECONDS": "0",  # what comes after the backlog is not measured
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "PYTHONPATH": f"{package.functions[arm.code or arm.function]}{os.pathsep}{package.runtime}",
            "PYTHONDONTWRITEBYTECODE": "1",  # a function's folder is read-only
            "ZIGZAG_WORKER": "zigzag-worker",  # for arms that are not ours
            "AWS_LAMBDA_FUNCTION_NAME": arm.function,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": template.memory(arm.function, arm.parameters),
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
            "AWS_SECRET_ACCESS_KEY": "not-a-secret",
            "AWS_SESSION_TOKEN": "IQoJb3JpZ2luX2Vj" * 50,  # about as long as Lambda's
            "AWS_ENDPOINT_URL": self.stub.url,
            "AWS_CA_BUNDLE": str(self.stub.ca if arm.small_bundle else self.bundle),
            "NODE_EXTRA_CA_CERTS": str(self.stub.ca),
        }


@contextmanager
def a_bench(packages: Packages, folder: Path) -> Iterator[Bench]:
    """Starts the stub for arms on these packages, for a block."""
    home = folder / "home"
    home.mkdir()
    with running_stub() as stub:
        bundle = home / "bundle.pem"
        bundle.write_bytes(_botocores_bundle().read_bytes() + b"\n" + stub.ca.read_bytes())
        yield Bench(stub, packages, home, bundle)


@contextmanager
def built_bench() -> Iterator[Bench]:
    """Makes a bench on the result of `sam build`, for a block. All its files are removed after it."""
    with tempfile.TemporaryDirectory(prefix="zigzag-bench-") as name:
        folder = Path(name)
        with a_bench(built(folder), folder) as bench:
            yield bench


def _botocores_bundle() -> Path:
    """Returns the file of all authorities that boto3 trusts by default. To parse them takes time."""
    spec = find_spec("botocore")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("botocore is not installed: run `make setup`")
    return Path(spec.origin).with_name("cacert.pem")
