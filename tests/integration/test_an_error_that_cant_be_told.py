"""A task raises an error whose class fails when it is looked at. Its outcome is that of any other."""

from __future__ import annotations

import pytest
from tests.integration.conftest import WARM
from tests.integration.warm_worker import Ran, body

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
@task(attempts=1)
def last{number}(payload: dict[str, Any]) -> None:
{code}

@task(attempts=2)
def first{number}(payload: dict[str, Any]) -> None:
{code}
"""


@pytest.fixture(scope="module")
def ran(warm: WARM) -> Ran:
    """Runs one process, in which a task raises each of them at its last attempt, and another before that."""
    tasks = [TASKS.format(number=number, code=body(code)) for number, code in enumerate(KINDS.values())]
    names = [f"{attempt}{number}" for number in range(len(KINDS)) for attempt in ("last", "first")]
    with warm() as worker:
        return worker.runs("from zigzag import Retry\n" + "".join(tasks), *names)


@pytest.mark.parametrize("number", range(len(KINDS)), ids=[*KINDS])
def test_its_last_attempt_is_a_dead_letter_and_the_process_goes_on(ran: Ran, number: int) -> None:
    by_task = {line["task"]: line for line in ran.said("delivery")}
    last, first = by_task[f"last{number}"], by_task[f"first{number}"]

    assert (last["outcome"], last["settled"]) == ("dead-letter", True)
    assert "failed after 1 attempt: " in last["reason"]
    assert (first["outcome"], first["settled"], ran.status) == ("retry later", True, 0)
