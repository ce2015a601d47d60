"""The cases are no test modules. Their asserts say as much as those of one."""

from pathlib import Path

import pytest

for path in Path(__file__).parent.glob("cases_*.py"):
    pytest.register_assert_rewrite(f"tests.contract.recorded.{path.stem}")
