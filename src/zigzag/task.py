"""A task: a plain function under `@task`, which can be sent and called."""

from __future__ import annotations

import typing
from collections.abc import Callable, Sequence
from types import FunctionType
from typing import Any, Concatenate, overload

from zigzag.context import Context
from zigzag.errors import TaskDefinitionError
from zigzag.handle import Handle, model_of
from zigzag.policy import DEFAULT_POLICY, Backoff, FindDone, OnFailure, Policy

_GENERATOR = 0x20 | 0x200
_ANY_MORE = 0x04 | 0x08
"""Flags of a function's code: `yield`, in `async def` too; `*args`, `**kwargs`
(https://docs.python.org/3/library/inspect.html#code-objects-bit-flags)."""


class Task[Payload, **Rest, Result](Handle[Payload]):
    """A function that takes a payload, and a `Context` if it asks for one.

    name     -- the function's name, which a message gives as its `task`.
    function -- the function itself; a call of the task calls it.
    model    -- the payload's pydantic model, or None for a plain `dict`.
    policy   -- attempts, backoff, idempotence, timeout, which errors mean Unavailable, what happens when it
                has failed, and when it is too late to start.
    queue    -- the name or the URL of the queue that it is sent to; None is the stack's first one.
    """

    wants_context: bool

    def __init__(
        self,
        function: Callable[Concatenate[Payload, Rest], Result],
        policy: Policy,
        queue: str | None = None,
    ) -> None:
        model, self.wants_context = _read_signature(function)
        super().__init__(function.__name__, model, queue)
        self.function = function
        self.policy = policy
        self.__doc__ = function.__doc__
        self.__wrapped__ = function

    def __call__(self, payload: Payload, /, *rest: Rest.args, **named: Rest.kwargs) -> Result:
        """Runs the function in this process, for example in a test."""
        return self.function(payload, *rest, **named)


@overload
def task[Payload, **Rest, Result](
    function: Callable[Concatenate[Payload, Rest], Result], /
) -> Task[Payload, Rest, Result]: ...


@overload
def task(
    *,
    attempts: int = ...,
    backoff: Backoff = ...,
    idempotent: bool | Callable[[Any], str] = ...,
    timeout: float | None = ...,
    unavailable: tuple[type[Exception], ...] = ...,
    on_failure: OnFailure = ...,
    start_within: float | None = ...,
    on_expiry: str = ...,
    done: FindDone | None = ...,
    queue: str | None = ...,
) -> _Decorator: ...


def task(
    function: Callable[..., Any] | None = None,
    /,
    *,
    attempts: int = DEFAULT_POLICY.attempts,
    backoff: Backoff = DEFAULT_POLICY.backoff,
    idempotent: bool | Callable[[Any], str] = DEFAULT_POLICY.idempotent,
    timeout: float | None = DEFAULT_POLICY.timeout,
    unavailable: tuple[type[Exception], ...] = DEFAULT_POLICY.unavailable,
    on_failure: OnFailure = DEFAULT_POLICY.on_failure,
    start_within: float | None = DEFAULT_POLICY.start_within,
    on_expiry: str = DEFAULT_POLICY.on_expiry,
    done: FindDone | None = None,
    queue: str | None = None,
) -> Task[Any, ..., Any] | _Decorator:
    """Makes a function a task: as `@task`, or as `@task(…)` with the settings that differ from the defaults.

    attempts    -- how often the task is tried before it has failed.
    backoff     -- how long the message waits between attempts.
    idempotent  -- True: once the task is recorded as done for its id, it does not run again for 29 days, and
                   no two runs overlap. A function of the payload: the same, for the text that it returns.
    timeout     -- seconds that an attempt may take; then it has failed. The default is all there are.
    unavailable -- classes of exceptions that mean Unavailable, such as ConnectionError.
    on_failure  -- what happens when the task has failed: "dead-letter" (a person decides), "ignore" (it is
                   deleted), "notify" (a dead letter, and a notification), or the name of a task, which gets
                   the payload, next to the dead letter. A mapping from classes of exceptions, and "default",
                   to such words: the most specific class counts.
    start_within -- seconds from when the message is due. If it has not started for the first time then, it
                   expires: it never starts. Without it, only an `expires_at` of the message ends its time.
    on_expiry   -- what happens then: "dead-letter", or "ignore" (the message is deleted).
    done        -- a function of the task's name and id, asked before each start and before it has failed:
                   Done(what the task returned) if its own database has its transaction, or None.
    queue       -- name or URL of the queue that `send` puts it on; None is the first one. All queues run it.

    Raises TaskDefinitionError if the function can't be a task.
    """
    ends = on_failure, start_within, on_expiry, done
    policy = Policy(attempts, backoff, idempotent, timeout, unavailable, *ends)
    decorator = _Decorator(policy, queue)
    return decorator if function is None else decorator(function)


class _Decorator:
    def __init__(self, policy: Policy, queue: str | None) -> None:
        self._policy = policy
        self._queue = queue

    def __call__[Payload, **Rest, Result](
        self, function: Callable[Concatenate[Payload, Rest], Result]
    ) -> Task[Payload, Rest, Result]:
        return Task(function, self._policy, self._queue)


def _read_signature(function: Callable[..., Any]) -> tuple[Any, bool]:
    """Returns the payload's model (None for a dict), and whether the function asks for a Context."""
    if not isinstance(function, FunctionType):
        raise TaskDefinitionError(
            f"@task goes on a function, not on {function!r}: "
            "write `@task` or `@task(attempts=…)` above a `def`"
        )
    where = f"{_place(function)}: task {function.__name__}"
    if function.__code__.co_flags & _GENERATOR:
        raise TaskDefinitionError(f"{where} is a generator: nothing would run it; replace `yield`")
    try:
        hints = typing.get_type_hints(function)
    except Exception as error:
        raise TaskDefinitionError(f"{where} has a type that can't be read: {error}") from error
    parameters, others = _parameters(function)
    wanted = "write `def name(payload: YourModel)` or `def name(payload: YourModel, context: Context)`"
    if not 1 <= len(parameters) <= 2 or others:
        from inspect import signature

        raise TaskDefinitionError(f"{where} takes {signature(function)}; {wanted}")
    payload = hints.get(parameters[0])
    if payload is None:
        raise TaskDefinitionError(f"{where} does not say what its payload is; {wanted}")
    if len(parameters) == 2 and hints.get(parameters[1]) is not Context:
        raise TaskDefinitionError(f"{where} has a second parameter that is no Context; {wanted}")
    return model_of(payload, where, wanted), len(parameters) == 2


def _parameters(function: FunctionType) -> tuple[Sequence[str], bool]:
    """Returns the names of the parameters that may be given by position, and whether there are others."""
    if not function.__dict__:  # no other decorator was applied
        code = function.__code__
        others = code.co_kwonlyargcount or code.co_flags & _ANY_MORE
        return code.co_varnames[: code.co_argcount], bool(others)
    from inspect import Parameter, signature  # slow to load, and only a decorated function needs it

    kinds = {name: parameter.kind for name, parameter in signature(function).parameters.items()}
    positional = {Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD}
    return [name for name, kind in kinds.items() if kind in positional], not set(kinds.values()) <= positional


def _place(function: Any) -> str:
    code = getattr(function, "__code__", None)
    return repr(function) if code is None else f"{code.co_filename}:{code.co_firstlineno}"
