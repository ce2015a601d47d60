"""The rules about what leads where: dead letters, variables, logs, outputs, and what is missing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from zigzag_operate.doctor.facts import (
    ALARM,
    FUNCTION,
    LOGS,
    MAPPING,
    QUEUE,
    ROLE,
    RULE,
    TABLE,
    TOPIC,
    Facts,
    Resource,
    Unknown,
    as_text,
    listed,
)
from zigzag_operate.doctor.finding import Found, NotKnown, of_parameter, wrong


def judge_what_is_there(facts: Facts) -> Found:
    """Judges whether each resource is there that these parameters ask for."""
    for name, kind, hazard, why in _expected(facts):
        one = facts.resources.get(name)
        if one is None:
            sentence = f"{name} is not {'in the stack' if facts.live else 'there'}: {why}"
            yield of_parameter(
                facts, hazard, name, sentence, f"add {name} again, as Zigzag's template.yaml has it"
            )
        elif one.type != kind:
            yield wrong(hazard, one, "Type", f"it is {one.type}: {why}", f"set Type: {kind}")


def _expected(facts: Facts) -> Iterator[tuple[str, str, str, str]]:
    for place in facts.places:
        yield f"TaskQueue{place}", QUEUE, "H119", "its messages have no queue"
        if facts.by_events:
            yield f"TaskQueue{place}Events", MAPPING, "H24", "nobody polls the queue"
    yield "DeadLetterQueue", QUEUE, "H46", "dead letters have no place"
    yield "RecordsTable", TABLE, "H80", "no second attempt starts"
    for name in ("Consumer", "Worker"):
        yield f"{name}Function", FUNCTION, "H24", "no task starts"
        yield f"{name}Role", ROLE, "H20", "the function may do nothing"
        yield f"{name}LogGroup", LOGS, "H73", "what the function logs has no place, and no end"
    yield "ConsumerFunctionTick", RULE, "H24", "no tick starts, and no task with it"
    yield "DeadLetterAlarm", ALARM, "H24", "nobody sees that tasks have failed for good"
    if facts.has_other:
        yield "OtherDeadLetterQueue", QUEUE, "H140", "the letters of queues of the other kind have no place"
        yield "OtherDeadLetterAlarm", ALARM, "H24", "nobody sees that tasks have failed for good"
    if facts.has_key:
        yield "UseKeyPolicy", "AWS::IAM::ManagedPolicy", "H20", "the functions may not use the key"
    if facts.is_set("LargePayloads"):
        yield "LargeBucket", "AWS::S3::Bucket", "H177", "large payloads have no place"
    if facts.parameters.get("AlarmEmail"):
        yield "AlarmTopic", TOPIC, "H24", "no alarm is told"
        yield (
            "AlarmTopicPolicy",
            "AWS::SNS::TopicPolicy",
            "H24",
            "CloudWatch may not publish, so no alarm is told",
        )
    if facts.parameters.get("TopicTasks", "none") != "none":
        yield "TasksSubscription", "AWS::SNS::Subscription", "H176", "no published task comes to the queue"


def judge_letters(facts: Facts) -> Found:
    """Judges whether each queue has its own dead-letter queue, of its kind."""
    for place in facts.places:
        expected = facts.resources.get(facts.letters_of(place))
        for queue in facts.some(f"TaskQueue{place}"):
            target = queue.get("RedrivePolicy.deadLetterTargetArn")
            if expected is None or isinstance(target, Unknown) or isinstance(expected.properties, Unknown):
                continue
            change = f"set deadLetterTargetArn: !GetAtt {expected.id}.Arn"
            if not target:
                yield wrong(
                    "H19",
                    queue,
                    "RedrivePolicy",
                    "it has no dead-letter queue: "
                    "after 1,000 receives a message comes again until SQS drops it",
                    change,
                )
            elif target != expected.arn:
                found = facts.by_value(target)
                yield wrong(
                    "H140" if facts.has_other else "H46",
                    queue,
                    "RedrivePolicy.deadLetterTargetArn",
                    f"SQS moves its letters to {found.id if found else target}, where nobody looks for them",
                    change,
                )
            elif as_text(queue.get("FifoQueue") or "") != as_text(expected.get("FifoQueue") or ""):
                yield wrong(
                    "H140",
                    queue,
                    "FifoQueue",
                    "of it and its dead-letter queue, one is FIFO and one is not: each letter is refused",
                    "make both of one kind",
                )


def judge_logs(facts: Facts) -> Found:
    """Judges whether the functions log where the commands and alarms look, and for how long."""
    for name in ("Consumer", "Worker"):
        for function, group in zip(
            facts.some(f"{name}Function"), facts.some(f"{name}LogGroup"), strict=False
        ):
            found = function.get("LoggingConfig.LogGroup")
            if not isinstance(found, Unknown) and found != group.ref:
                yield wrong(
                    "H73",
                    function,
                    "LoggingConfig.LogGroup",
                    "it logs where no command looks",
                    f"set LogGroup: !Ref {group.id}",
                )
            if isinstance(group.properties, Unknown):
                yield NotKnown(group.id, group.properties.needs)
            days = group.get("RetentionInDays")
            if not isinstance(days, Unknown) and as_text(days) != facts.parameters.get(
                "LogRetentionDays", as_text(days)
            ):
                yield wrong(
                    "H73",
                    group,
                    "RetentionInDays",
                    f"its lines are kept for {days or 'unlimited'} days, and not for LogRetentionDays",
                    "set RetentionInDays: !Ref LogRetentionDays",
                )


def judge_table(facts: Facts) -> Found:
    """Judges the key of the table of records."""
    for table in facts.some("RecordsTable"):
        schema = [{**one} for one in listed(table.get("KeySchema")) if not isinstance(one, Unknown)]
        kinds = {
            one.get("AttributeName"): one.get("AttributeType")
            for one in listed(table.get("AttributeDefinitions"))
            if not isinstance(one, Unknown)
        }
        if isinstance(table.properties, Unknown):
            continue
        if schema != [{"AttributeName": "key", "KeyType": "HASH"}] or kinds.get("key") != "S":
            yield wrong(
                "H80",
                table,
                "KeySchema",
                "its key is not the text `key`: no record can be written",
                "set KeySchema: [{AttributeName: key, KeyType: HASH}], of type S",
            )


def judge_key(facts: Facts) -> Found:
    """Judges whether all that holds data has the key that the roles may use, and whether the key works."""
    key = facts.parameters.get("KmsKeyArn", "none")
    paths = {QUEUE: "KmsMasterKeyId", TABLE: "SSESpecification.KMSMasterKeyId", LOGS: "KmsKeyId"}
    for one in facts.ours:
        path = paths.get(one.type)
        found = one.get(path) if path else None
        if path and not isinstance(found, Unknown) and (found or "none") != key and found != "alias/aws/sqs":
            yield wrong(
                "H20",
                one,
                path,
                f"its key is {found or "AWS's"}, and that of the stack is {key}",
                f"set {path}: !If [HasKey, !Ref KmsKeyArn, !Ref AWS::NoValue]",
            )
    if key == "none":
        return
    state = facts.more.get("key state", Unknown("a deployed stack, and kms:DescribeKey: --live asks"))
    if isinstance(state, Unknown):
        yield NotKnown("KmsKeyArn", state.needs)
    elif state != "Enabled":
        yield of_parameter(
            facts,
            "H20",
            "KmsKeyArn",
            f"the key is {state}: nothing can be sent or received",
            "enable it: aws kms enable-key",
        )


def judge_bucket(facts: Facts) -> Found:
    """Judges how long large payloads are kept."""
    for bucket in facts.some("LargeBucket"):
        rules = bucket.get("LifecycleConfiguration")
        if isinstance(rules, Unknown):
            yield NotKnown(bucket.id, rules.needs)
            continue
        for rule in listed((rules or {}).get("Rules")):
            days = rule.get("ExpirationInDays")
            if rule.get("Status") == "Enabled" and days and float(days) < 56:
                said = f"a payload is deleted after {days} days: its message and its letter, twice, take 56"
                yield wrong("H180", bucket, "LifecycleConfiguration.Rules", said, "keep them 60 days")


OUTPUTS = {
    "QueueUrl": "TaskQueue",
    "DeadLetterQueueUrl": "DeadLetterQueue",
    "RecordsTableName": "RecordsTable",
    "ConsumerFunctionName": "ConsumerFunction",
    "WorkerFunctionName": "WorkerFunction",
    "ConsumerLogGroupName": "ConsumerLogGroup",
    "WorkerLogGroupName": "WorkerLogGroup",
    "OtherDeadLetterQueueUrl": "OtherDeadLetterQueue",
}


def judge_outputs(facts: Facts) -> Found:
    """Judges whether the outputs lead commands and producers to the stack's own."""
    for name, of in OUTPUTS.items():
        one: Resource | None = facts.resources.get(of)
        found: Any = facts.outputs.get(name)
        if one is not None and found != one.ref:
            is_ = "is not there" if found is None else f"is {found}"
            yield of_parameter(
                facts,
                "H118",
                f"Outputs.{name}",
                f"the output {name} {is_}: commands and producers would not find {of}",
                f"set Value: !Ref {of}",
            )


def judge_subscription(facts: Facts) -> Found:
    """Judges whether published tasks reach the queue, and what can't be delivered a dead-letter queue."""
    for one in facts.some("TasksSubscription"):
        for path, of in (("Endpoint", "TaskQueue"), ("RedrivePolicy.deadLetterTargetArn", "DeadLetterQueue")):
            found = one.get(path)
            expected = facts.resources.get(of)
            if expected and expected.arn and not isinstance(found, Unknown) and found != expected.arn:
                yield wrong(
                    "H176",
                    one,
                    path,
                    f"{path} is not {of}: published tasks are lost",
                    f"set {path}: !GetAtt {of}.Arn",
                )
