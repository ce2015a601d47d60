"""Where is a mechanism, and how does something else take its place? In this process, by its dotted name.

consumer.flow.cap:InFlightCap._small_polls      a function, method, property, constant or class
consumer.source:QueueError                      what that module took from another one, as it sees it
template.yaml:Resources.TaskQueue.Properties    a value of the template, as tests/project/template reads it
"""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from inspect import Parameter
from types import FunctionType, ModuleType
from typing import Any, NamedTuple, Protocol

TEMPLATE = "template.yaml"


class MutationError(Exception):
    """A mutation can't be made. The message says why."""


class Place(Protocol):
    """The place of a mechanism. `original` is what is there."""

    @property
    def original(self) -> Any: ...

    def put(self, replacement: Any) -> None:
        """Puts something else there."""


def find(target: str) -> Place:
    """Returns the mechanism of that name. Raises MutationError if there is none."""
    where, _, path = target.partition(":")
    return _in_template(path) if where == TEMPLATE else _in_code(where, path)


def damaged(original: Any, damage: Callable[..., Any]) -> Any:
    """Returns a callable that gives the original and its arguments to `damage`, or raises MutationError."""
    match original:
        case property():
            return property(damaged(original.fget, damage))
        case classmethod() | staticmethod():
            return type(original)(damaged(original.__func__, damage))
    if not callable(original):
        raise MutationError("it is no function")
    _check(original, damage)

    @functools.wraps(original, updated=())
    def broken(*arguments: Any, **named: Any) -> Any:
        return damage(original, *arguments, **named)

    @functools.wraps(original, updated=())
    async def awaited(*arguments: Any, **named: Any) -> Any:
        said = broken(*arguments, **named)
        return await said if inspect.isawaitable(said) else said

    return awaited if inspect.iscoroutinefunction(original) else broken


def _check(original: Callable[..., Any], damage: Callable[..., Any]) -> None:
    """Refuses a damage that can't be called: every test would notice it, and show nothing of itself."""
    if inspect.iscoroutinefunction(damage) and not inspect.iscoroutinefunction(original):
        raise MutationError("the damage is `async def`, and the original is not")
    taken = inspect.signature(damage)
    wanted = list(inspect.signature(original).parameters.values())
    needed = [one for one in wanted if one.default is Parameter.empty]
    for parameters in (wanted, needed):
        named = [one.name for one in parameters if one.kind is Parameter.KEYWORD_ONLY]
        others = (Parameter.KEYWORD_ONLY, Parameter.VAR_KEYWORD, Parameter.VAR_POSITIONAL)
        number = sum(one.kind not in others for one in parameters)
        try:
            taken.bind(original, *range(number), **dict.fromkeys(named))
        except TypeError as error:
            raise MutationError(f"the damage can't be called as the original: {error}") from error


class _InCode(NamedTuple):
    """A name of a module or a class."""

    owner: ModuleType | type
    name: str
    original: Any

    def put(self, replacement: Any) -> None:
        for owner in list(self._owners()):
            setattr(owner, self.name, replacement)

    def _owners(self) -> Iterator[ModuleType | type]:
        """Yields the owner, and those modules that have imported it by its name, if it is from here."""
        yield self.owner
        if isinstance(self.owner, type) or not self._is_defined_here():
            return
        for module in list(sys.modules.values()):
            if module is not self.owner and getattr(module, "__dict__", {}).get(self.name) is self.original:
                yield module

    def _is_defined_here(self) -> bool:
        if isinstance(self.original, type | FunctionType):
            return self.original.__module__ == self.owner.__name__
        return True


def _in_code(where: str, path: str) -> _InCode:
    try:
        owner: Any = import_module(where)
    except ModuleNotFoundError as error:
        raise MutationError("there is no such module") from error
    *classes, name = path.split(".")
    for one in classes:
        owner = vars(owner).get(one)
        if not isinstance(owner, type):
            raise MutationError(f"it has no class {one}")
    if name not in vars(owner):
        raise MutationError(f"it has no {path}")
    return _InCode(owner, name, vars(owner)[name])


class _InTemplate(NamedTuple):
    """A value of the template, by the keys that lead to it."""

    keys: tuple[str, ...]
    original: Any

    def put(self, replacement: Any) -> None:
        *outer, last = self.keys

        def broken(original: Callable[[str], Any], text: str) -> Any:
            template = original(text)
            functools.reduce(lambda value, key: value[key], outer, template)[last] = replacement
            return template

        place = _in_code("tests.project.template.reading", "parsed")
        place.put(damaged(place.original, broken))


def _in_template(path: str) -> _InTemplate:
    from tests.project.template.reading import TEMPLATE as FILE  # takes a while to load
    from tests.project.template.reading import parsed

    keys = tuple(path.split("."))
    try:
        value = functools.reduce(
            lambda value, key: value[key], keys, parsed(FILE.read_text(encoding="utf-8"))
        )
    except (KeyError, TypeError) as error:
        raise MutationError(f"it has no {path}") from error
    return _InTemplate(keys, value)
