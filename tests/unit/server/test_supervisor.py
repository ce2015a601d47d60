"""How soon is a process started again, and does it hold up the others?"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from server.control import REPLACED_STATUS
from server.supervisor import _Place, failed_at_its_start, pause_seconds


@pytest.mark.parametrize(
    ("status", "lived_seconds", "failed"),
    [
        pytest.param(REPLACED_STATUS, 0.2, False, id="after a task that broke it"),
        pytest.param(0, 0.2, False, id="it was asked to stop"),
        pytest.param(1, 0.2, True, id="an error of Python, as of an import"),
        pytest.param(1, 59, True, id="an error of our own"),
        pytest.param(1, 60, False, id="an error of our own, later than the longest pause"),
        pytest.param(2, 0.2, True, id="an option that is refused"),
        pytest.param(-9, 0.2, True, id="killed at once, as where memory is short"),
        pytest.param(-9, 3600, False, id="killed by a task, or by somebody"),
    ],
)
def test_a_process_has_failed_at_its_start_if_the_next_one_may_as_well(
    status: int, lived_seconds: float, failed: bool
) -> None:
    assert failed_at_its_start(status, lived_seconds) is failed


def test_the_pause_grows_with_each_failure_in_a_row_up_to_a_minute() -> None:
    assert [pause_seconds(failed) for failed in (0, 1, 2, 3, 6, 7, 1000)] == [0, 1, 2, 4, 32, 60, 60]


def test_a_start_that_fails_leaves_nothing_open(tmp_path: Path) -> None:
    """The descriptors would be missing later, and then nothing could be started ever again."""
    place, opened = _Place(), len(os.listdir("/dev/fd"))

    with pytest.raises(FileNotFoundError):
        place.start([str(tmp_path / "is-not-here")], [])

    assert len(os.listdir("/dev/fd")) == opened
