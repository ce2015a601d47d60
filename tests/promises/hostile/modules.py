"""The modules of a hostile world's tasks: imports take long, hang, kill or fail, and deploys may be bad."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from zigzag import Task

PREFIX = "hostile_module_"


class Modules(Mapping[str, "str | Task[Any, Any, Any]"]):
    """A table of tasks, some of which are in modules that each process imports again.

    at_import -- called with the task's name while its module is imported.
    missing   -- names that the table lacks as it was deployed last.
    broken    -- names of tasks whose modules can't be imported as they were deployed last.
    """

    def __init__(
        self,
        tasks: Mapping[str, Task[Any, Any, Any]],
        imported: Mapping[str, Task[Any, Any, Any]],
        at_import: Callable[[str], None],
    ) -> None:
        self.missing: set[str] = set()
        self.broken: set[str] = set()
        self._tasks = dict(tasks)
        self._finder = _Finder(self, imported, at_import)
        sys.meta_path.append(self._finder)

    def close(self) -> None:
        self._finder.forget()
        sys.meta_path.remove(self._finder)

    def __getitem__(self, name: str) -> str | Task[Any, Any, Any]:
        if name in self.missing:
            raise KeyError(name)
        if name in self._finder.imported or name in self.broken:
            return self._finder.new_name(name)
        return self._tasks[name]

    def __iter__(self) -> Iterator[str]:
        names = {*self._tasks, *self._finder.imported}
        return iter(sorted(names - self.missing))

    def __len__(self) -> int:
        return len(list(iter(self)))

    def __contains__(self, name: object) -> bool:
        return name not in self.missing and (name in self._tasks or name in self._finder.imported)


class _Finder(MetaPathFinder, Loader):
    """Finds the modules of one world, each under a name that is used once: so it is imported each time."""

    def __init__(
        self, table: Modules, imported: Mapping[str, Task[Any, Any, Any]], at_import: Callable[[str], None]
    ) -> None:
        self.imported = imported
        self._table = table
        self._at_import = at_import
        self._tasks: dict[str, str] = {}
        self._loaded: list[str] = []
        self._numbers = itertools.count(1)

    def new_name(self, task: str) -> str:
        self.forget()
        name = f"{PREFIX}{id(self)}_{next(self._numbers)}"
        self._tasks[name] = task
        return name

    def forget(self) -> None:
        while self._loaded:
            sys.modules.pop(self._loaded.pop(), None)

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        return ModuleSpec(name, self) if name in self._tasks else None

    def exec_module(self, module: ModuleType) -> None:
        task = self._tasks.pop(module.__name__)
        if task in self._table.broken:
            raise ImportError("a bad deploy")
        self._at_import(task)
        setattr(module, task, self.imported[task])
        self._loaded.append(module.__name__)
