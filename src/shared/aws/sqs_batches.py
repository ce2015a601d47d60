"""The `Batches` port on SQS: SendMessageBatch
(https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from shared.aws.sqs_queue import parts, taken
from shared.aws.transport import AnsweredError, CallError, Transport, is_throttle, meaning, understood
from shared.ports.batches import Fate, Unsent
from shared.ports.queue import AlteredError, Outgoing
from shared.ports.workers import Meaning

_NO_WORD = Unsent("BadAnswer", "the answer does not name this message", Meaning.AMBIGUOUS)


class SqsBatches:
    """One SQS queue, called through `transport`, which must make each call once."""

    def __init__(self, transport: Transport, url: str) -> None:
        self._transport = transport
        self._url = url

    async def send(self, messages: Sequence[Outgoing]) -> list[Fate]:
        entries = [{"Id": str(number), **parts(message)} for number, message in enumerate(messages)]
        try:
            asked = {"QueueUrl": self._url, "Entries": entries}
            answer = await self._transport.call("sqs", "SendMessageBatch", asked)
            with understood():
                return _fates(answer.body, messages)
        except CallError as error:
            # A server's error may come after SQS has taken the messages.
            means = meaning(error, broken=Meaning.AMBIGUOUS)
            return [Unsent(error.code, error.reason, means, whole=True)] * len(messages)


def _fates(answer: Mapping[str, Any], messages: Sequence[Outgoing]) -> list[Fate]:
    """Returns the fates in an answer, which is HTTP 200 even when entries failed."""
    found: dict[str, Fate] = {str(number): _NO_WORD for number in range(len(messages))}
    told = [*(answer.get("Successful") or ()), *(answer.get("Failed") or ())]
    for entry in told:
        found[entry["Id"]] = _fate(entry, messages[int(entry["Id"])])
    if len(found) != len(messages):
        raise LookupError("an entry that was not sent")
    return list(found.values())


def _fate(entry: Mapping[str, Any], message: Outgoing) -> Fate:
    if "MessageId" in entry:
        try:
            return taken(entry, message)
        except AlteredError as error:
            return Unsent(error.code, error.reason, Meaning.AMBIGUOUS, lasts=True)
    code, reason = str(entry["Code"]), str(entry.get("Message") or "")
    ours = entry["SenderFault"] and not is_throttle(AnsweredError(code, reason, 400, {}))
    return Unsent(code, reason, Meaning.DEFINITE if ours else Meaning.TRANSIENT)
