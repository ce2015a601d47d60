"""Does docs/evidence.md say what the files of evidence say, and the trials that there are?"""

from __future__ import annotations

import re

from tests.project.docs.pages import ROOT, read

from zigzag_verify import evidence
from zigzag_verify.consent import FREE
from zigzag_verify.finding import KINDS
from zigzag_verify.names import SETTINGS
from zigzag_verify.staged import plain_trials

PAGE = read("docs/evidence.md")


def test_the_page_says_what_the_files_of_evidence_say() -> None:
    files = evidence.files(ROOT)

    assert evidence.fed(PAGE, files) == PAGE
    assert (evidence.NOBODY in PAGE) is (files == [])
    assert ("Nobody has run it on AWS yet" in read("README.md")) is (files == [])


def test_the_page_names_every_trial_and_no_other() -> None:
    told = {
        name
        for row in re.findall(r"^\| (`.+`) \|", PAGE, re.MULTILINE)
        for name in row.strip("`").split("`, `")
    }

    assert told == {trial.name for trial in plain_trials()} | {"pause", "a rate"}


def test_the_pages_numbers_are_the_codes() -> None:
    assert len(SETTINGS) == 4
    assert "It makes four stacks" in PAGE
    assert len(KINDS) == 10
    assert "ten services list nothing" in PAGE
    assert f"fewer than {FREE} functions" in PAGE
