"""A message that the worker would refuse is not sent: its sender gets the error, not a dead letter."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel

from zigzag import BadPayloadError, remote, task
from zigzag.body import MAX_LEVELS, MAX_NAME_CHARACTERS, MAX_PARTS
from zigzag_testing import Sandbox


class Anything(BaseModel):
    x: Any = None


@task
def of_a_model(payload: Anything) -> None: ...


@task
def of_a_dict(payload: dict[str, Any]) -> None: ...


def nested(levels: int) -> Any:
    """Returns a list so many levels deep."""
    value: Any = []
    for _ in range(levels - 1):
        value = [value]
    return value


REFUSED = [
    pytest.param(nested(MAX_LEVELS - 1), "nested too deeply", id="a level too many"),
    pytest.param(nested(150), "nested too deeply", id="many levels"),
    pytest.param([[]] * MAX_PARTS, "objects and arrays", id="too many arrays"),
    pytest.param({"k" * 20_000: [0] * 1_000}, "keys are too long", id="a long key above many values"),
]


@pytest.mark.parametrize(("value", "says"), REFUSED)
def test_a_payload_beyond_the_limits_is_not_sent(value: Any, says: str) -> None:
    with Sandbox({"of_a_model": of_a_model, "of_a_dict": of_a_dict}) as sandbox:
        with pytest.raises(BadPayloadError, match=says):
            of_a_model.send(Anything(x=value))
        with pytest.raises(BadPayloadError, match=says):
            of_a_dict.send({"x": value})

        assert len(sandbox.queue) == 0


def test_one_within_them_is_sent_and_runs() -> None:
    with Sandbox({"of_a_dict": of_a_dict}) as sandbox:
        of_a_dict.send({"x": nested(MAX_LEVELS - 2)})
        sandbox.run()

        assert [report.outcome for report in sandbox.reports] == ["succeeded"]


@pytest.mark.parametrize("id", ["\ud83d", 5], ids=["half a character", "a number"])
def test_an_id_that_is_none_is_not_sent(id: Any) -> None:
    with Sandbox({"of_a_dict": of_a_dict}) as sandbox:
        with pytest.raises(BadPayloadError, match="`id`"):
            of_a_dict.send({}, id=id)

        assert len(sandbox.queue) == 0


@pytest.mark.parametrize(
    "name", ["n" * (MAX_NAME_CHARACTERS + 1), "\ud83d"], ids=["long", "half a character"]
)
def test_a_name_that_no_task_can_have_is_not_sent(name: str) -> None:
    with Sandbox({"of_a_dict": of_a_dict}) as sandbox:
        with pytest.raises(BadPayloadError, match="`task`"):
            remote(name, dict).send({})

        assert len(sandbox.queue) == 0
