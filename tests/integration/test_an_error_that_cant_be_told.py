"""A task raises an error of a class that fails whoever looks at it. Its outcome is that of any other."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.integration.warm_worker import WarmWorker, warm_worker

KINDS = {
    "SyntaxError": "raise SyntaxError('hello', 'abcdef')",
    "cause": """
        class Odd(Exception):
            __cause__ = property(lambda self: 1 / 0)
        raise Odd("hello")
    """,
    "class": """
        class Odd(Exception):
            __class__ = property(lambda self: 1 / 0)
        raise Odd("hello")
    """,
    "metaclass": """
        class Nameless(type):
            def __getattribute__(cls, name):
                if name in ("__name__", "__qualname__", "__module__"):
                    raise RuntimeError("no")
                return type.__getattribute__(cls, name)
        class Odd(Exception, metaclass=Nameless):
            pass
        raise Odd("hello")
    """,
    "metaclass of what is no Exception": """
        class Nameless(type):
            def __getattribute__(cls, name):
                raise RuntimeError("no")
        class Odd(BaseException, metaclass=Nameless):
            pass
        raise Odd("hello")
    """,
    "text": """
        class Odd(Exception):
            def __str__(self):
                raise SystemExit(2)
        raise Odd("hello")
    """,
    "after": """
        class Odd(Retry):
            after = property(lambda self: 1 / 0)
            def __init__(self):
                Exception.__init__(self, "hello")
        raise Odd()
    """,
    "count of findings": """
        class Odd(ValueError):
            error_count = property(lambda self: 1 / 0)
        raise Odd("hello")
    """,
}

TASKS = """
from zigzag import Retry

@task(attempts={attempts})
def raises(payload: dict[str, Any]) -> None:
{code}

@task
def next_one(payload: dict[str, Any]) -> None: ...
"""


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[WarmWorker]:
    with warm_worker(tmp_path) as worker:
        yield worker


def indented(code: str) -> str:
    lines = code.strip().splitlines()
    return "\n".join(f"    {line.removeprefix('        ')}" for line in lines)


@pytest.mark.parametrize("kind", KINDS)
def test_its_last_attempt_is_a_dead_letter_and_the_process_goes_on(worker: WarmWorker, kind: str) -> None:
    code = TASKS.format(attempts=1, code=indented(KINDS[kind]))

    ran = worker.runs(code, "raises", "next_one")

    assert (ran.deliveries, ran.status) == (["dead-letter", "succeeded"], 0), ran.output
    assert "failed after 1 attempt: " in ran.said("delivery")[0]["reason"]


@pytest.mark.parametrize("kind", KINDS)
def test_one_before_the_last_is_tried_again(worker: WarmWorker, kind: str) -> None:
    code = TASKS.format(attempts=2, code=indented(KINDS[kind]))

    ran = worker.runs(code, "raises", "next_one")

    assert ran.outcomes == [("retry later", True), ("succeeded", True)], ran.output
    assert ran.status == 0
