"""A run in several processes: its order, files that are read once, its reports, and its counts."""

from __future__ import annotations

import functools
import gc
import sys
from collections.abc import Callable, Generator, Iterator
from typing import Any

import pytest

type Record = Callable[[str, object], None]
"""What pytest's `record_property` is."""

COUNTED = "counted"
"""The name of a property that a run says at its end: `record_property(COUNTED, "2,000 sent")`."""

TAKE_LONG = (
    "tests/e2e/",
    "tests/promises/hostile/",
    "tests/project/checkout/",
    "tests/promises/security/",
    "tests/integration/",
)
"""They start first, or one process would do the last of them while the other has no more to do."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for folder in reversed(TAKE_LONG):
        items.sort(key=lambda item, folder=folder: not item.nodeid.startswith(folder))


def pytest_collection_finish() -> None:
    """Has no collection of garbage look again at thousands of tests and modules, which stay to the end."""
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def _what_botocore_knows_of_aws_is_read_once() -> Iterator[None]:
    """Keeps its JSON, and the names of its files and its events: a run has hundreds of sessions."""
    loaders, hooks = sys.modules.get("botocore.loaders"), sys.modules.get("botocore.hooks")
    with pytest.MonkeyPatch.context() as patch:
        if hooks is not None:
            name = hooks.EventAliaser(hooks.HierarchicalEmitter())._alias_event_name
            patch.setattr(hooks.EventAliaser, "_alias_event_name", lambda _, event: name(event))
        if loaders is not None:
            read = functools.cache(loaders.JSONFileLoader().load_file)
            patch.setattr(loaders.JSONFileLoader, "load_file", lambda _, path: read(path))
            look = loaders.Loader.list_available_services
            patch.setattr(loaders.Loader, "list_available_services", _once_for_each_path(look))
        yield


def _once_for_each_path(look: Callable[[Any, str], Any]) -> Callable[[Any, str], Any]:
    """Returns `look`, which takes a loader and a type of files, and looks at each list of folders once."""
    seen: dict[tuple[str, ...], Any] = {}

    def known(loader: Any, type_name: str) -> Any:
        key = (type_name, *loader.search_paths)
        return seen[key] if key in seen else seen.setdefault(key, look(loader, type_name))

    return known


@pytest.hookimpl(wrapper=True)
def pytest_report_to_serializable() -> Generator[None, Any, Any]:
    return whole_characters((yield))


def whole_characters(value: Any) -> Any:
    """Returns `value` with `\\ud800` in the place of half a character, which UTF-8 has no bytes for.

    Hostile messages have such, so logs and reports quote them. Reports travel as UTF-8.
    """
    match value:
        case str():
            return value.encode("utf-8", "backslashreplace").decode("utf-8")
        case dict():
            return {whole_characters(key): whole_characters(one) for key, one in value.items()}
        case list() | tuple():
            return type(value)(map(whole_characters, value))
        case _:
            return value


def pytest_terminal_summary(terminalreporter: Any) -> None:
    said = [
        value
        for outcome in ("passed", "failed")
        for report in terminalreporter.getreports(outcome)
        for name, value in report.user_properties
        if name == COUNTED and report.when == "call"
    ]
    if said:
        terminalreporter.section("counted")
    for line in said:
        terminalreporter.write_line(line)
