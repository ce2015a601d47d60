"""Each of these edits of the template breaks a promise, and the doctor names it."""

from __future__ import annotations

from typing import Any

import pytest
from tests.project.docs.pages import ROOT, read
from tests.project.template.yours import with_blocks
from tests.unit.zigzag_operate.doctor.templates import GONE, examined

from zigzag_operate.doctor import examine, template
from zigzag_operate.doctor.source import parsed

CONSUMER, WORKER, TASKS = "ConsumerFunction/Properties", "WorkerFunction/Properties", "TaskQueue/Properties"
LETTERS, RECORDS = "DeadLetterQueue/Properties", "RecordsTable/Properties"
CONSUMER_MAY = "ConsumerRole/Properties/Policies/0/PolicyDocument/Statement"
WORKER_MAY = "WorkerRole/Properties/Policies/0/PolicyDocument/Statement"
SERVER_MAY = "ServerPolicy/Properties/PolicyDocument/Statement"
ASYNC, VARIABLES = "Globals/Function/EventInvokeConfig", "Globals/Function/Environment/Variables"
TICK = f"{CONSUMER}/Events/Tick"
STATEMENTS = "TaskQueuePolicy/Properties/PolicyDocument/Statement"
ALL = {"Effect": "Allow", "Action": "*", "Resource": "*"}
DENY = {
    "Effect": "Deny",
    "Principal": "*",
    "Action": "sqs:*",
    "Resource": "*",
    "Condition": {"a": {"b": "c"}},
}
OPEN = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "*"}
TASK, DEAD = {"Fn::GetAtt": ["TaskQueue", "Arn"]}, {"Fn::GetAtt": ["DeadLetterQueue", "Arn"]}
MAPPING = {
    "Type": "AWS::Lambda::EventSourceMapping",
    "Properties": {"EventSourceArn": {"Fn::GetAtt": ["TaskQueue", "Arn"]}, "FunctionName": "another"},
}
RULE = {
    "Type": "AWS::Events::Rule",
    "Properties": {
        "ScheduleExpression": "rate(1 minute)",
        "State": "ENABLED",
        "Targets": [{"Arn": {"Fn::GetAtt": ["ConsumerFunction", "Arn"]}, "Id": "again"}],
    },
}
EVENTS, MAIL, OTHER = (
    {"Trigger": "events"},
    {"AlarmEmail": "a@b.ch"},
    {"Queue2": "orders", "Queue2Fifo": "true"},
)
FIFO, KEY = {"Fifo": "true"}, {"KmsKeyArn": "arn:aws:kms:us-east-1:123456789012:key/ab"}
BUCKET = {"LargePayloads": "true"}
NEVER = {"Fn::Equals": ["a", "b"]}
LATER = {"Scheduler": "true"}
NEWS = {"Topic": "own", "TopicTasks": "hello"}
TOPIC = "arn:aws:sns:us-east-1:123456789012:orders"
SENDING_RULE = {
    "Type": "AWS::Events::Rule",
    "Properties": {"ScheduleExpression": "rate(1 day)", "Targets": [{"Arn": TASK, "Id": "tasks"}]},
}
NAMED = {"Type": "AWS::Events::Rule", "Properties": {**SENDING_RULE["Properties"], "Name": "night"}}
WITH_LETTERS = {
    "Type": "AWS::Events::Rule",
    "Properties": {"Targets": [{"Arn": TASK, "Id": "tasks", "DeadLetterConfig": {"Arn": DEAD}}]},
}
SCHEDULED: dict[str, Any] = {
    "Type": "AWS::Scheduler::Schedule",
    "Properties": {"Target": {"Arn": TASK, "RoleArn": {"Fn::GetAtt": ["SchedulerRole", "Arn"]}}},
}
WITH_A_LETTER = {
    "Type": "AWS::Scheduler::Schedule",
    "Properties": {"Target": {**SCHEDULED["Properties"]["Target"], "DeadLetterConfig": {"Arn": DEAD}}},
}
LATER_FIFO = {"Scheduler": "true", "Fifo": "true", "Queue2": "later", "Queue2Fifo": "false"}
UPLOADS = {
    "Type": "AWS::S3::Bucket",
    "Properties": {"NotificationConfiguration": {"QueueConfigurations": [{"Queue": TASK}]}},
}
SUBSCRIBED = {
    "Type": "AWS::SNS::Subscription",
    "Properties": {"TopicArn": {"Ref": "NewsTopic"}, "Protocol": "sqs", "Endpoint": TASK},
}
INVOKED = {
    "Type": "AWS::Lambda::EventInvokeConfig",
    "Properties": {
        "FunctionName": {"Ref": "WorkerFunction"},
        "Qualifier": "$LATEST",
        "MaximumRetryAttempts": 2,
    },
}
FOREIGN = {
    "Type": "AWS::Lambda::EventSourceMapping",
    "Properties": {
        "EventSourceArn": "arn:aws:sqs:us-east-1:123456789012:theirs",
        "FunctionName": {"Ref": "WorkerFunction"},
    },
}
FOR_ALL = {
    "Type": "AWS::Lambda::Permission",
    "Properties": {"FunctionName": {"Ref": "WorkerFunction"}, "Principal": "*"},
}
NO_SQS = {"Effect": "Deny", "NotAction": ["s3:*", "logs:*"], "Resource": "*"}

BROKEN: list[tuple[str, Any, dict[str, str], str, str]] = [
    # ---- retries, ages, time ----
    (f"{ASYNC}/MaximumRetryAttempts", 2, {}, "H6", "MaximumRetryAttempts is 2"),
    ("Globals/Function/EventInvokeConfig", GONE, {}, "H6", "MaximumRetryAttempts is not set"),
    (f"{WORKER}/EventInvokeConfig", {"MaximumEventAgeInSeconds": 21600}, {}, "H5", "is 21600"),
    (f"{WORKER}/AutoPublishAlias", "live", {}, "H42", "an alias"),
    (f"{CONSUMER}/Timeout", 30, {}, "H22", "Timeout is 30"),
    (f"{CONSUMER}/Timeout", 900, {}, "H22", "three run at once"),
    (f"{WORKER}/Timeout", 3, {}, "H11", "WorkerTimeout says 60"),
    ("", None, {"BatchSize": "10", "WorkerTimeout": "10"}, "H91", "10 tasks share WorkerTimeout=10"),
    # ---- the schedule ----
    (f"{TICK}/Properties/State", "DISABLED", {}, "H24", "no tick starts"),
    (f"{CONSUMER}/Events", GONE, {}, "H24", "ConsumerFunctionTick is not there"),
    (f"{TICK}/Properties/RetryPolicy", GONE, {}, "H23", "MaximumRetryAttempts of its target is not set"),
    (f"{TICK}/Properties/Schedule", "rate(1 hour)", {}, "H24", "it fires by rate(1 hour)"),
    ("", None, {"WatchAlways": "true", "Schedule": "rate(5 minutes)"}, "H134", "needs a tick every minute"),
    # ---- the queues ----
    (f"{TASKS}/VisibilityTimeout", 30, {}, "H11", "VisibilityTimeout is 30"),
    (f"{TASKS}/VisibilityTimeout", 120, EVENTS, "H154", "VisibilityTimeout is 120"),
    (f"{TASKS}/RedrivePolicy/maxReceiveCount", 5, {}, "H19", "maxReceiveCount is 5"),
    (f"{TASKS}/RedrivePolicy", GONE, {}, "H19", "it has no dead-letter queue"),
    (f"{TASKS}/RedriveAllowPolicy", GONE, {}, "H64", "taken for tasks"),
    (f"{TASKS}/MessageRetentionPeriod", 345600, {}, "H41", "nobody is told"),
    (f"{LETTERS}/MessageRetentionPeriod", 86400, {}, "H32", "MessageRetentionPeriod is 86400"),
    (f"{LETTERS}/MaximumMessageSize", 262144, {}, "H46", "does not fit"),
    (f"{LETTERS}/RedrivePolicy", {"maxReceiveCount": 3, "deadLetterTargetArn": "arn:x"}, {}, "H41",
     "moves the letters"),
    ("TaskQueue2/Properties/RedrivePolicy/deadLetterTargetArn", {"Fn::GetAtt": ["DeadLetterQueue", "Arn"]},
     OTHER, "H140", "moves its letters to DeadLetterQueue"),
    (f"{TASKS}/FifoQueue", True, {}, "H140", "FifoQueue is true"),
    (f"{LETTERS}/FifoQueue", GONE, FIFO, "H140", "one is FIFO and one is not"),
    (f"{TASKS}/ContentBasedDeduplication", GONE, FIFO, "H31", "without a deduplication id"),
    (f"{TASKS}/QueueName", "tasks", {}, "H64", "QueueName is tasks"),
    ("TaskQueue/DeletionPolicy", GONE, {}, "H64", "deleted with the stack"),
    ("RecordsTable/UpdateReplacePolicy", "Delete", {}, "H119", "when a change replaces it"),
    ("DeadLetterQueue", GONE, {}, "H46", "DeadLetterQueue is not there"),
    # ---- the table ----
    (f"{RECORDS}/TimeToLiveSpecification/Enabled", False, {}, "H64", "never deleted"),
    (f"{RECORDS}/TimeToLiveSpecification/AttributeName", "ttl", {}, "H64", "AttributeName is ttl"),
    (f"{RECORDS}/BillingMode", "PROVISIONED", {}, "H80", "throttled"),
    (f"{RECORDS}/KeySchema", [{"AttributeName": "id"}], {}, "H80", "its key is not the text"),
    # ---- caps and concurrency ----
    (f"{CONSUMER}/ReservedConcurrentExecutions", 0, {}, "H24", "Lambda never runs it"),
    (f"{CONSUMER}/ReservedConcurrentExecutions", 1, {}, "H22", "every second one is refused"),
    (f"{WORKER}/ReservedConcurrentExecutions", 0, {}, "H9", "Lambda never runs it"),
    ("", None, {**EVENTS, "WorkerConcurrency": "1500"}, "H155", "than the 1,000 that Lambda's poller takes"),
    ("", None, {"ReplyTo": ",".join([TOPIC] * 90)}, "H139", "of 4,096 at most: it can't be deployed"),
    ("", None, {"WorkerConcurrency": "2", "InFlightCap": "50000"}, "H9", "2 workers can't start"),
    ("", None, {"InFlightCap": "120000"}, "H21", "120,000"),
    # ---- another consumer ----
    ("Another", MAPPING, {}, "H152", "it receives from TaskQueue as well"),
    ("Pipe", {"Type": "AWS::Pipes::Pipe", "Properties": {"Source": DEAD}},
     {}, "H41", "takes the letters out"),
    ("TaskQueueEvents/Properties/FunctionResponseTypes", GONE, EVENTS, "H152", "postponed"),
    ("TaskQueueEvents/Condition", GONE, {}, "H153", "Lambda polls TaskQueue"),
    (f"{CONSUMER}/Environment/Variables/ZIGZAG_QUEUE_WORKERS",
     {"Fn::Join": [" ", ["", {"Fn::Sub": "${Queue2}=${WorkerFunction}"}]]},
     {**EVENTS, "Queue2": "video"}, "H137", "video has its own worker, and by events Lambda gives"),
    (f"{CONSUMER}/Environment/Variables/ZIGZAG_QUEUE_WORKERS", {"Fn::Sub": "default=${ConsumerFunction}"}, {},
     "H137", "ConsumerFunction.Handler: the worker of default has the handler consumer.app.handler"),
    ("", None, {**EVENTS, "Queue2": "urgent:6"}, "H153", "urgent has a weight"),
    (f"{WORKER}/Events", {"More": {"Type": "SQS", "Properties": {"Queue": TASK}}},
     {}, "H152", "as well"),
    (f"{WORKER}/DeadLetterQueue", {"Type": "SQS", "TargetArn": TASK}, {}, "H17",
     "puts events on TaskQueue"),
    (f"{ASYNC}/DestinationConfig", {"OnFailure": {"Type": "SQS", "Destination": DEAD}}, {}, "H17",
     "puts events on DeadLetterQueue"),
    (f"{WORKER}/RecursiveLoop", GONE, EVENTS, "H197", "drops a chain's 17th message"),
    (f"{WORKER}/FunctionUrlConfig", {"AuthType": "NONE"}, {}, "H247", "a URL starts it"),
    ("TasksTopicPolicy/Properties/PolicyDocument/Statement/0", {"Effect": "Allow", "Principal": "*"}, NEWS,
     "H247", "everybody may publish tasks"),
    ("Mine", FOR_ALL, {}, "H247", "Mine: it lets others invoke WorkerFunction"),
    # ---- permissions ----
    (f"{CONSUMER_MAY}/0/Action", ["sqs:ReceiveMessage"], {}, "H20", "sqs:DeleteMessage"),
    (f"{CONSUMER_MAY}/2", GONE, {}, "H2", "lambda:InvokeFunction on WorkerFunction"),
    (f"{WORKER_MAY}/2/Condition/ForAllValues:StringLike/dynamodb:LeadingKeys", ["starts#*"], {}, "H80",
     "records run#"),
    (f"{WORKER_MAY}/1/Resource", [{"Fn::GetAtt": ["TaskQueue", "Arn"]}], {}, "H46", "on DeadLetterQueue"),
    (f"{WORKER_MAY}/0/Action", "sqs:*", {}, "H41", "it allows sqs:*"),
    ("TasksPolicy/Properties/PolicyDocument/Statement/0", ALL, {}, "H41", "it allows *"),
    ("WorkerRole/Properties/AssumeRolePolicyDocument/Statement/0/Principal", {"Service": "ec2.amazonaws.com"},
     {}, "H20", "Lambda may not take this role"),
    (f"{WORKER}/Role", {"Fn::GetAtt": ["ConsumerRole", "Arn"]}, {}, "H41", "the other function's"),
    ("UseKeyPolicy", GONE, KEY, "H20", "kms:Decrypt"),
    (f"{TASKS}/KmsMasterKeyId", "arn:aws:kms:x:1:key/other", KEY, "H20", "that of the stack"),
    (f"{STATEMENTS}/0", DENY, {}, "H168", "it denies sqs:ReceiveMessage on TaskQueue"),
    (f"{STATEMENTS}/0", OPEN, {}, "H167", "everybody may call"),
    # ---- variables, logs, outputs ----
    (f"{VARIABLES}/ZIGZAG_RECORDS_TABLE", GONE, {}, "H139", "ZIGZAG_RECORDS_TABLE is not set"),
    (f"{VARIABLES}/ZIGZAG_QUEUE_URL", {"Ref": "DeadLetterQueue"}, {}, "H139", "ZIGZAG_QUEUE_URL is"),
    (f"{VARIABLES}/ZIGZAG_QUEUES", "", OTHER, "H139", "ZIGZAG_QUEUES is empty"),
    (f"{CONSUMER}/Environment/Variables/ZIGZAG_WORKER", "another", {}, "H139", "ZIGZAG_WORKER is"),
    (f"{WORKER}/LoggingConfig/LogFormat", "Text", {}, "H73", "LogFormat is Text"),
    (f"{WORKER}/LoggingConfig/ApplicationLogLevel", "ERROR", {}, "H73", "are dropped"),
    (f"{WORKER}/LoggingConfig/LogGroup", {"Ref": "ConsumerLogGroup"}, {}, "H73", "where no command looks"),
    ("WorkerLogGroup/Properties/RetentionInDays", GONE, {}, "H73", "unlimited days"),
    ("Outputs/QueueUrl/Value", {"Ref": "DeadLetterQueue"}, {}, "H118", "the output QueueUrl"),
    # ---- alarms ----
    ("DeadLetterAlarm", GONE, {}, "H24", "DeadLetterAlarm is not there"),
    ("DeadLetterAlarm/Properties/Dimensions/0/Value", {"Fn::GetAtt": ["TaskQueue", "QueueName"]}, {}, "H24",
     "and not DeadLetterQueue"),
    ("DeadLetterAlarm/Properties/AlarmActions", [], MAIL, "H24", "does not tell"),
    ("ConsumerSilentAlarm/Properties/TreatMissingData", "notBreaching", MAIL, "H24", "TreatMissingData"),
    ("AlarmTopic/Properties/KmsMasterKeyId", "alias/aws/sns", MAIL, "H24", "no mail comes"),
    ("AlarmTopic/Properties/Subscription", [], MAIL, "H24", "AlarmEmail is not subscribed"),
    ("FailureTopic/Properties/Subscription", [], {"FailureEmail": "a@b.ch"}, "H173", "nobody is told"),
    # ---- packages, network, order ----
    (f"{CONSUMER}/Runtime", "python3.12", {}, "H60", "Runtime is python3.12"),
    ("Globals/Function/Architectures", ["arm64"], {}, "H60", "the packages are for x86_64"),
    ("WorkerFunction/Metadata/ContextPath", "src/package/arm64", {}, "H60", "built for arm64"),
    (f"{WORKER}/VpcConfig", {"SubnetIds": ["subnet-1"]}, {}, "H115", "network interfaces"),
    ("WorkerFunction/DependsOn", GONE, {}, "H115", "before its permissions"),
    # ---- large payloads, topics ----
    ("LargeBucket/Properties/LifecycleConfiguration/Rules/0/ExpirationInDays", 14, BUCKET, "H180", "14 days"),
    ("LargeBucket/Properties/LifecycleConfiguration", GONE, BUCKET, "H64", "payloads are never deleted"),
    ("TasksSubscription/Properties/RawMessageDelivery", False, NEWS, "H176", "SNS's envelope"),
    ("TasksSubscription/Properties/RedrivePolicy", GONE, NEWS, "H176", "published tasks are lost"),
    ("TasksSubscription/Properties/FilterPolicy", {"task": ["other"]}, NEWS, "H176", "and not TopicTasks"),
    ("TasksSubscription/DependsOn", GONE, NEWS, "H176", "before the queues let SNS in"),
    (f"{STATEMENTS}/5", GONE, NEWS, "H176", "TaskQueue does not let"),
    (f"{STATEMENTS}/3", GONE, {"SenderBuckets": "arn:aws:s3:::pages"}, "H167", "which SenderBuckets names"),
    ("DeadLetterQueuePolicy/Properties/PolicyDocument/Statement/1", GONE, {"SenderTopics": TOPIC}, "H167",
     "DeadLetterQueue does not let"),
    ("TasksPolicy/Properties/PolicyDocument/Statement/2", GONE, NEWS, "H176", "sns:Publish on TasksTopic"),
    # ---- the scheduler, the key ----
    ("SchedulerRole/Properties/AssumeRolePolicyDocument/Statement/0/Principal", {"Service": "ec2"},
     LATER, "H166", "may not take this role"),
    ("SchedulerRole/Properties/Policies/0/PolicyDocument/Statement/0/Resource", [DEAD], LATER, "H166",
     "may not send to TaskQueue"),
    ("SchedulerRole/Properties/AssumeRolePolicyDocument/Statement/0/Condition/ArnEquals", GONE, LATER,
     "H225", "a schedule of another group"),
    ("Nightly", SCHEDULED, LATER, "H166", "set GroupName: !Ref SchedulerGroup"),
    ("Nightly", SCHEDULED, LATER, "H166", "set DeadLetterConfig: {Arn: !GetAtt DeadLetterQueue.Arn}"),
    ("Nightly", WITH_A_LETTER, LATER_FIFO, "H166", "a FIFO queue refuses a message without a group"),
    ("Nightly", WITH_A_LETTER, LATER_FIFO, "H166", "a FIFO queue takes no dead letter of the Sch"),
    ("UseKeyPolicy/Properties/PolicyDocument/Statement/0/Condition/StringEquals/kms:ViaService",
     ["sqs.x"], KEY, "H20", "through dynamodb"),
    (f"{TASKS}/SqsManagedSseEnabled", False, {}, "H64", "not encrypted"),
    ("SendLaterPolicy/Properties/PolicyDocument/Statement/0", GONE, LATER, "H166",
     "scheduler:CreateSchedule"),
    ("UseKeyPolicy/Properties/Roles/2", GONE, {**KEY, **LATER}, "H166",
     "role may not use the key"),
    ("NotifyPolicy/Properties/PolicyDocument/Statement/1/Condition", GONE, {"FailureEmail": "a@b.ch"}, "H103",
     "without both conditions"),
    # ---- what else stands in the template ----
    (f"{CONSUMER}/Role", GONE, {}, "H20", "SAM makes a role"),
    ("WorkerRole/Properties/AssumeRolePolicyDocument/Statement/0/Action", "sts:TagSession", {}, "H20",
     "Lambda may not take this role"),
    ("WorkerFunction/Metadata", GONE, {}, "H60", "BuildMethod is not set"),
    ("AlarmTopicPolicy/Properties/Topics", [], MAIL, "H24", "does not let CloudWatch publish"),
    ("DeadLetterAlarm/Properties/Dimensions/0/Name", "Queue", {}, "H24", "it watches nothing"),
    (f"{VARIABLES}/ZIGZAG_TOPIC_ARN", GONE, NEWS, "H139", "ZIGZAG_TOPIC_ARN is empty"),
    (f"{VARIABLES}/ZIGZAG_SCHEDULER", "", LATER, "H139", "ZIGZAG_SCHEDULER is empty"),
    ("TasksSubscription/Properties/TopicArn", {"Ref": "NewsTopic"}, NEWS, "H176",
     "no subscription of the topic"),
    ("TaskQueueEvents/Properties/BatchSize", GONE, EVENTS, "H91", "10 messages share"),
    ("Rules/EventsHaveNoLimits", GONE, {}, "H153", "the rule EventsHaveNoLimits is not there"),
    ("Conditions/HasQueue2", NEVER, {"Queue2": "urgent"}, "H119", "TaskQueue2 is not there"),
    ("Conditions/Alarms", NEVER, MAIL, "H24", "LateAlarm is not there"),
    ("Conditions/IsFifo", {"Fn::Equals": [{"Ref": "Fifo"}, "false"]}, {}, "H140", "FifoQueue is true"),
    ("TasksPolicy", GONE, {}, "H115", "it depends on TasksPolicy"),
    (f"{TASKS}/Tags", GONE, {}, "H119", "without its tags"),
    (f"{WORKER}/MemorySize", 128, {}, "H11", "WorkerMemory says 256"),
    (f"{VARIABLES}/AWS_ENDPOINT_URL", "http://localhost:4566", {}, "H139", "all calls go there"),
    ("Outputs/Queues/Value", "none", {}, "H118", "the output Queues has no TaskQueue"),
    ("TaskQueueEvents/Properties/FilterCriteria", {"Filters": []}, EVENTS, "H152", "the filter leaves out"),
    ("TaskQueueEvents/Properties/ScalingConfig", GONE, {**EVENTS, "WorkerConcurrency": "5"}, "H155",
     "more workers"),
    # ---- senders that the template has itself ----
    ("Night", SENDING_RULE, {}, "H167", "let events.amazonaws.com in for it"),
    ("Night", SENDING_RULE, {}, "H167", "set SenderRules to the ARN of Night, or"),
    ("Night", NAMED, {"SenderRules": "arn:aws:events:us-east-1:123456789012:rule/nihgt"}, "H167",
     "let events.amazonaws.com in for it"),
    ("Night", WITH_LETTERS, {}, "H226", "DeadLetterQueue does not let events.amazonaws.com in for it"),
    ("Uploads", UPLOADS, {}, "H167", "let s3.amazonaws.com in for it"),
    ("Orders", SUBSCRIBED, {}, "H167", "let sns.amazonaws.com in for it"),
    ("Orders", SUBSCRIBED, NEWS, "H167", "let sns.amazonaws.com in for it"),  # another topic is let in
    ("NewsTopic/Properties/Subscription", [{"Protocol": "sqs", "Endpoint": TASK}], {}, "H167",
     "`YOURS: senders`"),
    (f"{TASKS}/KmsMasterKeyId", "alias/aws/sqs", {"SenderTopics": TOPIC}, "H20",
     "sns.amazonaws.com can't use"),
    ("FailureTopic/Properties/KmsMasterKeyId", "alias/mine", {"FailureEmail": "a@b.ch"}, "H173",
     "may not use its key, alias/mine"),
    # ---- what stands beside Zigzag's own ----
    ("Again", RULE, {}, "H22", "Again: it wakes the consumer as well as ConsumerFunctionTick"),
    ("AsTask", INVOKED, {}, "H6", "MaximumRetryAttempts for WorkerFunction is 2"),
    ("AsTask", INVOKED, {}, "H5", "MaximumEventAgeInSeconds for WorkerFunction is not set"),
    ("Foreign", FOREIGN, {}, "H152", "Foreign.EventSourceArn: it starts WorkerFunction"),
    ("Mine", {"Type": "AWS::SQS::QueuePolicy", "Properties": {"Queues": [{"Ref": "TaskQueue"}]}}, {}, "H167",
     "has TaskQueuePolicy as well"),
    ("TasksPolicy/Properties/PolicyDocument/Statement/0", NO_SQS, {}, "H12",
     "TasksPolicy denies it → take that statement away"),
    (f"{SERVER_MAY}/1/Condition/ForAllValues:StringLike/dynamodb:LeadingKeys", ["starts#*"],
     {"Servers": "true"}, "H80", "ServerPolicy.Policies: it may not dynamodb:UpdateItem"),
    (f"{SERVER_MAY}/0", GONE, {"Servers": "true"}, "H46", "sqs:SendMessage on DeadLetterQueue"),
    (f"{WORKER_MAY}/0/Effect", "Deny", {}, "H12", "denies it → set its Effect: Allow"),
    (f"{WORKER_MAY}/2/Condition/Null/dynamodb:LeadingKeys", "true", {}, "H80", "records run#"),
    (f"{STATEMENTS}/0/Condition/Bool/aws:SecureTransport", "true", {}, "H168",
     "set aws:SecureTransport: 'false'"),
    (f"{TASKS}/QueueName", "tasks", FIFO, "H140", "does not end in .fifo"),
    (f"{LETTERS}/RedriveAllowPolicy", {"redrivePermission": "denyAll"}, {}, "H46", "no queue may have it"),
    ("Conditions/HasOther", NEVER, OTHER, "H140", "its Condition HasOther is false"),
    ("", None, {"WorkerConcurrency": "5", "InFlightCap": "0"}, "H9", "set InFlightCap=3000 or less"),
    ("", None, {"WorkerConcurrency": "2", "InFlightCap": "0", "WorkerTimeout": "900"}, "H9",
     "2 workers can't start the 6,000 messages"),
    # ---- parameters ----
    ("", None, {"Schedule": "rate(7 days)"}, "H95", "rate(7 days) leaves a message alone"),
    ("", None, {"Schedule": "cron(0 8 ? * mon,WED *)"}, "H95", "cron(0 8 ? * mon,WED *) leaves"),
    ("", None, {"Schedule": "cron(0 8 1-28/5 * ? *)"}, "H95", "cron(0 8 1-28/5 * ? *) leaves"),
    ("", None, {"Schedule": "cron(0 8 L * ? *)"}, "H95", "cron(0 8 L * ? *) leaves"),
    ("", None, {"WorkerTimeout": "901"}, "H11", "refuses WorkerTimeout=901"),
    ("", None, {"Queue2": "none:3"}, "H11", "refuses Queue2=none:3"),
    ("", None, {"Queue2": "urgent:6", "Queue3": "urgent"}, "H139", "give each of Queue2 to Queue5 a name of"),
    ("", None, {"Trigger": "events", "FlowControl": "true"}, "H153", "no limits and no pause"),
    (f"{VARIABLES}/ZIGZAG_TRANSPORT", {"Ref": "Transprot"}, {}, "H137", "refers to Transprot"),
    (f"{VARIABLES}/ZIGZAG_WORKER", {"Ref": "WorkerFunctionn"}, {}, "H137", "refers to WorkerFunctionn"),
    ("Mine", {"Type": "AWS::SQS::Queue", "Properties": {"RedrivePolicy": {"deadLetterTargetArn": TASK}}},
     {}, "H231", "moves its dead letters into TaskQueue"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("path", "value", "parameters", "hazard", "words"),
    BROKEN,
    ids=[f"{one[0]} {one[2]} {one[4]}" for one in BROKEN],
)
def test_a_broken_template_is_named_by_its_hazard(
    path: str, value: Any, parameters: dict[str, str], hazard: str, words: str
) -> None:
    report = examined(*[(path, value)] * bool(path), **parameters)

    told = [one for one in report.findings if one.hazard == hazard]
    assert [one for one in told if words in f"{one.at}: {one.wrong} → {one.change}"]
    assert all(one.wrong and one.change for one in report.findings)


@pytest.mark.parametrize(
    ("path", "value", "hazard"),
    [
        (f"{TASKS}/RedrivePolicy", GONE, "H19"),
        (f"{WORKER}/Role", {"Fn::GetAtt": ["ConsumerRole", "Arn"]}, "H41"),
        ("Again", RULE, "H22"),
        ("TasksPolicy/Properties/PolicyDocument/Statement/0", NO_SQS, "H12"),
        (f"{STATEMENTS}/0/Condition/Bool/aws:SecureTransport", "true", "H168"),
        ("Night", SENDING_RULE, "H167"),
    ],
    ids=["no dead-letter queue", "the other's role", "a tick more", "a denial", "TLS", "a sender"],
)
def test_one_fault_is_one_finding(path: str, value: Any, hazard: str) -> None:
    assert [one.hazard for one in examined((path, value)).findings] == [hazard]


def test_the_role_of_a_queues_own_worker_is_judged_by_what_that_queue_needs() -> None:
    # Given the worker and its role of the page, with Lambda's own memory, and two roles that lack an action
    page = read("docs/several-queues.md").partition("## A worker of its own")[2]
    own = with_blocks((ROOT / "template.yaml").read_text(encoding="utf-8"), page)
    own = own.replace("WorkerRole.Arn\n      MemorySize: 3008", "VideoRole.Arn")
    before, role, after = own.partition("  VideoRole:")
    lacks = role + after.replace("sqs:DeleteMessage, sqs:ChangeMessageVisibility", "sqs:DeleteMessage", 1)
    of_aws = "ManagedPolicyArns: [arn:aws:iam::aws:policy/AmazonSQSFullAccess]\n      Policies:"

    sound, lacking, elsewhere = (
        examine(template.facts_of(parsed(before + one, "template.yaml"), {"Queue2": "video"}))
        for one in (role + after, lacks, lacks.replace("Policies:", of_aws, 1))
    )

    # Then what is lacking is told, unless a policy that is not in the template may allow it
    assert (sound.findings, sound.unknown) == ([], [])
    assert [(one.hazard, one.at, one.wrong) for one in lacking.findings] == [
        ("H12", "VideoRole.Policies", "it may not sqs:ChangeMessageVisibility on TaskQueue2")
    ]
    assert (elsewhere.findings, [one.at for one in elsewhere.unknown]) == (
        [],
        ["VideoRole.ManagedPolicyArns"],
    )
