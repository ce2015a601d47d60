"""The rules about services that send: does the template let in each sender that it has itself?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from zigzag_operate.doctor.evaluating import allowing_sends, condition_values, is_anybody, services
from zigzag_operate.doctor.facts import BUCKET, RULE, SUBSCRIPTION, TOPIC, Facts, Resource, Unknown, listed
from zigzag_operate.doctor.finding import Found, wrong


class Sender(NamedTuple):
    """A resource that sends to a queue.

    one       -- the resource, with the path of the property that names the queue.
    to        -- the queue's ARN.
    arn       -- of what sends: the rule, the bucket, the topic.
    parameter -- the one that lets such senders in.
    """

    one: Resource
    path: str
    to: str
    arn: str
    parameter: str

    @property
    def service(self) -> str:
        return f"{SERVICES[self.parameter]}.amazonaws.com"


SERVICES = {"SenderRules": "events", "SenderBuckets": "s3", "SenderTopics": "sns"}


def judge_senders_of_the_template(facts: Facts) -> Found:
    """Judges whether the queues let in the rules, buckets and topics of the template that send to them."""
    queues = {queue.arn: queue for queue in [*facts.queues, *facts.letters] if queue.arn}
    for sender in [] if facts.live else _senders(facts):
        queue = queues.get(sender.to)
        if queue is None or any(_lets(facts, one, sender) for one in allowing_sends(facts, queue)):
            continue
        kind = " to a FIFO queue" if facts.is_fifo("") else ""
        known = facts.by_value(sender.arn)
        name = known.id if known else sender.arn
        change = f"set {sender.parameter} to the ARN of {name}, or let it in under `YOURS: senders{kind}`"
        if queue.id == "DeadLetterQueue" and not kind:
            change = f"set {sender.parameter} to the ARN of {name}"
        elif queue.id != "TaskQueue":
            change = f"let {sender.service} send for {name} in {queue.id}Policy"
        said = f"{queue.id} does not let {sender.service} in for it: what it sends is refused, and lost"
        yield wrong("H226" if queue in facts.letters else "H167", sender.one, sender.path, said, change)


def _senders(facts: Facts) -> Iterator[Sender]:
    for rule in facts.of_type(RULE):
        for queue in _queues_of(rule):
            yield Sender(rule, "Targets", str(queue), rule.arn, "SenderRules")
    for bucket in facts.of_type(BUCKET):
        for one in listed(bucket.get("NotificationConfiguration.QueueConfigurations")):
            path = "NotificationConfiguration.QueueConfigurations"
            yield Sender(bucket, path, str(one.get("Queue")), bucket.arn, "SenderBuckets")
    for one in facts.of_type(SUBSCRIPTION):
        if one.id != "TasksSubscription":  # its topic is let in by TopicTasks
            for path in ("Endpoint", "RedrivePolicy.deadLetterTargetArn"):
                yield Sender(one, path, str(one.get(path)), str(one.get("TopicArn")), "SenderTopics")
    for topic in facts.of_type(TOPIC):
        for one in listed(topic.get("Subscription")):
            yield Sender(topic, "Subscription", str(one.get("Endpoint")), topic.ref, "SenderTopics")


def _queues_of(rule: Resource) -> Iterator[Any]:
    """Yields the ARNs to which a rule sends: targets, unless by a role, and their dead-letter queues."""
    for target in listed(rule.get("Targets")):
        if not target.get("RoleArn"):
            yield target.get("Arn")
        yield (target.get("DeadLetterConfig") or {}).get("Arn")


def _lets(facts: Facts, statement: Mapping[str, Any], sender: Sender) -> bool:
    """Returns whether the statement may let the sender in. A source that is no resource of the template, such
    as an ARN of a parameter, may be the sender's at AWS, unless the sender has another name."""
    if sender.service not in services(statement) and not is_anybody(statement.get("Principal")):
        return False
    sources = condition_values(statement, "aws:SourceArn")
    known = {one.arn for one in facts.resources.values()} - {sender.arn}
    name = sender.one.get("Name") or sender.one.get("BucketName") or ""
    others = [one for one in sources if one not in known and one.endswith(str(name))]
    return not sources or bool(others) or any(fnmatchcase(sender.arn, one) for one in sources)


def judge_keys_of_senders(facts: Facts) -> Found:
    """Judges whether the services that may send can use the queue's key
    (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html)."""
    of_ours = {f"{one}.amazonaws.com" for one in SERVICES.values()}
    for queue in [*facts.queues, *facts.letters]:
        if not str(queue.get("KmsMasterKeyId")).endswith("alias/aws/sqs"):
            continue
        told = [each for one in allowing_sends(facts, queue) for each in services(one) if each in of_ours]
        if told:
            said = f"{told[0]} can't use AWS's own key for SQS: what it sends is refused"
            change = "set KmsMasterKeyId: !If [HasKey, !Ref KmsKeyArn, !Ref AWS::NoValue]"
            yield wrong("H20", queue, "KmsMasterKeyId", said, change)
    for topic in facts.some("FailureTopic"):
        key, own = topic.get("KmsMasterKeyId"), facts.parameters.get("KmsKeyArn", "none")
        if key and not isinstance(key, Unknown) and key != own and not str(key).endswith("alias/aws/sns"):
            said = f"the worker may not use its key, {key}: nobody is told of failed tasks"
            change = "set KmsMasterKeyId: !If [HasKey, !Ref KmsKeyArn, alias/aws/sns]"
            yield wrong("H173", topic, "KmsMasterKeyId", said, change)
