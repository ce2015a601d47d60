"""Do cfn-lint and SAM have nothing to say about the template?"""

from __future__ import annotations

import os
import subprocess
import sysconfig
from pathlib import Path

import pytest
from tests.project.template.reading import ROOT, Template

ENVIRONMENT = {
    **os.environ,
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "none",
    "AWS_SECRET_ACCESS_KEY": "none",
    "SAM_CLI_TELEMETRY": "0",
}


TOOLS = Path(sysconfig.get_path("scripts"))
"""Of the environment that runs the tests, whether or not it is on the PATH."""


def run(tool: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [TOOLS / tool, *arguments], cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True, check=False
    )


def findings(folder: Path, *templates: str) -> tuple[str, int]:
    """Returns cfn-lint's words, and its status, on these templates."""
    files = [folder / f"{number}.yaml" for number in range(len(templates))]
    for file, text in zip(files, templates, strict=True):
        file.write_text(text, encoding="utf-8")
    linted = run("cfn-lint", *map(str, files))
    return linted.stdout + linted.stderr, linted.returncode


@pytest.mark.slow
def test_cfn_lint_finds_nothing_with_more_or_less_of_the_users(
    templates: dict[str, Template], tmp_path: Path
) -> None:
    # Given the template with a task's things added, which has all that it has as it is, and without examples
    texts = [templates[shape].text for shape in ("with a task's things added", "with the examples deleted")]

    assert findings(tmp_path, *texts) == ("", 0)


@pytest.mark.slow
def test_sam_validate_finds_nothing() -> None:
    validated = run("sam", "validate")

    assert validated.returncode == 0, validated.stdout + validated.stderr
    assert "is a valid SAM Template" in validated.stdout
