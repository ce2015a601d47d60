"""The local stack's parameters, as a person writes them into samconfig.toml."""

from __future__ import annotations

from pathlib import Path

import pytest

from zigzag_local.errors import LocalAwsError
from zigzag_local.stack import local_parameters

PART = "[local.global.parameters]\n"
SET = f"{PART}parameter_overrides = "
DEPLOY = '[local.deploy.parameters]\nparameter_overrides = "B"\n'


@pytest.mark.parametrize(
    "written",
    [
        """["Queue2=urgent:6", "Schedule='rate(5 minutes)'"]""",
        """"Queue2=urgent:6 Schedule='rate(5 minutes)'\"""",
        """"ParameterKey=Queue2,ParameterValue=urgent:6 Schedule='rate(5 minutes)'\"""",
        """["Queue3=slow"]\n[local.deploy.parameters]\nparameter_overrides = "Queue2=urgent:6 \
Schedule=\\"rate(5 minutes)\\"\"""",
    ],
    ids=["list", "text", "older text", "of sam deploy --guided"],
)
def test_they_are_a_list_or_a_text_as_sam_takes_them(tmp_path: Path, written: str) -> None:
    (tmp_path / "samconfig.toml").write_text(f"{SET}{written}\n")

    parameters = local_parameters(tmp_path)

    assert parameters.pop("Architecture")
    assert parameters == {"Queue2": "urgent:6", "Schedule": "rate(5 minutes)"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f'{SET}"A=1"\nparameter_overrides = "B=2"\n', r"twice, such as parameter_overrides. Correct .*toml"),
        (f"{PART}a = [\n", r"can't be read: Invalid value"),
        ("[default.global.parameters]\n", r"lacks the part \[local\.global\.parameters\]"),
        (f'{SET}"A"\n', r"parameter_overrides of \[local\.global\.par.* at 'A': write Name=value"),
        (DEPLOY, r"parameter_overrides of \[local\.deploy\.par.* at 'B': write Name=value"),
        (f'{SET}"A=1"\n{DEPLOY}', r"parameter_overrides of \[local\.deploy\.par.* at 'B': write Name=value"),
        (f"""{SET}"A='1"\n""", r"parameter_overrides .*: write Name=value"),
        (f"{SET}3\n", r"parameter_overrides .* at 3: write Name=value"),
        (None, r"can't be read: .*No such file"),
    ],
    ids=[
        *("twice", "no TOML", "no part", "no value", "no value for deploy alone", "no value for deploy"),
        *("no end", "a number", "no file"),
    ],
)
def test_a_wrong_file_is_told_by_its_cause(tmp_path: Path, text: str | None, words: str) -> None:
    if text is not None:
        (tmp_path / "samconfig.toml").write_text(text)

    with pytest.raises(LocalAwsError, match=words):
        local_parameters(tmp_path)
