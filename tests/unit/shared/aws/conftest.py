"""boto, to compare with."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.shared.aws.boto import Boto


@pytest.fixture
def boto(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Boto:
    return Boto(monkeypatch, tmp_path)
