"""The facts of a stack's configuration, which a template and a deployed stack both give.

Each resource has the properties of its CloudFormation type, without functions; a serverless function has
those of Globals, too. A fact that could not be looked at is `Unknown`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

QUEUE, FUNCTION, RULE = "AWS::SQS::Queue", "AWS::Serverless::Function", "AWS::Events::Rule"
TABLE, ROLE, LOGS = "AWS::DynamoDB::Table", "AWS::IAM::Role", "AWS::Logs::LogGroup"
ALARM, TOPIC, MAPPING = "AWS::CloudWatch::Alarm", "AWS::SNS::Topic", "AWS::Lambda::EventSourceMapping"
BUCKET, QUEUE_POLICY, SUBSCRIPTION = "AWS::S3::Bucket", "AWS::SQS::QueuePolicy", "AWS::SNS::Subscription"
POLICIES = ("AWS::IAM::ManagedPolicy", "AWS::IAM::Policy")
HANDLER = "worker.app.handler"
"""The handler of a worker, the stack's and any other."""

PLACES = ("", "2", "3", "4", "5")
"""The ends of the names of the five queues' resources."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """A fact that was not seen, and what it needs: the action of a permission, or words."""

    needs: str


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource of the stack.

    id         -- its name in the template.
    properties -- as CloudFormation's; Unknown if it was not seen.
    ref, arn   -- what `!Ref` and `!GetAtt ….Arn` give.
    rest       -- what stands beside the properties: DeletionPolicy, DependsOn, Metadata.
    line       -- returns the line of a property, or None.
    """

    id: str
    type: str
    properties: Mapping[str, Any] | Unknown
    ref: str = ""
    arn: str = ""
    rest: Mapping[str, Any] = field(default_factory=dict)
    line: Callable[[str], int | None] = lambda path: None

    def get(self, path: str) -> Any:
        """Returns the value at a path such as `RedrivePolicy.maxReceiveCount`, or None if it is not there."""
        found: Any = self.rest if path.partition(".")[0] in _BESIDE else self.properties
        for key in path.split("."):
            if isinstance(found, Unknown):
                return found
            found = found.get(key) if isinstance(found, Mapping) else None
        return found

    def number(self, path: str) -> float | None:
        """Returns the number there, or None if there is none."""
        try:
            return float(self.get(path))
        except (TypeError, ValueError):
            return None


_BESIDE = {"DeletionPolicy", "UpdateReplacePolicy", "DependsOn", "Metadata"}


@dataclass(frozen=True, slots=True)
class Facts:
    """The configuration of a stack, as far as it is known.

    parameters -- by name, as text.
    resources  -- those that are there, by their names in the template.
    outputs    -- by name.
    live       -- whether a deployed stack was looked at.
    more       -- single facts by name, such as the state of the key; missing = not looked at.
    line       -- returns the line of a parameter.
    problems   -- what the reader itself found: parameters, sentence, change, hazard.
    """

    parameters: Mapping[str, str]
    resources: Mapping[str, Resource]
    outputs: Mapping[str, Any] = field(default_factory=dict)
    live: bool = False
    more: Mapping[str, Any] = field(default_factory=dict)
    line: Callable[[str], int | None] = lambda name: None
    problems: tuple[tuple[str, str, str, str], ...] = ()

    def of_type(self, *kinds: str) -> list[Resource]:
        return [one for one in self.resources.values() if one.type in kinds]

    def some(self, *names: str) -> list[Resource]:
        """Returns those of these resources that are there."""
        return [self.resources[name] for name in names if name in self.resources]

    def is_set(self, parameter: str, value: str = "true") -> bool:
        return self.parameters.get(parameter) == value

    @property
    def by_events(self) -> bool:
        return self.is_set("Trigger", "events")

    @property
    def has_key(self) -> bool:
        return self.parameters.get("KmsKeyArn", "none") != "none"

    @property
    def tells(self) -> bool:
        """Whether somebody is to be told of alarms."""
        return (
            bool(self.parameters.get("AlarmEmail")) or self.parameters.get("AlarmTopicArn", "none") != "none"
        )

    def is_fifo(self, place: str) -> bool:
        """Returns whether the queue at this place is to be FIFO."""
        of_its_own = self.parameters.get(f"Queue{place}Fifo", "default") if place else "default"
        return self.is_set("Fifo") if of_its_own == "default" else of_its_own == "true"

    def has_queue(self, place: str) -> bool:
        return not place or self.parameters.get(f"Queue{place}", "none") != "none"

    @property
    def places(self) -> list[str]:
        return [place for place in PLACES if self.has_queue(place)]

    @property
    def has_other(self) -> bool:
        """Whether a queue is FIFO and the first one is not, or the other way round."""
        return any(self.is_fifo(place) != self.is_fifo("") for place in self.places)

    @property
    def queues(self) -> list[Resource]:
        return self.some(*(f"TaskQueue{place}" for place in self.places))

    @property
    def letters(self) -> list[Resource]:
        return self.some("DeadLetterQueue", *(["OtherDeadLetterQueue"] if self.has_other else []))

    def letters_of(self, place: str) -> str:
        """Returns the name of the dead-letter queue of the queue at this place."""
        return "DeadLetterQueue" if self.is_fifo(place) == self.is_fifo("") else "OtherDeadLetterQueue"

    @property
    def workers(self) -> list[Resource]:
        """The stack's worker, and those of a user's own."""
        own = (one for one in self.of_type(FUNCTION) if one.get("Handler") == HANDLER)
        return [*self.some("WorkerFunction"), *(one for one in own if one.id != "WorkerFunction")]

    @property
    def functions(self) -> list[Resource]:
        return [*self.some("ConsumerFunction"), *self.workers]

    @property
    def ours(self) -> list[Resource]:
        """Zigzag's resources, by the names that its template gives them."""
        return [one for one in self.resources.values() if one.id in NAMES or one.id in self._alarm_names()]

    def _alarm_names(self) -> set[str]:
        return {one.id for one in self.of_type(ALARM)}

    def by_value(self, value: Any) -> Resource | None:
        """Returns the resource that a reference or an ARN leads to."""
        if not isinstance(value, str) or not value:
            return None
        by_name = value.rpartition("/")[2]  # of a role whose ARN could not be read
        roles = (one for one in self.of_type(ROLE) if one.ref == by_name)
        return next(
            (one for one in self.resources.values() if value in (one.ref, one.arn)), next(roles, None)
        )


def statements(document: Any) -> Iterator[Mapping[str, Any]]:
    """Yields a policy's statements. Action and Resource are lists, Condition is {} if there is none; Line is
    the first one's, or None."""
    for one in listed(document.get("Statement") if isinstance(document, Mapping) else None):
        if isinstance(one, Mapping):
            made: dict[str, Any] = {
                name: listed(one.get(name)) for name in ("Action", "NotAction", "Resource", "NotResource")
            }
            line = min(getattr(one, "lines", {}).values(), default=None)
            yield {**one, **made, "Condition": one.get("Condition") or {}, "Line": line}


def listed(value: Any) -> list[Any]:
    """Returns a list of what may be one. An unknown value lists nothing."""
    if value is None or isinstance(value, Unknown):
        return []
    return value if isinstance(value, list) else [value]


def as_text(value: Any) -> str:
    """Returns a value as a template and AWS both write it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


KEEPING = {
    *(f"TaskQueue{place}" for place in PLACES),
    *("DeadLetterQueue", "OtherDeadLetterQueue", "RecordsTable", "LargeBucket"),
    *("SchedulerGroup", "SchedulerRole"),
}
"""The resources that hold data of a user's, or that it needs."""

QUEUE_POLICIES = {
    *(f"{kind}TaskQueue{place}Policy" for kind in ("", "Fifo") for place in PLACES),
    *(f"{kind}{name}Policy" for kind in ("", "Fifo") for name in ("DeadLetterQueue", "OtherDeadLetterQueue")),
}
NAMES = (
    KEEPING
    | QUEUE_POLICIES
    | {
        *(
            "ConsumerFunction",
            "ConsumerFunctionTick",
            "ConsumerRole",
            "StartConsumersPolicy",
            "ConsumerLogGroup",
        ),
        *("WorkerFunction", "WorkerRole", "WorkerLogGroup", "TasksPolicy", "UseKeyPolicy", "ReplyPolicy"),
        *(f"TaskQueue{place}Events" for place in PLACES),
        *(
            "LargeBucketPolicy",
            "AlarmTopic",
            "AlarmTopicPolicy",
            "FailureTopic",
            "NotifyPolicy",
            "SendLaterPolicy",
        ),
        *("TasksTopic", "TasksTopicPolicy", "TasksSubscription"),
    }
)
