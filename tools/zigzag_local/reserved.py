"""Has MiniStack's CloudFormation reserve the executions that a template says; it leaves that property out.

So WorkerConcurrency bounds the workers of the local AWS, too: an event beyond it waits, and is dropped when
it is too old.
"""

from collections.abc import Mapping
from typing import Any

FUNCTION = "AWS::Lambda::Function"
RESERVED = "ReservedConcurrentExecutions"


def reserve_as_templates_say(provisioners: Any, lambdas: Any) -> None:
    """Corrects the module ministack.services.cloudformation.provisioners, whose functions lambda_svc has."""
    handler = provisioners._RESOURCE_HANDLERS[FUNCTION]
    its_create, its_update = handler["create"], handler["update"]

    def reserve(name: str, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
        """Changes what the template changes, as CloudFormation does: what a person has set since stays."""
        if before.get(RESERVED) != now.get(RESERVED):
            lambdas._functions[name]["concurrency"] = int(now[RESERVED]) if RESERVED in now else None

    def create(resource: str, properties: Mapping[str, Any], *more: Any) -> Any:
        made = its_create(resource, properties, *more)
        reserve(made[0], {}, properties)
        return made

    def update(name: str, before: Mapping[str, Any], now: Mapping[str, Any], *more: Any) -> Any:
        made = its_update(name, before, now, *more)
        reserve(made[0], before if made[0] == name else {}, now)
        return made

    handler.update(create=create, update=update)
