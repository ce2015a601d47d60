"""Does each constant name mean one thing, and is it called as everywhere?"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator

from tests.project.architecture.modules import SRC, TOOLS, Module


def constants(module: Module) -> Iterator[tuple[str, str]]:
    """Yields each name that a module assigns at its top, and its value, also of several at once."""
    for node in module.tree.body:
        if not isinstance(node, ast.Assign):
            continue
        for target in node.targets:
            match target, node.value:
                case ast.Tuple(elts=names), ast.Tuple(elts=values):
                    yield from zip(map(ast.unparse, names), map(ast.unparse, values), strict=True)
                case name, value:
                    yield ast.unparse(name), ast.unparse(value)


def test_no_two_modules_give_a_public_constant_of_one_name_different_values() -> None:
    """An import of the wrong one of two is silent."""
    values: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for module in SRC:
        for name, value in constants(module):
            if name.isupper() and not name.startswith("_"):
                values[name][value].append(module.name)

    assert [(name, dict(given)) for name, given in sorted(values.items()) if len(given) > 1] == []


def test_a_limit_is_called_max_or_min() -> None:
    """Whoever looks for a limit looks for these words."""
    odd = re.compile(r"_?(MOST|LEAST|LONGEST|SHORTEST|LARGEST|SMALLEST)_")

    assert [f"{one} has {name}" for one in SRC + TOOLS for name, _ in constants(one) if odd.match(name)] == []
