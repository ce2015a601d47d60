"""The queues that a stack's outputs tell."""

from __future__ import annotations

import pytest

from zigzag_operate.errors import OperateError
from zigzag_operate.queues import queues_of
from zigzag_operate.target import Stack

OUTPUTS = {"QueueUrl": "https://sqs.test/1/tasks", "DeadLetterQueueUrl": "https://sqs.test/1/d"}


@pytest.mark.parametrize(
    ("queues", "why"),
    [
        ("urgent:6=https://sqs.test/1/u urgent=https://sqs.test/1/v", "a name is there twice"),
        ("ur-gent=https://sqs.test/1/u", "ur-gent=https://sqs.test/1/u"),
    ],
)
def test_wrong_ones_are_told_with_the_parameters_to_correct(queues: str, why: str) -> None:
    # CloudFormation can't look into the text of a parameter: such a stack is deployed
    with pytest.raises(OperateError) as error:
        queues_of(Stack({**OUTPUTS, "Queues": queues}, {}))

    assert f"{why}. Correct Queue2 to Queue5 in samconfig.toml, and deploy" in str(error.value)
