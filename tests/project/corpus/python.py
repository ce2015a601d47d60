"""The public names of `zigzag` and `zigzag_testing`, with their arguments."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from functools import reduce
from importlib import import_module
from inspect import Parameter
from types import ModuleType
from typing import Any

MODULES = {
    "zigzag": None,
    "zigzag_testing": None,
    "zigzag_testing.quotas": ["Quotas"],
    "zigzag_testing.transactions": ["Transactions"],
}
"""Modules, and the names of those that have no `__all__`."""

_BY_PLACE = ("POSITIONAL_ONLY", "POSITIONAL_OR_KEYWORD")
_SIMPLE = (bool, int, float, str, type(None), tuple)


def written() -> Iterator[tuple[str, Any]]:
    for name, chosen in MODULES.items():
        module = import_module(name)
        for public in chosen or module.__all__:
            yield f"{name}.{public}", {"module": name, "path": [public]}
            one = getattr(module, public)
            for member in sorted(_members(one)):
                yield f"{name}.{public}.{member}", {"module": name, "path": [public, member]}


def _members(one: Any) -> set[str]:
    """Returns the public names of a class: methods, properties, and the fields that its instances have."""
    if not isinstance(one, type):
        return set()
    ours = [base for base in one.__mro__ if base.__module__.startswith("zigzag")]
    named = {name for base in ours for name in (*vars(base), *getattr(base, "__annotations__", ()))}
    return {name for name in named if not name.startswith("_")} | set(getattr(one, "__match_args__", ()))


def read(form: Mapping[str, Any]) -> Any:
    """Returns what the name is today. Raises AttributeError if it is gone."""
    module, path = import_module(form["module"]), form["path"]
    if path[-1] in getattr(reduce(getattr, path[:-1], module), "__match_args__", ()):
        return {"kind": "field"}
    one = _found(module, path)
    said: dict[str, Any] = {"kind": "value"}
    if isinstance(one, type):
        bases = [base.__name__ for base in one.__mro__[1:] if base.__name__ in _public()]
        bases += [base.__name__ for base in one.__mro__ if base.__module__ == "builtins"]
        said = {"kind": "class", "is a": bases, "fields": list(getattr(one, "__match_args__", ()))}
    if callable(one):
        try:
            signature = inspect.signature(one)
        except ValueError:  # an exception that takes what Exception takes
            return said
        said = {"kind": "function"} if said["kind"] == "value" else said
        said["parameters"] = [_told(parameter) for parameter in signature.parameters.values()]
        said["asynchronous"] = inspect.iscoroutinefunction(one)
    return said


def _found(module: ModuleType, path: list[str]) -> Any:
    """Returns the object. A field that only annotations or instances have is None."""
    owner, one = module, None
    for name in path:
        if isinstance(owner, type) and name in _members(owner) and not hasattr(owner, name):
            return None
        one = inspect.getattr_static(owner, name)
        owner = one
    return one


def _public() -> set[str]:
    return {name for module in ("zigzag", "zigzag_testing") for name in import_module(module).__all__}


def _told(parameter: Parameter) -> dict[str, Any]:
    told: dict[str, Any] = {"name": parameter.name, "kind": parameter.kind.name}
    if parameter.default is not Parameter.empty:
        simple = isinstance(parameter.default, _SIMPLE)
        told["default"] = repr(parameter.default) if simple else "some"
    return told


def lost(old: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    """Yields which calls and uses of the old version would fail today, or mean something else."""
    for key in ("kind", "asynchronous"):
        if old.get(key) != now.get(key):
            yield f"{key} {now.get(key)!r}, not {old.get(key)!r}"
    yield from (f"no {base}" for base in old.get("is a", []) if base not in now["is a"])
    fields = old.get("fields", [])
    if now.get("fields", [])[: len(fields)] != fields:
        yield f"fields {now.get('fields')}, not {fields}"
    before, after = old.get("parameters", []), {one["name"]: one for one in now.get("parameters", [])}
    by_place = [one["name"] for one in before if one["kind"] in _BY_PLACE]
    if [name for name, one in after.items() if one["kind"] in _BY_PLACE][: len(by_place)] != by_place:
        yield f"one whose arguments by place do not begin with {', '.join(by_place)}"
    for one in before:
        if one["name"] not in after:
            yield f"one without the argument {one['name']}"
        elif "default" in one and after[one["name"]].get("default") != one["default"]:
            yield f"one whose {one['name']} is not {one['default']} by default"
    known = {one["name"] for one in before}
    variable = ("VAR_POSITIONAL", "VAR_KEYWORD")
    for name, one in after.items():
        if name not in known and "default" not in one and one["kind"] not in variable:
            yield f"one that needs {name}"
