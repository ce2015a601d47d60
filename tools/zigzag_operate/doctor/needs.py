"""The permissions that each function, and each worker of a user's own, needs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from zigzag_operate.doctor.facts import Facts, Resource

SETTLES = ("sqs:DeleteMessage", "sqs:ChangeMessageVisibility")


class Need(NamedTuple):
    """A permission that a role must have: actions on one resource, and the beginning of a record's key."""

    actions: tuple[str, ...]
    on: Resource | str
    key: str = ""
    hazard: str = "H20"

    @property
    def arn(self) -> str:
        return self.on if isinstance(self.on, str) else self.on.arn

    @property
    def name(self) -> str:
        return self.on if isinstance(self.on, str) else self.on.id


def of_consumer(facts: Facts) -> Iterator[Need]:
    for queue in facts.queues:
        yield Need(
            (
                "sqs:ReceiveMessage",
                "sqs:GetQueueAttributes",
                "sqs:ChangeMessageVisibility",
                "sqs:DeleteMessage",
            ),
            queue,
        )
    for letters in facts.letters:
        yield Need(("sqs:SendMessage",), letters, hazard="H46")
    workers = [one for one in facts.workers if one.id == "WorkerFunction" or _places(facts, one)]
    for worker in workers:
        yield Need(("lambda:InvokeFunction",), worker, hazard="H2")
    for table in facts.some("RecordsTable"):
        if facts.is_set("FlowControl"):
            yield Need(("dynamodb:BatchGetItem", "dynamodb:UpdateItem"), table, "gate#", "H102")
        if facts.parameters.get("MaxConsumers", "1") != "1":
            yield Need(("dynamodb:UpdateItem",), table, "consumer#", "H162")
            for consumer in facts.some("ConsumerFunction"):
                yield Need(("lambda:InvokeFunction",), consumer, hazard="H162")
    yield from _of_both(facts, "ConsumerLogGroup")


def of_worker(facts: Facts) -> Iterator[Need]:
    receives = ("sqs:ReceiveMessage", "sqs:GetQueueAttributes") if facts.by_events else ()
    for queue in facts.queues:
        yield Need((*SETTLES, *receives), queue, hazard="H12")
        yield Need(("sqs:SendMessage",), queue, hazard="H195")
    yield from _of_every_worker(facts)
    for bucket in facts.some("LargeBucket"):
        yield Need(("s3:PutObject",), f"{bucket.arn}/*", hazard="H177")
    for topic in facts.some("FailureTopic"):
        yield Need(("sns:Publish",), topic, hazard="H173")
        for table in facts.some("RecordsTable"):
            yield Need(("dynamodb:UpdateItem",), table, "notice#", "H80")
    for topic in facts.some("TasksTopic"):
        yield Need(("sns:Publish",), topic, hazard="H176")
    for role, group in zip(facts.some("SchedulerRole"), facts.some("SchedulerGroup"), strict=False):
        yield Need(("iam:PassRole",), role, hazard="H166")
        partition, _, place = (facts.queues[0].arn if facts.queues else "::").partition(":sqs:")
        schedules = f"{partition}:scheduler:{':'.join(place.split(':')[:2])}:schedule/{group.ref}/x"
        yield Need(("scheduler:CreateSchedule",), schedules, hazard="H166")
    for arn in filter(None, facts.parameters.get("ReplyTo", "").split(",")):
        yield Need(("sns:Publish" if ":sns:" in arn else "sqs:SendMessage",), arn, hazard="H195")
    yield from _of_both(facts, "WorkerLogGroup")


def _of_every_worker(facts: Facts) -> Iterator[Need]:
    for letters in facts.letters:
        yield Need(("sqs:SendMessage",), letters, hazard="H46")
    for table in facts.some("RecordsTable"):
        for kind in ("starts#", "run#", "redrive#", *(["gate#"] if facts.is_set("FlowControl") else [])):
            yield Need(("dynamodb:UpdateItem",), table, kind, "H80")
    for bucket in facts.some("LargeBucket"):
        yield Need(("s3:ListBucket",), bucket, hazard="H177")
        yield Need(("s3:GetObject",), f"{bucket.arn}/*", hazard="H177")


def of_server(facts: Facts) -> Iterator[Need]:
    yield from _of_every_worker(facts)
    for table in facts.some("RecordsTable") if facts.is_set("FlowControl") else ():
        yield Need(("dynamodb:BatchGetItem",), table, "gate#", "H102")


def of_workers_of_queues(facts: Facts) -> Iterator[tuple[Resource, list[Need]]]:
    """Yields each worker of a user's own that gets messages, with what it needs of its queues."""
    for worker in facts.workers:
        places = _places(facts, worker)
        if worker.id != "WorkerFunction" and places and not facts.by_events:
            letters = {facts.letters_of(place) for place in places}
            others = {one.id for one in facts.letters} - letters
            queues = facts.some(*(f"TaskQueue{place}" for place in places))
            needs = [Need(SETTLES, queue, hazard="H12") for queue in queues]
            needs += [one for one in _of_every_worker(facts) if one.name not in others]
            yield worker, [*needs, *_of_key(facts)]


def _places(facts: Facts, worker: Resource) -> list[str]:
    """Returns the places of the queues whose own worker this is."""
    variables = [one.get("Environment.Variables.ZIGZAG_QUEUE_WORKERS") for one in facts.functions]
    routes = dict(each.split("=", 1) for each in " ".join(map(str, variables)).split() if "=" in each)
    names = {place: facts.parameters[f"Queue{place}"] if place else "default" for place in facts.places}
    own = (worker.ref, worker.arn)
    routed = {queue.partition(":")[0] for queue, function in routes.items() if function in own}
    return [place for place, name in names.items() if name.partition(":")[0] in routed]


def _of_both(facts: Facts, group: str) -> Iterator[Need]:
    for logs in facts.some(group):
        yield Need(("logs:CreateLogStream", "logs:PutLogEvents"), logs, hazard="H73")
    yield from _of_key(facts)


def _of_key(facts: Facts) -> Iterator[Need]:
    if facts.has_key:
        yield Need(("kms:Decrypt", "kms:GenerateDataKey"), facts.parameters["KmsKeyArn"])
