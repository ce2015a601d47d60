"""The rules about what leads where: dead letters, logs, the key, outputs, the subscription."""

from __future__ import annotations

from typing import Any

from zigzag_operate.doctor.facts import (
    LOGS,
    NAMES,
    QUEUE,
    TABLE,
    Facts,
    Resource,
    Unknown,
    as_text,
    listed,
)
from zigzag_operate.doctor.finding import Found, NotKnown, of_parameter, wrong


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


def judge_letters_of_others(facts: Facts) -> Found:
    """Judges whether SQS moves the dead letters of a user's own queue into a task queue."""
    ours = {queue.arn: queue.id for queue in facts.queues if queue.arn}
    for queue in [] if facts.live else facts.of_type(QUEUE):
        target = queue.get("RedrivePolicy.deadLetterTargetArn")
        if queue.id not in NAMES and (into := ours.get(str(target))):
            said = f"SQS moves its dead letters into {into}: each is a task, or a dead letter once more"
            change = "give it a dead-letter queue of its own"
            yield wrong("H231", queue, "RedrivePolicy.deadLetterTargetArn", said, change)


def judge_names_of_queues(facts: Facts) -> Found:
    """Judges whether the name of a FIFO queue is one (a name of one's own is told elsewhere, too)."""
    for queue in [] if facts.live else [*facts.queues, *facts.letters]:
        name = queue.get("QueueName")
        if as_text(queue.get("FifoQueue")) == "true" and isinstance(name, str) and not name.endswith(".fifo"):
            said = f"it is FIFO, and its name {name} does not end in .fifo: CloudFormation refuses it"
            yield wrong("H140", queue, "QueueName", said, "take QueueName away")


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
        enabled = [one for one in listed((rules or {}).get("Rules")) if one.get("Status") == "Enabled"]
        for days in [one["ExpirationInDays"] for one in enabled if one.get("ExpirationInDays")]:
            if float(days) < 56:
                said = f"a payload is deleted after {days} days: its message and its letter, twice, take 56"
                yield wrong("H180", bucket, "LifecycleConfiguration.Rules", said, "keep them 60 days")
        if not any(one.get("ExpirationInDays") for one in enabled):
            said, change = "payloads are never deleted", "set ExpirationInDays: 60 in a rule of it"
            yield wrong("H64", bucket, "LifecycleConfiguration", said, change)


OUTPUTS = {
    "QueueUrl": "TaskQueue",
    "DeadLetterQueueUrl": "DeadLetterQueue",
    "RecordsTableName": "RecordsTable",
    "ConsumerFunctionName": "ConsumerFunction",
    "WorkerFunctionName": "WorkerFunction",
    "ConsumerLogGroupName": "ConsumerLogGroup",
    "WorkerLogGroupName": "WorkerLogGroup",
    "OtherDeadLetterQueueUrl": "OtherDeadLetterQueue",
    "LargeBucketName": "LargeBucket",
    "TopicArn": "TasksTopic",
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


def judge_queues_output(facts: Facts) -> Found:
    """Judges whether the output Queues has each queue."""
    told = str(facts.outputs.get("Queues", ""))
    for queue in facts.queues:
        if queue.ref and f"={queue.ref}" not in told:
            said = f"the output Queues has no {queue.id}: no command would see that queue"
            yield of_parameter(facts, "H118", "Outputs.Queues", said, "set it as Zigzag's template.yaml does")


def judge_subscription(facts: Facts) -> Found:
    """Judges whether published tasks reach the queue, and what can't be delivered a dead-letter queue."""
    wanted = facts.parameters.get("TopicTasks", "").split(",")
    for one in facts.some("TasksSubscription"):
        names = one.get("FilterPolicy.task")
        if not facts.live and listed(names) != wanted:
            said = f"its filter lets {', '.join(map(str, listed(names))) or 'all'} in, and not TopicTasks"
            yield wrong(
                "H176", one, "FilterPolicy", said, "set FilterPolicy: {task: !Split [',', !Ref TopicTasks]}"
            )
        if not facts.live and not {"TaskQueuePolicy", "DeadLetterQueuePolicy"} <= set(
            listed(one.get("DependsOn"))
        ):
            said = "it may be there before the queues let SNS in: what is published then is lost"
            yield wrong(
                "H176", one, "DependsOn", said, "set DependsOn: [TaskQueuePolicy, DeadLetterQueuePolicy]"
            )
        topics = [topic.ref for topic in facts.some("TasksTopic")] or [facts.parameters.get("Topic", "")]
        if not isinstance(one.get("TopicArn"), Unknown) and one.get("TopicArn") != topics[0]:
            said, change = "it is no subscription of the topic that Topic names", "set TopicArn as Topic says"
            yield wrong("H176", one, "TopicArn", said, change)
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
