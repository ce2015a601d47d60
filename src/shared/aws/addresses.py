"""The `Addresses` port on SQS and SNS. Only a reply to a topic loads boto3."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from shared.aws.identity import Identity
from shared.aws.sqs_queue import SqsQueue
from shared.aws.transport import CallError, Transport, meaning
from shared.ports.queue import Outgoing, QueueError
from shared.ports.workers import Meaning

if TYPE_CHECKING:
    from shared.aws.boto import BotoTransport

SENDS = 4
"""Most times that a call to SNS is sent. A reply that comes twice has one id."""


class AwsAddresses:
    """The addresses of a stack, called through `transport`.

    queues  -- the URLs of its queues, by name.
    replies -- the ARNs to which it may reply. Queues are in the stack's own region.
    ends_at -- when the invocation ends, in epoch seconds.
    """

    def __init__(
        self,
        transport: Transport,
        queues: Mapping[str, str],
        replies: Sequence[str],
        identity: Identity,
        ends_at: Callable[[], float],
    ) -> None:
        self.queues = queues
        self.replies = replies
        self._transport = transport
        self._identity = identity
        self._ends_at = ends_at

    async def send(self, to: str, message: Outgoing) -> None:
        if not to.startswith("arn:"):
            await SqsQueue(self._transport, to).send(message)
            return
        service, region, account, name = to.split(":")[2:]
        if service == "sqs":
            host = next(iter(self.queues.values())).rsplit("/", 2)[0]
            await SqsQueue(self._transport, f"{host}/{account}/{name}").send(message)
            return
        asked = {"TopicArn": to, "Message": message.body}
        if message.group is not None:
            asked |= {"MessageGroupId": message.group}
        if message.deduplication_id is not None:
            asked |= {"MessageDeduplicationId": message.deduplication_id}
        try:
            await self._sns(region).call("sns", "Publish", asked)
        except CallError as error:
            raise QueueError(error.code, error.reason, meaning(error, broken=Meaning.AMBIGUOUS)) from error

    @functools.cache  # noqa: B019 - it lives as long as its process
    def _sns(self, region: str) -> BotoTransport:
        from shared.aws.boto import BotoTransport

        return BotoTransport(attempts=SENDS, identity=self._identity, region=region, ends_at=self._ends_at)
