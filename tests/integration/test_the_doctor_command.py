"""`./zigzag doctor` on a file: its words, its exit codes, and bad input in a sentence."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.project.docs.pages import ROOT

from zigzag_cli.app import main

TEXT = (ROOT / "template.yaml").read_text(encoding="utf-8")
KEY = "KmsKeyArn=arn:aws:kms:eu-west-1:123456789012:key/0a1b"
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def doctor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs the command on a template: its exit code, and what it prints."""

    def run(text: str, *options: str) -> tuple[int, str, str]:
        file = tmp_path / "template.yaml"
        file.write_text(text, encoding="utf-8")
        monkeypatch.delenv("AWS_PROFILE", raising=False)
        monkeypatch.setattr("sys.argv", ["zigzag", "doctor", "--template", str(file), *options])
        with pytest.raises(SystemExit) as end:
            main()
        told = capsys.readouterr()
        return int(end.value.code or 0), told.out, told.err

    return run


BROKEN = TEXT.replace("maxReceiveCount: 1000", "maxReceiveCount: 5")


@pytest.mark.parametrize(
    ("text", "options", "code", "first"),
    [
        (TEXT, [], 0, "no finding."),
        (BROKEN, [], 4, "1 finding."),
        (BROKEN, ["--parameter", KEY], 4, "1 finding, 1 unknown."),
        (TEXT, ["--parameter", KEY], 5, "no finding, 1 unknown."),
    ],
    ids=["well", "broken", "broken and unknown", "unknown"],
)
def test_the_exit_code_says_whether_something_is_wrong_or_unknown(
    doctor: Run, text: str, options: list[str], code: int, first: str
) -> None:
    ended, said, _ = doctor(text, *options)

    assert ended == code
    assert said.splitlines()[0].endswith(f"template.yaml: {first}")
    assert max(map(len, said.splitlines()[1:])) <= 80


def test_a_finding_is_shown_with_hazard_line_sentence_and_change(doctor: Run) -> None:
    line = 1 + next(number for number, line in enumerate(BROKEN.splitlines()) if "maxReceiveCount" in line)

    _, said, _ = doctor(BROKEN)
    _, as_json, _ = doctor(BROKEN, "--json")

    assert f"H19   TaskQueue, line {line}\n" in said
    assert "→ set RedrivePolicy.maxReceiveCount: 1000" in said
    (finding,) = json.loads(as_json)["findings"]
    assert (finding["hazard"], finding["line"]) == ("H19", line)


def test_the_tasks_beside_another_template_are_unknown(doctor: Run, tmp_path: Path) -> None:
    (tmp_path / "src" / "tasks").mkdir(parents=True)

    code, said, _ = doctor(TEXT)

    assert code == 5
    assert "the tasks beside it: needs a look from there: run ./zigzag doctor in" in " ".join(said.split())


@pytest.mark.parametrize(
    ("text", "options", "says"),
    [
        ("Resources: [", [], "is no YAML, line 2"),
        ("Resources: {Queue: {Type: AWS::SQS::Queue}}", [], "is no template of Zigzag's"),
        ("just text", [], "is no template of Zigzag's"),
        ("", [], "is no template of Zigzag's"),
        (f"{TEXT}\nParameters: {{}}\n", [], "has Parameters twice"),
        ("Parameters: 5\nResources: {TaskQueue: 5, WorkerFunction: []}", [], "`cfn-lint "),
        (TEXT, ["--parameter", "WorkerTimeuot=1"], "no parameter 'WorkerTimeuot'; it has WorkerTimeout"),
        (TEXT, ["--parameter", "WorkerTimeout"], "write Name=value"),
        (TEXT, ["--live"], "it takes no --template"),
    ],
    ids=lambda value: "" if isinstance(value, list) else value[:20],
)
def test_bad_input_is_one_sentence(doctor: Run, text: str, options: list[str], says: str) -> None:
    code, said, error = doctor(text, *options)

    assert (code, said) == (2, "")
    assert says in error
    assert error.count("\n") == 1
