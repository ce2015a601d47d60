"""The rule about the functions' variables: can each be read, and does it lead to the stack's own?"""

from __future__ import annotations

from consumer.settings import ConsumerSettings
from shared.settings import SettingError, read
from worker.settings import WorkerSettings
from zigzag_operate.doctor.facts import Facts, Unknown, as_text
from zigzag_operate.doctor.finding import Found, NotKnown, wrong

BY_PARAMETER = {
    "LINGER_SECONDS": "LingerSeconds",
    "WATCH_ALWAYS": "WatchAlways",
    "IN_FLIGHT_CAP": "InFlightCap",
    "KEEP_PERCENT": "KeepPercent",
    "MAX_CONSUMERS": "MaxConsumers",
    "BATCH_SIZE": "BatchSize",
    "DEFAULT_WEIGHT": "DefaultWeight",
}
"""The consumer's variables that are parameters."""

MAX_BYTES = 4_096
"""https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""

QUEUES = "ZIGZAG_QUEUES"
OF_TASKS = "ZIGZAG_TOPIC_ARN"
"""The variable that tasks read, and not the worker."""


def judge_variables(facts: Facts) -> Found:
    """Judges the functions' variables as the functions do, and whether each leads to the stack's own."""
    consumer = facts.some("ConsumerFunction")
    for one in facts.functions:
        variables = one.get("Environment.Variables")
        if isinstance(variables, Unknown):
            yield NotKnown(one.id, variables.needs)
            continue
        found = {name: as_text(value) for name, value in (variables or {}).items()}
        size = sum(len(name.encode()) + len(value.encode()) for name, value in found.items())
        if size > MAX_BYTES:
            said = f"its variables have {size:,} bytes, of {MAX_BYTES:,} at most: it can't be deployed"
            change = "let ReplyTo have fewer or shorter ARNs, and put your long values into a file"
            yield wrong("H139", one, "Environment.Variables", said, change)
        settings = ConsumerSettings if one in consumer else WorkerSettings
        try:
            read(settings, found)
        except SettingError as error:
            name = str(error).partition(" ")[0]
            first = "give each of Queue2 to Queue5 a name of its own, and " if name == QUEUES else ""
            change = f"{first}set {name} as Zigzag's template does"
            yield wrong("H139", one, f"Environment.Variables.{name}", str(error), change)
        for name, expected in _variables(facts, is_consumer=one in consumer).items():
            value = found.get(name, "" if name == OF_TASKS else expected)  # one that is missing is told above
            if value.split() != expected.split():
                said = f"{name} is {value or 'empty'}, and not {expected or 'empty'}"
                change = f"set {name} as Zigzag's template does"
                yield wrong("H139", one, f"Environment.Variables.{name}", said, change)


def _variables(facts: Facts, *, is_consumer: bool) -> dict[str, str]:
    """Returns the values that follow from the parameters and the stack's own resources."""
    refs = {name: one.ref for name, one in facts.resources.items()}
    more = [
        f"{facts.parameters[f'Queue{place}']}={refs.get(f'TaskQueue{place}')}"
        for place in facts.places
        if place
    ]
    expected = {
        "ZIGZAG_QUEUE_URL": refs.get("TaskQueue"),
        "ZIGZAG_DEAD_LETTER_QUEUE_URL": refs.get("DeadLetterQueue"),
        "ZIGZAG_OTHER_DEAD_LETTER_QUEUE_URL": refs.get("OtherDeadLetterQueue", "") if facts.has_other else "",
        "ZIGZAG_QUEUES": " ".join(more),
        "ZIGZAG_RECORDS_TABLE": refs.get("RecordsTable"),
        "ZIGZAG_FLOW_CONTROL": facts.parameters.get("FlowControl"),
        "ZIGZAG_TRANSPORT": facts.parameters.get("Transport"),
    }
    topic = facts.parameters.get("Topic", "none")
    topics = {"none": "", "own": refs.get("TasksTopic")}
    if is_consumer:
        expected |= {f"ZIGZAG_{name}": facts.parameters.get(one) for name, one in BY_PARAMETER.items()}
        expected["ZIGZAG_WORKER"] = refs.get("WorkerFunction")
    else:
        expected |= {
            "ZIGZAG_METRICS": facts.parameters.get("Metrics"),
            "ZIGZAG_REPLY_TO": facts.parameters.get("ReplyTo"),
            "ZIGZAG_LARGE_BUCKET": refs.get("LargeBucket", ""),
            "ZIGZAG_FAILURE_TOPIC": refs.get("FailureTopic", ""),
            OF_TASKS: topics.get(topic, topic),
            "ZIGZAG_SCHEDULER": _scheduler(facts),
        }
    return {name: value for name, value in expected.items() if value is not None}


def _scheduler(facts: Facts) -> str | None:
    """Returns what sending later needs: the group, its role, and a standard queue for dead letters."""
    found = facts.some("SchedulerGroup", "SchedulerRole")
    letters = facts.some("OtherDeadLetterQueue" if facts.is_fifo("") else "DeadLetterQueue")
    if len(found) < 2 or not letters:
        return "" if not found else None
    return f"{found[0].ref} {found[1].arn} {letters[0].arn}"
