"""The modules of the project, as the rules look at them: their syntax trees, never imported."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).parents[3]


@dataclass(frozen=True)
class Module:
    """One file of Python. `name` is what it is imported by."""

    path: Path
    name: str

    def __str__(self) -> str:
        return self.name

    @property
    def package(self) -> str:
        return self.name.partition(".")[0]

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.path.read_text(encoding="utf-8"))

    @cached_property
    def imports(self) -> set[str]:
        """Every module that it imports, anywhere. `from a import b` counts as `a` and `a.b`."""
        found: set[str] = set()
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{self.name} imports relatively; write the whole name"
                assert node.module is not None
                found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
        return found

    def functions(self) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
        for node in ast.walk(self.tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield node


def modules_below(folder: str) -> list[Module]:
    root = ROOT / folder
    return [
        Module(path, ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__"))
        for path in sorted(root.rglob("*.py"))
    ]


SRC = modules_below("src")
TOOLS = modules_below("tools")
OURS = {module.package for module in SRC + TOOLS}
