"""Do the CDK app and the Terraform block of docs/companies.md fit what `make package` writes?

CDK's library is 440 MB with its Node.js code, so that it has an environment of its own, made here.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.project.docs.pages import blocks, read

from zigzag_package.__main__ import write

pytestmark = [pytest.mark.slow, pytest.mark.nightly]

PAGE = read("docs/companies.md")
PACKAGES = ("aws-cdk-lib==2.275.0", "python-hcl2==8.1.4")
READ = "import hcl2, json, sys; print(json.dumps(hcl2.loads(sys.stdin.read()), default=str))"


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cdk")
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    pip = [folder / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, *PACKAGES], check=True)
    return folder / "bin" / "python"


@pytest.mark.skipif(shutil.which("node") is None, reason="CDK's Python library needs Node.js")
def test_the_cdk_app_is_synthesized_with_each_functions_own_zip(
    python: Path, built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given the page's app next to what `make package` has written
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    (app,) = blocks(PAGE, "python")
    (tmp_path / "app.py").write_text(app.text, encoding="utf-8")
    (tmp_path / "dist").mkdir()
    written = write(built, tmp_path / "dist")

    # When it is synthesized
    environment = {**os.environ, "CDK_OUTDIR": str(tmp_path / "cdk.out"), "PYTHONPATH": ""}
    subprocess.run([python, "app.py"], cwd=tmp_path, env=environment, check=True)

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
