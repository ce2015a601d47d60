"""Is every package that src/ imports declared? Here one may be installed for the tools; Lambda has none.

    declared.py PROJECT

Declared is what src/requirements.txt lists; boto3 and what it needs are there anyway. An import under
`if TYPE_CHECKING`, or in a `try` that expects an ImportError, need not succeed. Ends with 1 at an offender.
"""

from __future__ import annotations

import ast
import json
import re
import sys
from collections.abc import Iterator
from importlib.metadata import Distribution, distributions
from pathlib import Path

RUNTIMES_OWN = {"boto3", "botocore", "s3transfer", "jmespath", "dateutil", "six", "urllib3"}
"""What Lambda's runtime for Python has, by the names that are imported."""


def main(project: Path) -> int:
    src = project / "src"
    lines = [line.strip() for line in (src / "requirements.txt").read_text(encoding="utf-8").splitlines()]
    declared = [one for one in distributions() if _is_listed(one, lines)]
    files = {str(file) for one in declared for file in one.files or []}
    known = RUNTIMES_OWN | sys.stdlib_module_names | {entry.stem for entry in src.iterdir()}
    offenders = [
        f"{file.relative_to(project)}:{line}: imports {name}, which no line of src/requirements.txt brings"
        for file in sorted(src.rglob("*.py"))
        for line, name in _imports(ast.parse(file.read_text(encoding="utf-8")))
        if name.partition(".")[0] not in known and not _is_in(name, files)
    ]
    print("\n".join(offenders or ["every import is declared"]))
    return 1 if offenders else 0


def _is_listed(distribution: Distribution, lines: list[str]) -> bool:
    """By its name, or, if it was installed from a folder or an address, by that."""
    said = json.loads(distribution.read_text("direct_url.json") or "{}").get("url", "")
    folder = said.removeprefix("file://").rpartition("/")[2]
    for line in lines:
        named = re.match(r"[A-Za-z0-9._-]+", line)
        if named and _plain(named[0]) == _plain(distribution.name):
            return True
        if folder and "/" in line and line.partition(" #")[0].rstrip("/ ").endswith(f"/{folder}"):
            return True
    return False


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _is_in(module: str, files: set[str]) -> bool:
    """Whether one of the files is the module, or is in it."""
    path = module.replace(".", "/")
    return any(file.startswith((f"{path}/", f"{path}.", f"__editable__.{path}")) for file in files)


def _imports(node: ast.AST) -> Iterator[tuple[int, str]]:
    """Each import that has to succeed: its line, and the module."""
    if isinstance(node, ast.Import):
        yield from ((node.lineno, alias.name) for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
        yield node.lineno, node.module
    optional = (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)) or (
        isinstance(node, ast.Try)
        and any(one.type and "ImportError" in ast.unparse(one.type) for one in node.handlers)
    )
    skipped = node.body if optional and isinstance(node, ast.If | ast.Try) else []
    for child in ast.iter_child_nodes(node):
        if child not in skipped:
            yield from _imports(child)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
