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
from zigzag import Retry

def fails():
{code}

@task(attempts=1)
def at_its_last_attempt(payload: dict[str, Any]) -> None:
    fails()

@task(attempts=2)
def before_that(payload: dict[str, Any]) -> None:
    fails()

@task
def next_one(payload: dict[str, Any]) -> None: ...
"""


@pytest.fixture(scope="module", params=KINDS)
def ran(request: pytest.FixtureRequest, warm: WARM) -> Ran:
    with warm() as worker:
        code = TASKS.replace("{code}", body(KINDS[request.param]))
        return worker.runs(code, "at_its_last_attempt", "before_that", "next_one")


def test_its_last_attempt_is_a_dead_letter_and_the_process_goes_on(ran: Ran) -> None:
    assert (ran.deliveries[0], ran.deliveries[-1], ran.status) == ("dead-letter", "succeeded", 0), ran.output
    assert "failed after 1 attempt: " in ran.said("delivery")[0]["reason"]


def test_one_before_the_last_is_tried_again(ran: Ran) -> None:
    assert ran.outcomes[1] == ("retry later", True), ran.output
