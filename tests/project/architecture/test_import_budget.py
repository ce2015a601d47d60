"""The modules that a cold start may load: those that call AWS, and nothing else that is heavy.

A bare interpreter imports the handler as Lambda's init phase does, its clients made: no site-packages, so
an import of boto3 or pydantic fails as well.
"""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from benchmarks.template import environment_of
from tests.project.architecture.modules import ROOT

LAMBDAS = {
    "AWS_LAMBDA_FUNCTION_NAME": "zigzag",
    "AWS_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "not-a-secret",
    "AWS_SESSION_TOKEN": "nor-this",
}
"""The variables that Lambda itself sets."""

WIRE = """
import json, sys
sys.path.insert(0, sys.argv[1])
before = set(sys.modules)
__import__(sys.argv[2])
print(json.dumps(sorted(set(sys.modules) - before)))
"""

NOT_OURS = {"boto3", "botocore", "pydantic", "typing_extensions"}
"""Installed packages: pydantic is loaded when the first task with a model runs, boto3 if it is asked for."""

FOR_FEW = {
    "shared.aws.addresses",
    "shared.ports.addresses",
    "worker.expiry",
    "worker.follow",
    "worker.foreign",
    "worker.returned",
    "worker.triggers.direct",
    "zigzag.extra",
}
"""Ours, for what few tasks, messages or events need."""

HEAVY = {
    "concurrent.futures.process",
    "concurrent.futures.thread",
    "csv",
    "ctypes",
    "email",
    "glob",
    "gzip",
    "http",
    "importlib.metadata",
    "importlib.resources",
    "logging.config",
    "logging.handlers",
    "multiprocessing",
    "optparse",
    "pathlib",
    "pickle",
    "platform",
    "pprint",
    "queue",
    "secrets",
    "shutil",
    "statistics",
    "tempfile",
    "tomllib",
    "unittest",
    "urllib",
    "uuid",
    "xml",
    "zipfile",
    "zoneinfo",
}
"""Modules of the standard library, with all below them, that are easily drawn in: each takes a cold start
from one millisecond to ten, several times that where there is little CPU. Most are boto3's, and none was
loaded when the list was written. Code that needs one of them imports it where it is used, or strikes it out
here and says what for."""

ONLY_IN_A_LOOP = {"asyncio", "concurrent", "inspect", "subprocess"}
"""The consumer's. The worker does one thing at a time: only a task that is `async def` loads a loop."""

ONLY_THE_CONSUMERS = {*ONLY_IN_A_LOOP, "dataclasses"}
"""To make a dataclass takes five times as long as a NamedTuple, and the module needs `inspect`, which the
consumer's loop has loaded anyway."""


def loaded_by(function: str, **parameters: str) -> set[str]:
    """Returns the modules that Lambda's init phase loads, and the packages that they are in."""
    command = [sys.executable, "-I", "-S", "-B", "-c", WIRE, str(ROOT / "src"), f"{function}.app"]
    environment = {**LAMBDAS, **environment_of(f"{function.title()}Function", Transport="lean", **parameters)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    modules: list[str] = json.loads(done.stdout.splitlines()[-1])
    return {name.rsplit(".", dots)[0] for name in modules for dots in range(name.count(".") + 1)}


OF_THE_GATES = {
    "consumer.flow.gated",
    "consumer.flow.gate",
    "consumer.flow.opening",
    "consumer.flow.permits",
    "consumer.flow.slots",
    "shared.aws.dynamodb_gates",
    "shared.aws.dynamodb_items",
    "shared.aws.dynamodb_records",
    "shared.ports.breaker",
    "shared.ports.gates",
    "shared.ports.records",
}
"""With the parameter FlowControl only."""


@pytest.mark.parametrize("flow_control", ["false", "true"])
@pytest.mark.parametrize(
    ("function", "too_heavy"),
    [("consumer", NOT_OURS | HEAVY), ("worker", NOT_OURS | HEAVY | ONLY_THE_CONSUMERS | FOR_FEW)],
)
def test_a_cold_start_loads_nothing_heavy(function: str, too_heavy: set[str], flow_control: str) -> None:
    loaded = loaded_by(function, FlowControl=flow_control)

    assert f"{function}.app" in loaded
    assert too_heavy & loaded == set()


@pytest.mark.parametrize(("flow_control", "loads"), [("false", set()), ("true", OF_THE_GATES)])
def test_a_consumer_without_flow_control_loads_nothing_of_the_gates(
    flow_control: str, loads: set[str]
) -> None:
    assert loaded_by("consumer", FlowControl=flow_control) & OF_THE_GATES == loads


OF_THE_WORKERS_GATES = {
    "shared.aws.dynamodb_gates",
    "shared.aws.dynamodb_items",
    "shared.ports.breaker",
    "shared.ports.gates",
    "worker.flow.breaker",
    "worker.flow.flow",
    "worker.flow.permit",
}


@pytest.mark.parametrize(("flow_control", "loads"), [("false", set()), ("true", OF_THE_WORKERS_GATES)])
def test_a_worker_without_flow_control_loads_nothing_of_the_gates(flow_control: str, loads: set[str]) -> None:
    assert loaded_by("worker", FlowControl=flow_control) & OF_THE_WORKERS_GATES == loads


def test_a_worker_with_a_bucket_loads_nothing_of_it_before_its_first_large_message() -> None:
    of_large = {"worker.large", "zigzag.extra", "shared.aws.s3_objects", "boto3"}

    assert loaded_by("worker", LargePayloads="true") & of_large == set()
