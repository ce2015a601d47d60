"""Checks that every package that src/ imports is declared. Here the tools may have installed it; on Lambda it
would be missing.

    declared.py PROJECT

A package is declared if src/requirements.txt lists it for Lambda. boto3 and its dependencies are there
anyway. An import under `if TYPE_CHECKING`, or in a `try` that goes on after an ImportError, may fail. An
import whose name the code computes is not seen. The exit code is 1 if an import is not declared.
"""

from __future__ import annotations

import ast
import json
import re
import sys
from collections.abc import Iterator, Sequence
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import NamedTuple

from packaging.requirements import InvalidRequirement, Requirement

RUNTIMES_OWN = {"boto3", "botocore", "s3transfer", "jmespath", "dateutil", "six", "urllib3"}
"""The packages of Lambda's runtime for Python, by the names that are imported."""

OURS = {"consumer": ["consumer", "shared"], "worker": ["worker", "shared", "zigzag", "tasks"]}
"""The folders of src/ that each function has, as in `src/package/package.mk`. The worker has other packages,
too."""

LAMBDAS: list[dict[str, str]] = [
    {
        "sys_platform": "linux",
        "platform_system": "Linux",
        "os_name": "posix",
        "python_version": "3.13",
        "python_full_version": "3.13.0",
        "implementation_name": "cpython",
        "platform_machine": machine,
    }
    for machine in ("x86_64", "aarch64")
]
"""Lambda's values for a line's condition,
https://packaging.python.org/en/latest/specifications/dependency-specifiers/"""


class Imported(NamedTuple):
    """An import that has to succeed. `names` are imported from the module."""

    line: int
    module: str
    names: Sequence[str] = ()


def main(project: Path) -> int:
    src = project / "src"
    lines = [line.strip() for line in (src / "requirements.txt").read_text(encoding="utf-8").splitlines()]
    declared = [one for one in distributions() if any(_lists(line, one) for line in lines)]
    files = {str(file) for one in declared for file in one.files or []}
    offenders = [
        f"{file.relative_to(project)}:{found.line}: imports {module}, which {lacks}"
        for who, folders in OURS.items()
        for file in sorted(file for folder in folders for file in (src / folder).rglob("*.py"))
        for found in _imports(ast.parse(file.read_text(encoding="utf-8")))
        for module, lacks in _lacking(found, who, src, files)
    ]
    print("\n".join(dict.fromkeys(offenders)) or "every import is declared")
    return 1 if offenders else 0


def _lacking(found: Imported, who: str, src: Path, files: set[str]) -> Iterator[tuple[str, str]]:
    """Yields the modules of an import that a function's package lacks, with the reason in words."""
    top = found.module.partition(".")[0]
    if top in RUNTIMES_OWN | sys.stdlib_module_names:
        return
    if (src / top).exists() or (src / f"{top}.py").exists():
        path = src / found.module.replace(".", "/")
        if top not in OURS[who] or not (path.is_dir() or path.with_suffix(".py").exists()):
            yield found.module, f"is not in the {who}'s package"
    elif who != "worker":
        yield found.module, f"the {who}'s package does not have: it has no third-party packages"
    else:
        lacks = "no line of src/requirements.txt brings"
        yield from ((module, lacks) for module in _needed(found, files) if not _is_in(module, files))


def _needed(found: Imported, files: set[str]) -> list[str]:
    """Returns the module; for a folder that several packages may share, the modules imported from it."""
    path = found.module.replace(".", "/")
    inside = {file.removeprefix(f"{path}/") for file in files if file.startswith(f"{path}/")}
    shared = inside and not any(file.startswith("__init__.") for file in inside)
    return [f"{found.module}.{name}" for name in found.names] if shared else [found.module]


def _lists(line: str, distribution: Distribution) -> bool:
    """Returns whether a line brings the distribution to Lambda, by its name or its folder."""
    text = re.split(r"\s(?:#|--hash)", line)[0].rstrip("\\ ")
    named = re.match(r"[A-Za-z0-9._-]+", text)
    if named and not text.startswith("-") and _plain(named[0]) == _plain(distribution.name):
        return _is_for_lambda(text)
    said = json.loads(distribution.read_text("direct_url.json") or "{}").get("url", "")
    folder = said.removeprefix("file://").rpartition("/")[2]
    return bool(folder) and "/" in text and text.rstrip("/").endswith(f"/{folder}")


def _is_for_lambda(text: str) -> bool:
    """Returns whether the line's condition, if it has one, holds on both processors."""
    try:
        marker = Requirement(text).marker
    except InvalidRequirement:
        return True  # an address
    return marker is None or all(marker.evaluate(one) for one in LAMBDAS)


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _is_in(module: str, files: set[str]) -> bool:
    """Returns whether one of the files is the module or is inside it."""
    path = module.replace(".", "/")
    linked = f"__editable__.{path.partition('/')[0]}"
    return any(file.startswith((f"{path}/", f"{path}.", linked)) for file in files)


def _imports(node: ast.AST) -> Iterator[Imported]:
    if isinstance(node, ast.Import):
        yield from (Imported(node.lineno, alias.name) for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
        yield Imported(node.lineno, node.module, [alias.name for alias in node.names])
    elif isinstance(node, ast.Call) and (called := _named(node)):
        yield Imported(node.lineno, called)
    skipped = _need_not_succeed(node)
    for child in ast.iter_child_nodes(node):
        if child not in skipped:
            yield from _imports(child)


def _named(call: ast.Call) -> str | None:
    """Returns the module that `importlib.import_module` or `__import__` gets as a constant."""
    function = ast.unparse(call.func).rpartition(".")[2]
    told = [*call.args[:1], *(one.value for one in call.keywords if one.arg == "name")]
    if function in ("import_module", "__import__") and told and isinstance(told[0], ast.Constant):
        name = told[0].value
        return name if isinstance(name, str) and not name.startswith(".") else None
    return None


def _need_not_succeed(node: ast.AST) -> Sequence[ast.AST]:
    """Returns the statements of the node whose imports may fail."""
    if isinstance(node, ast.If):
        if isinstance(node.test, ast.UnaryOp) and isinstance(node.test.op, ast.Not):
            return node.orelse if _is_for_types(node.test.operand) else []
        return node.body if _is_for_types(node.test) else []
    if isinstance(node, ast.Try | ast.TryStar):
        goes_on = any(_is_of_imports(one) and not _raises(one) for one in node.handlers)
        return node.body if goes_on else []
    return []


def _is_for_types(test: ast.expr) -> bool:
    if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And):
        return any(_is_for_types(one) for one in test.values)
    return ast.unparse(test).rpartition(".")[2] == "TYPE_CHECKING"


def _is_of_imports(handler: ast.ExceptHandler) -> bool:
    named = [] if handler.type is None else ast.walk(handler.type)
    return any(
        isinstance(one, ast.Name) and one.id in ("ImportError", "ModuleNotFoundError") for one in named
    )


def _raises(handler: ast.ExceptHandler) -> bool:
    return isinstance(handler.body[-1], ast.Raise)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
