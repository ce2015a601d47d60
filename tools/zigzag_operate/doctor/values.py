"""The rules about a single property: what it must be, and what can happen otherwise."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from shared.dead_letter import MAX_MESSAGE_BYTES
from shared.lease import EVENT_AGE_SECONDS, KEPT_SECONDS, LEASE_SECONDS, MAX_RECEIVE_COUNT
from zigzag_operate.doctor.facts import (
    BUCKET,
    FUNCTION,
    HANDLER,
    KEEPING,
    LOGS,
    QUEUE,
    QUEUE_POLICIES,
    ROLE,
    RULE,
    TABLE,
    TOPIC,
    Facts,
    Resource,
    Unknown,
    as_text,
)
from zigzag_operate.doctor.finding import Finding, NotKnown, wrong

VISIBILITY_SECONDS = 900
"""The visibility timeout with Trigger=events: no less than the longest worker may run."""


class Must(NamedTuple):
    """One rule: the resources, the property's path, its values, the hazard, and why."""

    of: Callable[[Facts], Sequence[Resource]]
    path: str
    be: Any
    hazard: str
    why: str


class Between(NamedTuple):
    """The numbers that a property may be."""

    least: float
    most: float

    def __str__(self) -> str:
        return f"{self.least:g} to {self.most:g}"


class OneOf(NamedTuple):
    values: tuple[Any, ...]

    def __str__(self) -> str:
        return " or ".join(map(as_text, self.values))


NOTHING = OneOf((None,))
"""The property must not be there."""


def named(*names: str) -> Callable[[Facts], Sequence[Resource]]:
    return lambda facts: facts.some(*names)


def ours(kind: str) -> Callable[[Facts], Sequence[Resource]]:
    return lambda facts: [one for one in facts.ours if one.type == kind]


def fifo(of: str) -> Callable[[Facts], Sequence[Resource]]:
    """Returns a choice of those queues that are to be FIFO, or standard."""

    def chosen(facts: Facts) -> list[Resource]:
        found = {f"TaskQueue{place}": facts.is_fifo(place) for place in facts.places}
        found |= {"DeadLetterQueue": facts.is_fifo("")}
        found |= {"OtherDeadLetterQueue": not facts.is_fifo("")} if facts.has_other else {}
        return facts.some(*(name for name, is_fifo in found.items() if is_fifo == (of == "fifo")))

    return chosen


def queues(facts: Facts) -> list[Resource]:
    return facts.queues


def letters(facts: Facts) -> list[Resource]:
    return facts.letters


def functions(facts: Facts) -> list[Resource]:
    return facts.functions


def packaged(facts: Facts) -> list[Resource]:
    return [one for one in facts.functions if one.get("PackageType") != "Image"]


def data(facts: Facts) -> list[Resource]:
    return [] if facts.live else [one for one in facts.ours if one.id in KEEPING | QUEUE_POLICIES]


def in_a_template(of: Callable[[Facts], Sequence[Resource]]) -> Callable[[Facts], Sequence[Resource]]:
    return lambda facts: [] if facts.live else of(facts)


def by_schedule(of: Callable[[Facts], Sequence[Resource]]) -> Callable[[Facts], Sequence[Resource]]:
    return lambda facts: [] if facts.by_events else of(facts)


def by_events(of: Callable[[Facts], Sequence[Resource]]) -> Callable[[Facts], Sequence[Resource]]:
    return lambda facts: of(facts) if facts.by_events else []


TICK = named("ConsumerFunctionTick")
LAST = "SQS deletes what is older, and nobody is told"
VALUES = (
    # ---- The functions: Lambda retries nothing, and says all in JSON ----
    Must(functions, "EventInvokeConfig.MaximumRetryAttempts", 0, "H6",
         "Lambda runs the event again when its message is somebody else's"),
    Must(functions, "EventInvokeConfig.MaximumEventAgeInSeconds", EVENT_AGE_SECONDS, "H5",
         "Lambda starts a worker whose message is somebody else's by then"),
    Must(in_a_template(by_events(named("WorkerFunction"))), "RecursiveLoop", "Allow", "H197",
         "Lambda takes a chain for a loop, and drops a chain's 17th message"),
    Must(functions, "AutoPublishAlias", NOTHING, "H42",
         "an alias has Lambda's own retries, and the consumer does not invoke it"),
    Must(functions, "LoggingConfig.LogFormat", "JSON", "H73",
         "a line of the log is no object, and no command and no query reads it"),
    Must(functions, "LoggingConfig.ApplicationLogLevel", OneOf(("INFO", "DEBUG", "TRACE")), "H73",
         "the lines of deliveries and ticks are dropped"),
    Must(in_a_template(packaged), "Metadata.BuildMethod", "makefile", "H60",
         "the package is not the one that the Makefile makes"),
    Must(named("ConsumerFunction"), "Handler", "consumer.app.handler", "H24", "the consumer can't start"),
    Must(lambda facts: [one for one in packaged(facts) if one.id == "WorkerFunction"],
         "Handler", HANDLER, "H9", "no worker can start"),
    Must(named("ConsumerFunction"), "Timeout", Between(61, 119), "H22",
         "a tick ends before the next one begins, or three run at once"),
    Must(functions, "MemorySize", OneOf((Between(128, 10_240), None)), "H10", "Lambda refuses it"),
    Must(lambda facts: facts.workers, "Timeout", Between(10, 900), "H10",
         "no time is left to settle a task's message, or Lambda refuses it"),
    # ---- The schedule ----
    Must(by_schedule(TICK), "State", "ENABLED", "H24", "no tick starts, and no task with it"),
    Must(by_events(TICK), "State", "DISABLED", "H153",
         "ticks start tasks beside Lambda's own poller"),
    # ---- Each queue ----
    Must(by_schedule(queues), "VisibilityTimeout", LEASE_SECONDS, "H11",
         "a message comes again while its worker may still start, or long after it is gone"),
    Must(by_events(queues), "VisibilityTimeout", VISIBILITY_SECONDS, "H154",
         "Lambda's poller receives for this time: its worker may still run, or is gone for long"),
    Must(lambda facts: [one for one in facts.queues if one.get("RedrivePolicy") is not None],
         "RedrivePolicy.maxReceiveCount", MAX_RECEIVE_COUNT, "H19",
         "SQS moves what no worker has seen to the dead letters, without a reason"),
    Must(queues, "RedriveAllowPolicy.redrivePermission", "denyAll", "H64",
         "dead letters of another queue may come here, and are taken for tasks"),
    Must(queues, "MessageRetentionPeriod", KEPT_SECONDS, "H41", LAST),
    Must(letters, "MessageRetentionPeriod", KEPT_SECONDS, "H32", LAST),
    Must(letters, "RedrivePolicy", NOTHING, "H41",
         "SQS moves the letters on when they are looked at, and no command finds them"),
    Must(letters, "RedriveAllowPolicy.redrivePermission", OneOf((None, "allowAll", "byQueue")), "H46",
         "no queue may have it for its dead letters"),
    Must(letters, "MaximumMessageSize", OneOf((MAX_MESSAGE_BYTES, None)), "H46",
         "the letter of a large message, with its note, does not fit"),
    Must(letters, "DelaySeconds", OneOf((0, None)), "H46", "a letter is hidden when it is looked for"),
    Must(queues, "DelaySeconds", OneOf((None, *range(901))), "H46", "SQS refuses it"),
    Must(fifo("fifo"), "FifoQueue", True, "H140", "its messages, and their letters, can't keep their order"),
    Must(fifo("fifo"), "ContentBasedDeduplication", True, "H31",
         "a message without a deduplication id is refused"),
    Must(fifo("fifo"), "DeduplicationScope", "messageGroup", "H31",
         "equal messages of two groups are one, and one is lost"),
    Must(fifo("fifo"), "FifoThroughputLimit", "perMessageGroupId", "H2",
         "all groups together have 300 calls a second"),
    Must(fifo("standard"), "FifoQueue", NOTHING, "H140",
         "it is a FIFO queue, or CloudFormation refuses it, while the parameters say it is standard"),
    Must(fifo("standard"), "ContentBasedDeduplication", NOTHING, "H140", "only a FIFO queue may have it"),
    Must(lambda facts: [] if facts.has_key else [*facts.queues, *facts.letters], "SqsManagedSseEnabled",
         OneOf((True, None)), "H64", "messages are not encrypted"),
    # ---- Lambda's pollers ----
    Must(lambda facts: facts.some(*(f"TaskQueue{place}Events" for place in facts.places)),
         "FilterCriteria", NOTHING, "H152", "Lambda deletes each message that the filter leaves out"),
    Must(functions, "Environment.Variables.AWS_ENDPOINT_URL", NOTHING, "H139",
         "all calls go there, and not to AWS"),
    # ---- The table of records ----
    Must(named("RecordsTable"), "BillingMode", "PAY_PER_REQUEST", "H80",
         "a backlog is throttled, and its tasks wait"),
    Must(named("RecordsTable"), "TimeToLiveSpecification.Enabled", True, "H64", "records are never deleted"),
    Must(named("RecordsTable"), "TimeToLiveSpecification.AttributeName", "expires", "H64",
         "records are never deleted"),
    Must(named("RecordsTable"), "DeletionProtectionEnabled", True, "H64",
         "the records of what is done can be deleted by mistake"),
    # ---- The bucket of large payloads ----
    *(
        Must(named("LargeBucket"), f"PublicAccessBlockConfiguration.{name}", True, "H178",
             "payloads can be made public")
        for name in ("BlockPublicPolicy", "RestrictPublicBuckets", "BlockPublicAcls", "IgnorePublicAcls")
    ),
    # ---- Tasks that are published ----
    Must(named("TasksSubscription"), "RawMessageDelivery", True, "H176",
         "a task comes within SNS's envelope"),
    Must(named("TasksSubscription"), "Protocol", "sqs", "H176", "nothing is delivered to the queue"),
    Must(named("TasksSubscription"), "FilterPolicyScope", "MessageBody", "H176",
         "the filter reads attributes, which tasks have none of: nothing is delivered"),
    # ---- What is kept, and has no fixed name ----
    Must(data, "DeletionPolicy", OneOf(("Retain", "RetainExceptOnCreate")), "H64",
         "it is deleted with the stack, or when it is taken out of the template"),
    Must(data, "UpdateReplacePolicy", "Retain", "H119", "it is deleted when a change replaces it"),
    *(
        Must(in_a_template(ours(kind)), name, NOTHING, "H64",
             "a second stack of the account can't have this name, and a change that replaces it fails")
        for kind, name in {
            QUEUE: "QueueName", TABLE: "TableName", FUNCTION: "FunctionName", ROLE: "RoleName",
            LOGS: "LogGroupName", TOPIC: "TopicName", BUCKET: "BucketName", RULE: "Name",
        }.items()
    ),
)  # fmt: skip


def judge_values(facts: Facts) -> Iterator[Finding | NotKnown]:
    """Judges each single property of VALUES."""
    for must in VALUES:
        for one in must.of(facts):
            found = one.get(must.path)
            if isinstance(found, Unknown):
                yield NotKnown(one.id, found.needs)
            elif not fits(found, must.be):
                is_ = "is not set" if found is None else f"is {_short(found)}"
                yield wrong(must.hazard, one, must.path, f"{must.path} {is_}: {must.why}", _change(must))


def fits(found: Any, wanted: Any) -> bool:
    if isinstance(wanted, OneOf):
        return any(fits(found, one) for one in wanted.values)
    if isinstance(wanted, Between):
        try:
            return wanted.least <= float(found) <= wanted.most
        except (TypeError, ValueError):
            return False
    return found is wanted is None or (found is not None and as_text(found) == as_text(wanted))


def _change(must: Must) -> str:
    if must.be is NOTHING:
        return f"take {must.path} away"
    first = must.be.values[0] if isinstance(must.be, OneOf) else must.be
    return f"set {must.path}: {must.be if isinstance(must.be, Between) else as_text(first)}"


def _short(value: Any) -> str:
    return "set" if isinstance(value, dict | list) else as_text(value)[:60]
