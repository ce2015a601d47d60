"""The template in three shapes: every test that asks for `template` runs on each of them."""

from __future__ import annotations

import pytest
from tests.project.template.reading import TEMPLATE, Template, read
from tests.project.template.yours import with_a_task, without_yours

SHAPES = {
    "as it is": lambda text: text,
    "with the examples deleted": without_yours,
    "with a task's things added": with_a_task,
}


@pytest.fixture(scope="session")
def templates() -> dict[str, Template]:
    text = TEMPLATE.read_text(encoding="utf-8")
    ours = without_yours(text)
    return {name: read(shape(text), ours) for name, shape in SHAPES.items()}


@pytest.fixture(params=SHAPES)
def template(request: pytest.FixtureRequest, templates: dict[str, Template]) -> Template:
    return templates[request.param]


@pytest.fixture
def ours(templates: dict[str, Template]) -> Template:
    """Returns Zigzag's part of the template: in a user's places, anything may stand."""
    return templates["with the examples deleted"]


@pytest.fixture
def shipped(templates: dict[str, Template]) -> Template:
    return templates["as it is"]
