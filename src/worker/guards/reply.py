"""The guard against a reply that the stack may not send: its message is a dead letter, and never starts."""

from __future__ import annotations

from collections.abc import Sequence

from shared.delivery import Delivery
from shared.ports.addresses import allowed
from worker.decode import ReplyTo
from worker.outcome import Attempt
from zigzag.body import BadMessageError

_MAX_SAID_CHARACTERS = 200


def ask(attempt: Attempt, delivery: Delivery, asked: ReplyTo, replies: Sequence[str]) -> None:
    """Notes in the attempt where its reply goes. Raises BadMessageError if the stack may not send it there.

    replies -- the ARNs to which the stack may reply.
    """
    if not delivery.can_be_settled:
        raise BadMessageError("`reply_to` is for a message on a queue; a direct call has its answer")
    arn = allowed(asked.to, replies)
    if arn is None:
        said = asked.to[:_MAX_SAID_CHARACTERS]
        raise BadMessageError(
            f"`reply_to` is {said}, to which this stack may not reply: name its ARN in the parameter ReplyTo"
        )
    attempt.reply_to = asked._replace(to=arn)
