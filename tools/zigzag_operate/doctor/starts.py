"""The rules about what starts tasks: the schedule, Lambda's pollers, a queue's own worker."""

from __future__ import annotations

from typing import Any

from zigzag_operate.doctor.facts import HANDLER, MAPPING, RULE, Facts, Resource, Unknown, as_text, listed
from zigzag_operate.doctor.finding import Found, NotKnown, of_parameter, wrong
from zigzag_operate.doctor.gaps import longest_gap_days

SCHEDULE = "AWS::Scheduler::Schedule"
PIPE = "AWS::Pipes::Pipe"
MAX_GAP_DAYS = 3
LAMBDAS_BATCH = 10
"""The size of an event source's batch that says none."""

DESTINATIONS = (
    "DeadLetterQueue.TargetArn",
    "DeadLetterConfig.TargetArn",
    *(f"EventInvokeConfig.DestinationConfig.{one}.Destination" for one in ("OnFailure", "OnSuccess")),
)
"""The properties that say where an event goes after its run, or without one."""

EVERY_MINUTE = ("rate(1 minute)", "cron(* * * * ? *)")


def judge_schedule(facts: Facts) -> Found:
    """Judges the rule that wakes the consumer: one, with the consumer as its target, and no retries."""
    consumer = facts.resources.get("ConsumerFunction")
    if consumer is None or isinstance(consumer.properties, Unknown):
        return  # that is told elsewhere
    rules = facts.of_type(RULE, SCHEDULE)
    waking = [one for one in rules if not isinstance(one.properties, Unknown) and _targets(one, consumer)]
    for one in rules:
        if isinstance(one.properties, Unknown):
            yield NotKnown(one.id, one.properties.needs)
        elif one.id == "ConsumerFunctionTick" and one not in waking:
            said = "its target is not the consumer: no tick starts"
            yield wrong("H24", one, "Targets", said, "make ConsumerFunction its target")
    waking.sort(key=lambda one: one.id != "ConsumerFunctionTick")
    for one in waking[1:]:
        said = f"it wakes the consumer as well as {waking[0].id}: ticks start twice"
        yield wrong("H22", one, "", said, f"take {one.id} away")
    for one in waking[:1]:  # the others are to be taken away
        yield from _retries(one, _targets(one, consumer))
        yield from _slower(facts, one, str(one.get("ScheduleExpression")))


def _retries(rule: Resource, targets: list[Any]) -> Found:
    for target in targets:
        retry = target.get("RetryPolicy") or {}
        for name, wanted in (("MaximumRetryAttempts", "0"), ("MaximumEventAgeInSeconds", "60")):
            if as_text(retry.get(name)) != wanted:
                is_ = f"{name} of its target is {retry.get(name, 'not set')}"
                said = f"{is_}: ticks that are late pile up, and run at once"
                yield wrong("H23", rule, f"RetryPolicy.{name}", said, f"set RetryPolicy: {name}: {wanted}")


def _slower(facts: Facts, rule: Resource, expression: str) -> Found:
    wanted = facts.parameters.get("Schedule")
    if wanted and expression != wanted and not facts.by_events:
        yield wrong(
            "H24",
            rule,
            "ScheduleExpression",
            f"it fires by {expression}, and the parameter says {wanted}",
            "set Schedule: !Ref Schedule",
        )
    if facts.is_set("WatchAlways") and expression not in EVERY_MINUTE and not facts.by_events:
        yield of_parameter(
            facts,
            "H134",
            "WatchAlways",
            f"WatchAlways=true needs a tick every minute, and the "
            f"schedule is {expression}: between two ticks nobody watches",
            "set Schedule=rate(1 minute), or WatchAlways=false",
        )
    if longest_gap_days(expression) > MAX_GAP_DAYS and not facts.by_events:
        said = (
            f"{expression} leaves a message alone for longer than the four days that are kept for its letter"
        )
        yield of_parameter(facts, "H95", "Schedule", said, "set Schedule to three days at most")


def _targets(rule: Resource, function: Resource) -> list[Any]:
    targets = listed(rule.get("Targets")) or listed(rule.get("Target"))
    return [one for one in targets if function.arn and str(one.get("Arn", "")).startswith(function.arn)]


def judge_pollers(facts: Facts) -> Found:
    """Judges who else receives from the queues, and Lambda's own pollers with Trigger=events."""
    if isinstance(missing := facts.more.get("mappings"), Unknown):
        yield NotKnown("event source mappings", missing.needs)
    arns = {queue.arn: queue for queue in facts.queues if queue.arn}
    letters = {queue.arn: queue for queue in facts.letters if queue.arn}
    seen: dict[str, str] = {}
    for one in facts.of_type(MAPPING, PIPE):
        source = one.get("EventSourceArn") or one.get("Source")
        if source in letters:
            yield wrong(
                "H41",
                one,
                "EventSourceArn",
                f"it takes the letters out of {letters[source].id}: nobody "
                "sees them, and no redrive finds them",
                f"take {one.id} away",
            )
        elif source in arns and one.id not in {f"TaskQueue{place}Events" for place in facts.places}:
            said = f"it receives from {arns[source].id} as well: it deletes messages whose tasks have not run"
            change = f"take {one.id} away, or give it a queue of its own"
            yield wrong("H152", one, "EventSourceArn", said, change)
        elif source in arns:
            seen[source] = one.id
            yield from _mapping(facts, one, arns[source])
        elif function := _of_ours(facts, one):
            said = f"it starts {function} with what is no message of the stack's queues: it is lost"
            change = f"take {one.id} away, or give that queue a function of its own"
            yield wrong("H152", one, "EventSourceArn", said, change)
    for arn, queue in arns.items():
        name = queue.id + "Events"
        if facts.by_events and arn not in seen and name in facts.resources:
            yield wrong(
                "H24",
                facts.resources[name],
                "EventSourceArn",
                f"it does not poll {queue.id}: nothing starts",
                f"set EventSourceArn: !GetAtt {queue.id}.Arn",
            )


def judge_workers_of_queues(facts: Facts) -> Found:
    """Judges whether a queue's own worker is one, and gets messages: Lambda's pollers invoke the stack's."""
    path = "Environment.Variables.ZIGZAG_QUEUE_WORKERS"
    for consumer in facts.some("ConsumerFunction"):
        named = consumer.get(path)
        for each in named.split() if isinstance(named, str) else ():
            queue, function = each.split(":")[0].partition("=")[0], facts.by_value(each.partition("=")[2])
            if facts.by_events:
                said = (
                    f"{queue} has its own worker, and by events Lambda gives its messages to WorkerFunction"
                )
                yield wrong("H137", consumer, path, said, "set Trigger=schedule, or take that line away")
            elif function and isinstance(handler := function.get("Handler"), str) and handler != HANDLER:
                said = f"the worker of {queue} has the handler {handler}: it runs no task"
                yield wrong("H137", function, "Handler", said, f"set Handler: {HANDLER}")


def judge_weights(facts: Facts) -> Found:
    """Judges whether a queue has a weight, for which the worker refuses all events of Lambda's pollers."""
    path = "Environment.Variables.ZIGZAG_QUEUES"
    for worker in facts.some("WorkerFunction") if facts.by_events else ():
        queues = worker.get(path)
        for each in queues.split() if isinstance(queues, str) else ():
            name, _, weight = each.partition("=")[0].partition(":")
            if weight not in ("", "1"):
                said = f"{name} has a weight, and by events the worker refuses all messages"
                yield wrong("H153", worker, path, said, f"write {name} without it, or set Trigger=schedule")


def _of_ours(facts: Facts, one: Resource) -> str:
    """Returns the function of Zigzag's that an event source mapping, or a setting of invocations, is for."""
    name, functions = str(one.get("FunctionName")), facts.some("ConsumerFunction", "WorkerFunction")
    return next((each.id for each in functions if name in (each.ref, each.arn)), "")


def judge_settings_of_invocations(facts: Facts) -> Found:
    """Judges settings of invocations that stand beside the functions, and replace those of Globals
    (https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-lambda-eventinvokeconfig.html)."""
    for one in facts.of_type("AWS::Lambda::EventInvokeConfig"):
        function = _of_ours(facts, one)
        if not function or as_text(one.get("Qualifier")) != "$LATEST":
            continue
        for path, wanted, hazard, does in (
            ("MaximumRetryAttempts", 0, "H6", "runs the event again"),
            ("MaximumEventAgeInSeconds", 60, "H5", "starts a worker long after"),
        ):
            if as_text(one.get(path)) != str(wanted):
                is_ = f"its {path} for {function} is {one.get(path) or 'not set'}"
                said = f"{is_}: Lambda {does}, when the message is somebody else's"
                yield wrong(hazard, one, path, said, f"take {one.id} away: Globals has these settings")


def judge_destinations(facts: Facts) -> Found:
    """Judges where Lambda puts events: on a queue of Zigzag's they would be no task's messages."""
    queues = {queue.arn: queue.id for queue in (*facts.queues, *facts.letters)}
    for one in facts.functions:
        for path in DESTINATIONS:
            if (queue := queues.get(as_text(one.get(path)))) is not None:
                said = f"Lambda puts events on {queue}, where they are no task's messages"
                change = f"take {path.rpartition('.')[0]} away, or name a queue of your own"
                yield wrong("H17", one, path, said, change)


def _mapping(facts: Facts, one: Resource, queue: Resource) -> Found:
    if not facts.by_events:
        yield wrong(
            "H153",
            one,
            "",
            f"Lambda polls {queue.id}, and the trigger is the schedule: no limit holds",
            f"take {one.id} away, or set Trigger=events",
        )
    if "ReportBatchItemFailures" not in listed(one.get("FunctionResponseTypes")):
        yield wrong(
            "H152",
            one,
            "FunctionResponseTypes",
            "Lambda deletes each message that was postponed",
            "set FunctionResponseTypes: [ReportBatchItemFailures]",
        )
    if as_text(one.get("Enabled")) == "false":
        yield wrong("H24", one, "Enabled", f"nobody polls {queue.id}", "set Enabled: true")
    function = str(one.get("FunctionName"))
    if not any(function in (worker.ref, worker.arn) for worker in facts.workers):
        yield wrong(
            "H152",
            one,
            "FunctionName",
            "what it invokes is no worker: the messages are deleted",
            "set FunctionName: !Ref WorkerFunction",
        )
    yield from _sizes(facts, one)


def _sizes(facts: Facts, one: Resource) -> Found:
    workers = facts.parameters.get("WorkerConcurrency", "0")
    most = one.number("ScalingConfig.MaximumConcurrency")
    if workers != "0" and (most is None or most > float(workers)):
        said = f"it invokes more workers than WorkerConcurrency={workers}: what none takes comes again late"
        change = "set ScalingConfig: {MaximumConcurrency: !Ref WorkerConcurrency}"
        yield wrong("H155", one, "ScalingConfig", said, change)
    size, wanted = one.number("BatchSize") or LAMBDAS_BATCH, facts.parameters.get("BatchSize", "1")
    if size > float(wanted):
        said = (
            f"{size:g} messages share the time of one invocation, and the parameter BatchSize says {wanted}"
        )
        yield wrong("H91", one, "BatchSize", said, "set BatchSize: !Ref BatchSize")
