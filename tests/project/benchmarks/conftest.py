"""The stub, and packages that nobody had to build."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from benchmarks.bench import Bench, a_bench
from benchmarks.package import not_built
from benchmarks.stub.running import Stub, running_stub


@pytest.fixture(scope="module")
def one_stub() -> Iterator[Stub]:
    with running_stub() as stub:
        yield stub


@pytest.fixture
def stub(one_stub: Stub) -> Stub:
    """Returns the stub, with nothing on its queue, and all counters at 0."""
    one_stub.reset()
    return one_stub


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    folder = tmp_path_factory.mktemp("bench")
    with a_bench(not_built(folder), folder) as bench:
        yield bench
