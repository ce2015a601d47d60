"""Requests to SQS, Lambda and DynamoDB, and the reading of their answers, broken."""

from __future__ import annotations

import time

from tests.project.mutants.mutation import Part

from shared.ports.workers import Meaning

PART = Part("SQS, Lambda and DynamoDB")
breaks, sets = PART.breaks, PART.sets


@breaks("a receive does not ask for attributes", "H36", "shared.aws.sqs_queue:SqsQueue._ask")
async def _(original, self, *arguments, **parameters):
    parameters.pop("MessageAttributeNames", None)
    return await original(self, *arguments, **parameters)


@breaks("a receive does not ask for what SQS knows of a message", "H36", "shared.aws.sqs_queue:SqsQueue._ask")
async def _(original, self, *arguments, **parameters):
    parameters.pop("MessageSystemAttributeNames", None)
    return await original(self, *arguments, **parameters)


@breaks("a receive does not wait", "H30", "shared.aws.sqs_queue:SqsQueue.receive")
async def _(original, self, most, wait_seconds, lease_seconds):
    return await original(self, most, 0, lease_seconds)


@breaks("a lease begins when the answer is read", "H37 H43", "shared.aws.sqs_queue:_answered_at")
def _(original, date, before):
    return time.time()


@breaks(
    "nobody looks which entries of a batch were refused", "H4 H12", "shared.aws.sqs_queue:SqsQueue._ask_batch"
)
async def _(original, self, *arguments, **each):
    await original(self, *arguments, **each)
    return []


@breaks("what SQS says that it took is not compared", "H53", "shared.aws.sqs_queue:taken")
def _(original, answer, message):
    return answer["MessageId"]


@breaks("what SQS says of a received message is not compared", "H53", "shared.aws.sqs_queue:_checked")
def _(original, delivery):
    return delivery


@breaks("one overtakes another of its group that can't be read", "H54", "shared.aws.sqs_queue:_group_in")
def _(original, message):
    return message["MessageId"] if original(message) else None


@breaks("an invoke that fails at Lambda counts as refused", "H3", "shared.aws.lambda_workers:_answer")
def _(original, error):
    answer = original(error)
    return answer._replace(meaning=Meaning.DEFINITE) if answer.meaning is Meaning.AMBIGUOUS else answer


sets(
    "a record is taken though it has another owner",
    "H7",
    "shared.aws.dynamodb_records:_FREE",
    "attribute_not_exists(done) AND (attribute_not_exists(#owner) OR #until <> :now)",
)
sets(
    "a record is taken though its task is done",
    "H7 H12",
    "shared.aws.dynamodb_records:_FREE",
    "attribute_not_exists(#owner) OR #until < :now",
)
sets(
    "of two workers with a message only the last takes its start back",
    "H246",
    "shared.aws.dynamodb_records:_LAST_TWO",
    ("#last",),
)


sets(
    "a start whose count's answer is lost is counted twice",
    "H19",
    "shared.aws.dynamodb_records:_NOT_COUNTED",
    "attribute_not_exists(#last) OR #last <> :expires",
)


@breaks(
    "a completion is recorded by who no longer owns the record",
    "H14",
    "shared.aws.dynamodb_records:DynamoDbRecords.finish",
)
async def _(original, self, key, owner, now, unsent=""):
    await self._if("attribute_exists(#owner)", key, "SET done = :yes", {":yes": True})
    return True
