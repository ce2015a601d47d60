"""The file of evidence: it says where it is from, names no account, and only AWS's feeds the page."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from tests.unit.zigzag_verify.playing import ACCOUNT, Session, VirtualClock
from tests.unit.zigzag_verify.test_a_run_leaves_nothing import played

from zigzag_operate.audit.report import LOST, Finding, Report
from zigzag_verify import evidence, readings, tries
from zigzag_verify.door import Door
from zigzag_verify.plan import plan_of
from zigzag_verify.run import Outcome
from zigzag_verify.staged import LARGE, LARGE_BYTES
from zigzag_verify.trials import BROKEN, KEPT, NOT_IN_TIME, Verdict
from zigzag_verify.tries import uses, was_kept

PAGE = f"# Evidence\n\n{evidence.BEGIN}\n{evidence.NOBODY}\n{evidence.END}\n\nMore.\n"
FOUND = {
    "verdicts": {
        "fifo-lean": {
            "good": {"state": "kept", "figures": {"effects": 10}},
            "long": {"state": "not in time", "figures": {}},
        }
    },
    "answers": {"redrive policies": {"queue": f"arn:aws:sqs:eu-west-1:{ACCOUNT}:x"}},
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "docs").mkdir()
    (tmp_path / evidence.PAGE).write_text(PAGE)
    return tmp_path


def record(where: str) -> dict[str, object]:
    door = Door(Session(played()))  # type: ignore[arg-type]
    door.look_around()
    outcome = Outcome("0123abcd", FOUND, stopped=f"a role of {ACCOUNT} is missing")
    return {**evidence.record(door, outcome, plan_of(uses()), 1_800_000_000, "abc123"), "where": where}


def test_no_account_is_named_wherever_its_id_stood() -> None:
    told = record(evidence.AWS)

    assert ACCOUNT not in json.dumps(told)
    assert told["stopped"] == "a role of ACCOUNT is missing"
    assert (told["date"], told["region"], told["commit"]) == ("2027-01-15", "eu-west-1", "abc123")


def test_a_run_on_aws_writes_its_file_and_the_page(project: Path) -> None:
    file = evidence.write(project, record(evidence.AWS))

    assert file == project / "evidence" / "2027-01-15-eu-west-1-abc123.json"
    page = (project / evidence.PAGE).read_text()
    assert evidence.NOBODY not in page
    assert "| 2027-01-15, eu-west-1, `abc123` | fifo-lean | 1 | long: not in time |" in page
    assert page.endswith("\n\nMore.\n")
    assert evidence.fed(page, evidence.files(project)) == page


def test_a_file_of_a_local_aws_changes_no_page_and_says_so(project: Path) -> None:
    file = evidence.write(project, record(evidence.NOT_AWS))

    assert json.loads(file.read_text())["where"] == "not AWS"
    assert file.parent.name == ".zigzag-verify"
    assert (project / evidence.PAGE).read_text() == PAGE
    (project / "evidence").mkdir()
    file.rename(project / "evidence" / file.name)  # somebody moves it
    assert evidence.fed(PAGE, evidence.files(project)) == PAGE


def test_what_was_not_judged_was_not_kept() -> None:
    assert not was_kept(FOUND)
    assert not was_kept({})
    assert was_kept({"verdicts": {"fifo-lean": {"good": {"state": "kept"}}}})


METRICS = {"durationMs": 12.5, "billedDurationMs": 13, "memorySizeMB": 256, "maxMemoryUsedMB": 90}
REPORTS = {
    "as JSON": {
        "type": "platform.report",
        "record": {"requestId": "r", "status": "success", "metrics": {**METRICS, "initDurationMs": 210.4}},
    },
    "as text": {
        "text": "REPORT RequestId: r\tDuration: 12.50 ms\tBilled Duration: 13 ms\tMemory Size: 256 MB\t"
        "Max Memory Used: 90 MB\tInit Duration: 210.40 ms\t\n"
    },
}


@pytest.mark.parametrize("form", REPORTS)
def test_lambdas_report_of_an_invocation_is_read(form: str) -> None:
    report = readings._report(REPORTS[form])

    assert report is not None
    assert readings._function([report]) == {
        "requests": 1,
        "duration, least and median, ms": [12.5, 12.5],
        "init, median and most, ms": [210.4, 210.4],
        "memory used at most, MB": 90,
        "memory, MB": 256,
    }


def test_how_many_of_the_largest_came_in_one_receive_is_told_with_the_verdict() -> None:
    reading = {"ticks": {readings.LARGEST: 9 * LARGE_BYTES + 50}}

    told = tries._with_receive({LARGE: Verdict(KEPT, {"effects": 10})}, reading)[LARGE]

    assert told == (KEPT, {"effects": 10, "in one receive, at most": 9})


@pytest.mark.parametrize(
    ("deliveries", "findings", "state"),
    [(0, [], NOT_IN_TIME), (5, [], KEPT), (5, [Finding(LOST, "it is gone", 0.0, id="a")], BROKEN)],
)
def test_an_audit_that_saw_no_delivery_has_judged_nothing(
    monkeypatch: pytest.MonkeyPatch, deliveries: int, findings: list[Finding], state: str
) -> None:
    report = Report(0.0, 1.0, deliveries=deliveries, findings=findings)
    monkeypatch.setattr(tries, "audit_of_stack", lambda target, since, now: report)
    tried = SimpleNamespace(stack=SimpleNamespace(target=None))

    (verdict,) = tries._audited(tried, 0.0, VirtualClock()).values()  # type: ignore[arg-type]

    assert verdict.state == state
