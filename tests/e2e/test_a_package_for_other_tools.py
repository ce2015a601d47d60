"""`make package`, of a real build: the same twice, named whole, and the local AWS deploys it."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.e2e.packages import OURS, PROJECT, installed
from tests.e2e.waiting import wait_until

from zigzag_local import machine
from zigzag_local.clients import client_options, session
from zigzag_local.emulator import Emulator
from zigzag_package.__main__ import write

pytestmark = pytest.mark.slow

WAIT_SECONDS = 150
BUCKET = "my-artifacts"


@pytest.fixture(scope="module")
def dist(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        write(built, folder)
    return folder


def test_a_build_elsewhere_gives_the_same_files(
    dist: Path, built_for: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")

    again = write(built_for(machine.lambda_architecture()), tmp_path)

    assert {one.name: one.read_bytes() for one in again} == {
        one.name: one.read_bytes() for one in dist.iterdir()
    }


@pytest.mark.parametrize("function", OURS)
def test_a_bill_of_materials_names_what_is_in_the_package_and_nothing_else(
    dist: Path, built: Path, function: str
) -> None:
    (bill,) = dist.glob(f"{function}-*.cdx.json")
    told = json.loads(bill.read_text(encoding="utf-8"))

    assert {one["name"] for one in told.get("components", [])} == set(installed(built / function))
    assert [one["purl"] for one in told.get("components", []) if not one.get("licenses")] == []
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert told["metadata"]["component"]["version"] == project["version"]


def test_the_template_deploys_with_the_zips_in_a_bucket_and_a_task_runs(dist: Path) -> None:
    with Emulator(tls=True, auth=True) as aws:
        clients = {
            name: session().client(name, **client_options(aws.environment()))
            for name in ("s3", "cloudformation", "sqs", "logs")
        }
        # Given the files in a bucket
        clients["s3"].create_bucket(Bucket=BUCKET)
        for file in dist.iterdir():
            clients["s3"].upload_file(str(file), BUCKET, file.name)

        # When the stack is made of them
        clients["cloudformation"].create_stack(
            StackName="zigzag",
            TemplateURL=f"https://s3.amazonaws.com/{BUCKET}/template.json",
            Parameters=[{"ParameterKey": "CodeBucket", "ParameterValue": BUCKET}],
            Capabilities=["CAPABILITY_IAM"],
        )
        waiter = clients["cloudformation"].get_waiter("stack_create_complete")
        waiter.wait(StackName="zigzag", WaiterConfig={"Delay": 1, "MaxAttempts": WAIT_SECONDS})
        (stack,) = clients["cloudformation"].describe_stacks(StackName="zigzag")["Stacks"]
        outputs = {one["OutputKey"]: one["OutputValue"] for one in stack["Outputs"]}
        body = json.dumps({"task": "hello", "payload": {"name": "Ann"}})
        clients["sqs"].send_message(QueueUrl=outputs["QueueUrl"], MessageBody=body)

        # Then its task succeeds
        def has_run() -> bool:
            events = clients["logs"].filter_log_events(logGroupName=outputs["WorkerLogGroupName"])["events"]
            return any('"outcome": "succeeded"' in one["message"] for one in events)

        assert wait_until(has_run, WAIT_SECONDS, 1.0), aws.log_path.read_text(errors="replace")[-3000:]
