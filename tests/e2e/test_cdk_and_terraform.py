"""Do the CDK app and the Terraform block of docs/companies.md fit what `make package` writes?

CDK's library is 440 MB with its Node.js code, so that it has an environment of its own, made here. npx gets
the `cdk` command into a folder of the test's.
"""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.packages import without_aws
from tests.project.docs.pages import blocks, read

from zigzag_package.__main__ import write

pytestmark = [pytest.mark.slow, pytest.mark.nightly]

PAGE = read("docs/companies.md")
PACKAGES = ("aws-cdk-lib==2.275.0", "python-hcl2==8.1.4")
CDK = "aws-cdk@2.1148.1"
READ = "import hcl2, json, sys; print(json.dumps(hcl2.loads(sys.stdin.read()), default=str))"


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cdk")
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    pip = [folder / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, *PACKAGES], check=True)
    return folder / "bin" / "python"


@pytest.mark.skipif(shutil.which("npx") is None, reason="CDK needs Node.js")
def test_the_cdk_app_is_synthesized_with_each_functions_own_zip(
    python: Path, built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given the page's app next to what `make package` has written
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    (app,) = blocks(PAGE, "python")
    (tmp_path / "app.py").write_text(app.text, encoding="utf-8")
    (tmp_path / "dist").mkdir()
    written = write(built, tmp_path / "dist")

    # When `cdk synth` runs it, without credentials
    (command,) = [line for line in PAGE.splitlines() if line.startswith("npx aws-cdk ")]
    asked = shlex.split(command.replace("npx aws-cdk ", f"npx --yes {CDK} ").replace("python3", str(python)))
    asked += ["--quiet", "--no-notices", "--no-version-reporting"]
    environment = {**without_aws(), "HOME": str(tmp_path / "home"), "PYTHONPATH": ""}
    environment |= {"npm_config_cache": str(tmp_path / "npm"), "TMPDIR": str(tmp_path)}
    environment |= {"AWS_EC2_METADATA_DISABLED": "true", "CDK_DISABLE_CLI_TELEMETRY": "true"}
    done = subprocess.run(
        asked, cwd=tmp_path, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr

    # Then each function has its zip, and the resources are those of the template, with the tag
    template = json.loads((tmp_path / "cdk.out" / "zigzag.template.json").read_text(encoding="utf-8"))
    for zipped in (file for file in written if file.suffix == ".zip"):
        code = template["Resources"][zipped.name.partition("-")[0]]["Properties"]["Code"]
        assert (tmp_path / "cdk.out" / f"asset.{code['S3Key']}").read_bytes() == zipped.read_bytes()
    packaged = json.loads((tmp_path / "dist" / "template.json").read_text(encoding="utf-8"))
    assert template["Resources"].keys() == packaged["Resources"].keys()
    assert {"Key": "cost-center", "Value": "4711"} in template["Resources"]["TaskQueue"]["Properties"]["Tags"]


def test_the_terraform_block_names_the_templates_parameter_and_output(python: Path) -> None:
    (block,) = blocks(PAGE, "hcl")

    done = subprocess.run([python, "-c", READ], input=block.text, capture_output=True, text=True, check=True)

    stack = _named(json.loads(done.stdout)["resource"], "aws_cloudformation_stack")
    assert "CodeBucket" in str(stack)
    assert 'outputs["QueueUrl"]' in block.text


def _named(resources: list[dict[str, Any]], kind: str) -> Any:
    (found,) = (value for one in resources for name, value in one.items() if name.strip('"') == kind)
    return found
