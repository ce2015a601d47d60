"""What consumer and worker share, broken: times, dead letters, events, the calls to AWS, the template."""

from __future__ import annotations

from tests.mutants.mutation import Mutation

BOTO = "src/shared/aws/boto.py"
CONNECTIONS = "src/shared/aws/lean/connections.py"
DEAD_LETTER = "src/shared/dead_letter.py"
DELIVERY = "src/shared/delivery.py"
DYNAMODB = "src/shared/aws/dynamodb_records.py"
LAMBDA = "src/shared/aws/lambda_workers.py"
LEAN = "src/shared/aws/lean/transport.py"
LEASE = "src/shared/lease.py"
SQS = "src/shared/aws/sqs_queue.py"
TEMPLATE = "template.yaml"
WIRE = "src/shared/envelope.py"

TIMES = (
    Mutation(
        "a message comes back while its worker may still start",
        "H5 H11",
        LEASE,
        "LEASE_SECONDS = 120",
        "LEASE_SECONDS = 75",
    ),
    Mutation(
        "a worker may start until the very end of the lease",
        "H5 H37",
        LEASE,
        "start_by=ends - SAFETY_SECONDS",
        "start_by=ends",
    ),
)

DEAD_LETTERS = (
    Mutation(
        "a message is deleted though what its worker has to do before has failed",
        "H33",
        DEAD_LETTER,
        "if once_stored is not None and not await once_stored():",
        "if once_stored is not None and await once_stored() is None:",
    ),
    Mutation(
        "a message is deleted before its dead letter is confirmed",
        "H46",
        DEAD_LETTER,
        "        await dead_letters.send(letter)\n",
        "        await queue.delete([delivery])\n        await dead_letters.send(letter)\n",
    ),
    Mutation(
        "a message whose dead letter is refused is deleted",
        "H46",
        DEAD_LETTER,
        'await _try(queue.change_visibility([delivery], random.randint(60, 120)), "not postponed")',
        'await _try(queue.delete([delivery]), "not deleted")',
    ),
    Mutation(
        "a message whose dead letter is refused comes back at once",
        "H46",
        DEAD_LETTER,
        "queue.change_visibility([delivery], random.randint(60, 120))",
        "queue.change_visibility([delivery], 0)",
    ),
    Mutation(
        "a dead letter counts as moved though its message could not be deleted",
        "H12 H27 H46",
        DEAD_LETTER,
        "return Move.MOVED if deleted else Move.COPIED",
        "return Move.MOVED",
    ),
    Mutation(
        "a dead letter loses the task's id",
        "H33",
        DEAD_LETTER,
        '        "id": cause.id if _is_id(cause.id) else None,\n',
        "",
    ),
    Mutation(
        "a redriven task has a new id",
        "H33",
        "src/worker/decode.py",
        'note_of(delivery).get("id") or delivery.message_id',
        "delivery.message_id",
    ),
    Mutation(
        "a dead letter's note grows beyond what SQS takes",
        "H46",
        DEAD_LETTER,
        "if size(delivery.body, noted) <= MAX_MESSAGE_BYTES:",
        "if True:",
    ),
    Mutation(
        "a dead letter is sent with what a producer wrote into its note",
        "H46",
        DEAD_LETTER,
        "if not isinstance(text, str) or not text or re.search(REFUSED_CHARACTERS, text):",
        "if not isinstance(text, str):",
    ),
    Mutation(
        "a dead letter of a FIFO queue is a new one each time it is moved",
        "H46",
        DEAD_LETTER,
        "deduplication_id=delivery.message_id if delivery.from_fifo else None",
        "deduplication_id=str(now) if delivery.from_fifo else None",
    ),
)

EVENTS = (
    Mutation(
        "no body is compressed",
        "H15",
        DELIVERY,
        "_longest(deliveries, wire.compressed)",
        "_longest(deliveries, wire.plain)",
    ),
    Mutation(
        "an event is larger than Lambda takes",
        "H15",
        DELIVERY,
        "room = MAX_EVENT_BYTES -",
        "room = 6 * MAX_EVENT_BYTES -",
    ),
    Mutation(
        "an event's text is escaped to ASCII",
        "H15",
        WIRE,
        'json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))',
        'json.JSONEncoder(separators=(",", ":"))',
    ),
    Mutation(
        "bytes in an attribute stay bytes",
        "H16",
        WIRE,
        "base64.b64encode(value).decode() if isinstance(value, bytes) else value",
        "value",
    ),
)

CALLS = (
    Mutation(
        "boto sends an invoke again whose answer is lost",
        "H3 H38",
        BOTO,
        '1 if service == "lambda" else self._attempts',
        "self._attempts + 2",
    ),
    Mutation(
        "boto sends each call as often as its default says",
        "H12 H38 H43",
        BOTO,
        '"total_max_attempts": 1 if service == "lambda" else self._attempts',
        '"total_max_attempts": 3',
    ),
    Mutation(
        "the lean transport sends an invoke again whose answer is lost",
        "H3",
        LEAN,
        'await self._line("lambda").post(path, {"x-amz-invocation-type": "Event"}, event)',
        'await self._sent_until_done(lambda: self._line("lambda").post(path, '
        '{"x-amz-invocation-type": "Event"}, event))',
    ),
    Mutation(
        "the lean transport sends each call once, whatever it was told",
        "H12",
        LEAN,
        "for attempt in range(1, self._attempts):",
        "for attempt in range(1, 1):",
    ),
    Mutation(
        "the lean transport takes what got no answer for not sent",
        "H3",
        CONNECTIONS,
        "raise NoAnswerError(type(error).__name__",
        "raise NotSentError(type(error).__name__",
    ),
    Mutation(
        "the lean transport uses a connection that rested for an hour",
        "H3",
        CONNECTIONS,
        "RESTED_SECONDS = 10.0",
        "RESTED_SECONDS = 7200.0",
    ),
    Mutation(
        "the lean transport uses a connection that the other side has closed",
        "H3",
        CONNECTIONS,
        " and stream.alive()",
        "",
    ),
    Mutation(
        "the lean transport uses a connection again on which a call failed",
        "H3",
        CONNECTIONS,
        "            stream.close()\n            raise NoAnswerError",
        "            self._resting.append((stream, time.time()))\n            raise NoAnswerError",
    ),
    Mutation(
        "a receive does not ask for attributes",
        "H36",
        SQS,
        '            MessageAttributeNames=["All"],\n',
        "",
    ),
    Mutation(
        "a receive does not ask for what SQS knows of a message",
        "H36",
        SQS,
        '            MessageSystemAttributeNames=["All"],\n',
        "",
    ),
    Mutation(
        "a receive does not wait",
        "H30",
        SQS,
        "WaitTimeSeconds=wait_seconds",
        "WaitTimeSeconds=0",
    ),
    Mutation(
        "a lease begins when the answer is read",
        "H37 H43",
        SQS,
        "Lease.taken(_answered_at(answer.date, before), lease_seconds)",
        "Lease.taken(time.time(), lease_seconds)",
    ),
    Mutation(
        "nobody looks which entries of a batch were refused",
        "H4 H12",
        SQS,
        'for entry in answer.body.get("Failed") or ()',
        "for entry in []",
    ),
    Mutation(
        "an invoke with no answer counts as refused",
        "H3",
        LAMBDA,
        "            return Answer(Reply.UNKNOWN, str(error))",
        "            return Answer(Reply.REFUSED, str(error))",
    ),
    Mutation(
        "an invoke that fails at Lambda counts as refused",
        "H3",
        LAMBDA,
        "error))\n    return Answer(Reply.UNKNOWN, str(error))",
        "error))\n    return Answer(Reply.REFUSED, str(error))",
    ),
    Mutation(
        "a record is taken though it has another owner",
        "H7",
        DYNAMODB,
        '_FREE = "attribute_not_exists(done) AND (attribute_not_exists(#owner) OR #until < :now)"',
        '_FREE = "attribute_not_exists(done) AND (attribute_not_exists(#owner) OR #until <> :now)"',
    ),
    Mutation(
        "a record is taken though its task is done",
        "H7 H12",
        DYNAMODB,
        '_FREE = "attribute_not_exists(done) AND (attribute_not_exists(#owner) OR #until < :now)"',
        '_FREE = "attribute_not_exists(#owner) OR #until < :now"',
    ),
    Mutation(
        "a start whose count's answer is lost is counted twice",
        "H19",
        DYNAMODB,
        '_NOT_COUNTED = "attribute_not_exists(#last) OR #last <> :owner"',
        '_NOT_COUNTED = "attribute_not_exists(#last) OR #last <> :expires"',
    ),
    Mutation(
        "what another worker owns is forgotten",
        "H7 H33",
        DYNAMODB,
        "AND (attribute_not_exists(#owner) OR #owner = :owner)",
        "AND (attribute_not_exists(#owner) OR #owner = :owner OR #owner <> :owner)",
    ),
    Mutation(
        "a completion is forgotten",
        "H7 H33",
        DYNAMODB,
        '"REMOVE starts, #last, #owner, #until"',
        '"REMOVE done, starts, #last, #owner, #until"',
    ),
    Mutation(
        "a completion is recorded by who no longer owns the record",
        "H14",
        DYNAMODB,
        'return await self._if(_MINE, key, change, {":yes": True,',
        'await self._update(key, change, {":yes": True, ":expires": _expires(now)}, '
        '"attribute_exists(#owner)")\n'
        "        return True\n"
        '        return await self._if(_MINE, key, change, {":yes": True,',
    ),
)

TEMPLATES = (
    Mutation(
        "Lambda retries what SQS delivers again anyway",
        "H6",
        TEMPLATE,
        "      MaximumRetryAttempts: 0\n      MaximumEventAgeInSeconds: 60 # Lambda's least",
        "      MaximumRetryAttempts: 2\n      MaximumEventAgeInSeconds: 60 # Lambda's least",
    ),
    Mutation(
        "Lambda keeps an event for six hours",
        "H5 H23",
        TEMPLATE,
        "MaximumEventAgeInSeconds: 60 # Lambda's least",
        "MaximumEventAgeInSeconds: 21600",
    ),
    Mutation(
        "EventBridge keeps a tick for an hour",
        "H23",
        TEMPLATE,
        "MaximumEventAgeInSeconds: 60 # EventBridge's least",
        "MaximumEventAgeInSeconds: 3600",
    ),
    Mutation(
        "SQS moves what was received five times",
        "H9 H19 H20",
        TEMPLATE,
        "maxReceiveCount: 1000",
        "maxReceiveCount: 5",
    ),
    Mutation(
        "dead letters are kept no longer than messages",
        "H32",
        TEMPLATE,
        "MessageRetentionPeriod: 1209600",
        "MessageRetentionPeriod: 345600",
    ),
)

MUTATIONS = (*TIMES, *DEAD_LETTERS, *EVENTS, *CALLS, *TEMPLATES)
