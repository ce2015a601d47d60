"""The base class of the values that users see. Fields have names and are set once; a value equals only values
of its own type.

They are no tuples, which equal any tuple of the same content, and no dataclasses: `docs/adr/0010` has the
reason.
"""

from __future__ import annotations

from typing import Any, Final, NoReturn, Self


class Value:
    """A subclass names its fields in `__match_args__` and sets them in its `__init__`. `copy.replace` calls
    `__init__` too, so its checks hold for the copy.
    """

    __match_args__ = ()

    def __setattr__(self, name: str, value: Any) -> None:
        """Sets a field for the first time. Raises AttributeError if it is already set, or unknown."""
        if name not in self.__match_args__:
            raise AttributeError(f"a {type(self).__name__} has no field {name!r}")
        if name in self.__dict__:
            self._refuse()
        super().__setattr__(name, value)

    def __delattr__(self, name: str) -> NoReturn:
        self._refuse()

    def __replace__(self, /, **changes: Any) -> Self:
        return type(self)(**self.__dict__ | changes)

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return self.__dict__ == other.__dict__

    def __hash__(self) -> int:
        return hash((type(self), *self.__dict__.values()))

    def __repr__(self) -> str:
        fields = ", ".join(f"{name}={value!r}" for name, value in self.__dict__.items())
        return f"{type(self).__name__}({fields})"

    def _refuse(self) -> NoReturn:
        raise AttributeError(f"a {type(self).__name__} can't be changed; copy.replace makes another one")


class Done(Value):
    """Says that a task's transaction is stored. The function that `@task(done=…)` names returns it.

    result -- what the task returned: its next task, or the result that a reply tells.
    """

    __match_args__ = ("result",)

    def __init__(self, result: Any = None) -> None:
        self.result: Final = result


class Next(Value):
    """The next task, as `Handle.then` makes it. A task returns it, and it is sent once that one is done.

    task    -- the next task's name.
    payload -- its payload, as JSON has it.
    queue   -- the name or the URL of its queue; None is that of the message whose task returns it.
    group   -- its group on a FIFO queue; None is that message's.
    """

    __match_args__ = ("task", "payload", "queue", "group")

    def __init__(
        self, task: str, payload: dict[str, Any], queue: str | None = None, group: str | None = None
    ) -> None:
        self.task: Final = task
        self.payload: Final = payload
        self.queue: Final = queue
        self.group: Final = group
