"""The rules about what is missing: a resource that these parameters ask for, a rule that refuses, a name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from zigzag_operate.doctor.facts import (
    ALARM,
    BUCKET,
    FUNCTION,
    LOGS,
    MAPPING,
    QUEUE,
    ROLE,
    RULE,
    SUBSCRIPTION,
    TABLE,
    TOPIC,
    Facts,
    listed,
)
from zigzag_operate.doctor.finding import Finding, Found, of_parameter, wrong
from zigzag_operate.doctor.resolving import STACK

OFTEN = {"rate(1 minute)", *(f"rate({number} minutes)" for number in range(2, 6))}
"""The schedules that have alarms on silence and on late tasks."""

REFUSING = {
    "EventsHaveNoLimits": "Trigger=events with a limit, a pause or a weight, which would not hold",
    "S3SendsToNoFifoQueue": "SenderBuckets with a FIFO queue, to which S3 sends nothing",
    "ATopicDeliversToAStandardQueue": "TopicTasks without a topic, or with a FIFO queue",
    "SchedulerHasAStandardQueue": "Scheduler=true without a queue for the dead letters of schedules",
}
"""The template's rules, and what each refuses."""

UNSEEN = "nobody sees that something is wrong"


def judge_what_is_there(facts: Facts) -> Found:
    """Judges whether each resource is there that these parameters ask for."""
    for name, kind, hazard, why in (*_always(facts), *_if_asked_for(facts), *_alarms(facts)):
        one = facts.resources.get(name)
        if one is None:
            sentence = f"{name} is not {'in the stack' if facts.live else 'there'}: {why}"
            change = f"add {name} again, as Zigzag's template.yaml has it"
            if off := facts.more.get("off", {}).get(name):
                sentence = f"{name} is not there, for its Condition {off} is false: {why}"
                change = f"write {off} as Zigzag's template.yaml has it"
            yield of_parameter(facts, hazard, name, sentence, change)
        elif one.type != kind:
            yield wrong(hazard, one, "Type", f"it is {one.type}: {why}", f"set Type: {kind}")


def _always(facts: Facts) -> Iterator[tuple[str, str, str, str]]:
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


def _if_asked_for(facts: Facts) -> Iterator[tuple[str, str, str, str]]:
    given = facts.parameters
    if facts.has_other:
        yield "OtherDeadLetterQueue", QUEUE, "H140", "the letters of queues of the other kind have no place"
    if facts.has_key:
        yield "UseKeyPolicy", "AWS::IAM::ManagedPolicy", "H20", "the functions may not use the key"
    if facts.is_set("LargePayloads"):
        yield "LargeBucket", BUCKET, "H177", "large payloads have no place"
    if facts.is_set("Scheduler"):
        yield "SchedulerGroup", "AWS::Scheduler::ScheduleGroup", "H166", "nothing can be sent later"
        yield "SchedulerRole", ROLE, "H166", "no schedule can send"
    if given.get("AlarmEmail"):
        yield "AlarmTopic", TOPIC, "H24", "no alarm is told"
        yield "AlarmTopicPolicy", "AWS::SNS::TopicPolicy", "H24", "CloudWatch may not tell of an alarm"
    if given.get("FailureEmail") or given.get("FailurePhone"):
        yield "FailureTopic", TOPIC, "H173", "nobody is told of failed tasks"
    if facts.is_set("Topic", "own"):
        yield "TasksTopic", TOPIC, "H176", "no task can be published"
    if given.get("TopicTasks", "none") != "none":
        yield "TasksSubscription", SUBSCRIPTION, "H176", "no published task comes to the queue"


def _alarms(facts: Facts) -> Iterator[tuple[str, str, str, str]]:
    often = facts.parameters.get("Schedule") in OFTEN
    names = ["DeadLetterAlarm", *(["OtherDeadLetterAlarm"] if facts.has_other else [])]
    if facts.tells:
        names += ["NewDeadLettersAlarm", "DeadLettersNearEndAlarm", "NearLimitAlarm", "WorkerDiesAlarm"]
        names += ["NewOtherDeadLettersAlarm", "OtherDeadLettersNearEndAlarm"] if facts.has_other else []
        names += [] if facts.by_events else ["ConsumerFailsAlarm", "StartsDroppedAlarm"]
        names += ["ConsumerSilentAlarm"] if often and not facts.by_events else []
        names += [f"Late{place}Alarm" for place in facts.places] if often or facts.by_events else []
    for name in names:
        yield name, ALARM, "H24", UNSEEN


def judge_names(facts: Facts) -> Found:
    """Judges what a template needs besides its resources: rules, and names that are there."""
    if facts.live:
        return
    for name, refused in REFUSING.items():
        if name not in facts.more.get("rules", REFUSING):
            said = f"the rule {name} is not there: CloudFormation would take {refused}"
            yield Finding(
                "H153", f"Rules.{name}", None, said, "add it again, as Zigzag's template.yaml has it"
            )
    for one in facts.resources.values():
        for name in listed(one.get("DependsOn")):
            if name not in facts.more.get("names", (name,)) and not facts.more["made by sam"](name):
                said = f"it depends on {name}, which is not in the template"
                yield wrong("H115", one, "DependsOn", said, f"add {name} again, or take it out of DependsOn")


def judge_parameters_are_used(facts: Facts) -> Found:
    """Judges whether the properties are those that the parameters say."""
    for name, path, parameter in _by_parameter(facts):
        wanted = facts.parameters.get(parameter)
        for one in facts.some(name):
            found = one.number(path)
            if wanted and wanted.isdigit() and found is not None and found != float(wanted):
                said = f"{path} is {found:g}, and the parameter {parameter} says {wanted}"
                yield wrong("H11", one, path, said, f"set {path}: !Ref {parameter}")


def _by_parameter(facts: Facts) -> Iterator[tuple[str, str, str]]:
    yield "ConsumerFunction", "MemorySize", "ConsumerMemory"
    yield "WorkerFunction", "MemorySize", "WorkerMemory"
    yield "WorkerFunction", "Timeout", "WorkerTimeout"
    for place in facts.places:
        yield f"TaskQueue{place}", "DelaySeconds", "DelaySeconds"
        yield f"TaskQueue{place}", "MaximumMessageSize", "MaximumMessageSize"


def judge_tags(facts: Facts) -> Found:
    """Judges whether a queue is found by its tags once it is out of the stack."""
    for one in [] if facts.live else [*facts.queues, *facts.letters]:
        tags: list[Any] = [tag for tag in listed(one.get("Tags")) if isinstance(tag, dict)]
        values = {tag.get("Key"): tag.get("Value") for tag in tags}
        if values.get("zigzag:stack") != STACK or not values.get("zigzag:queue"):
            said = "without its tags no command finds it once it is taken out of the stack"
            yield wrong(
                "H119",
                one,
                "Tags",
                said,
                "add the tags zigzag:stack, with !Ref AWS::StackName, and zigzag:queue",
            )
