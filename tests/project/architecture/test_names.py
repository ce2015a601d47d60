"""Does each constant name mean one thing? An import of the wrong one of two is silent."""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

SRC = Path(__file__).parents[3] / "src"


def test_no_two_modules_give_a_public_constant_of_one_name_different_values() -> None:
    values: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for file in SRC.rglob("*.py"):
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            if (
                isinstance(node, ast.Assign)
                and len(node.targets) == 1
                and isinstance(node.targets[0], ast.Name)
            ):
                name = node.targets[0].id
                if name.isupper() and not name.startswith("_"):
                    values[name][ast.unparse(node.value)].append(str(file.relative_to(SRC)))

    assert [(name, dict(given)) for name, given in sorted(values.items()) if len(given) > 1] == []
