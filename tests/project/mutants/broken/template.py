"""The template, broken. Its values are read by the tests in tests/project/template, and by no others."""

from __future__ import annotations

from tests.project.mutants.mutation import Part

PART = Part("The template")
sets = PART.sets

sets(
    "Lambda retries what SQS delivers again anyway",
    "H6",
    "template.yaml:Globals.Function.EventInvokeConfig.MaximumRetryAttempts",
    2,
)
sets(
    "Lambda keeps an event for six hours",
    "H5 H23",
    "template.yaml:Globals.Function.EventInvokeConfig.MaximumEventAgeInSeconds",
    21600,
)
sets(
    "EventBridge keeps a tick for an hour",
    "H23",
    "template.yaml:Resources.ConsumerFunction.Properties.Events.Tick.Properties.RetryPolicy"
    ".MaximumEventAgeInSeconds",
    3600,
)
sets(
    "SQS moves what was received five times",
    "H9 H19 H20",
    "template.yaml:Resources.TaskQueue.Properties.RedrivePolicy.maxReceiveCount",
    5,
)
sets(
    "dead letters are kept for four days",
    "H32",
    "template.yaml:Resources.DeadLetterQueue.Properties.MessageRetentionPeriod",
    345600,
)
sets(
    "a queue that was taken out of the stack has no tag by which it is found",
    "H119",
    "template.yaml:Resources.TaskQueue4.Properties.Tags",
    [],
)
sets(
    "a FIFO queue next to standard ones has their dead-letter queue",
    "H140",
    "template.yaml:Resources.TaskQueue3.Properties.RedrivePolicy.deadLetterTargetArn",
    {"Fn::GetAtt": ["DeadLetterQueue", "Arn"]},
)
sets(
    "a worker in a VPC is made before Lambda may make its network interfaces",
    "H115",
    "template.yaml:Resources.WorkerFunction.DependsOn",
    "WorkerLogGroup",
)
sets(
    "Lambda deletes what a worker of an event source has postponed",
    "H152",
    "template.yaml:Resources.TaskQueueEvents.Properties.FunctionResponseTypes",
    [],
)
sets(
    "an event source takes the place of limits",
    "H153",
    "template.yaml:Rules.EventsHaveNoLimits.RuleCondition",
    {"Fn::Equals": [{"Ref": "Trigger"}, "never"]},
)
sets(
    "an event source's queue hides a message for a lease only",
    "H154 H155",
    "template.yaml:Resources.TaskQueue.Properties.VisibilityTimeout",
    120,
)
